/** A real `resonance serve` in a folder of its own, for tests that run in Node: started, killed and restarted by the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PYTHON = process.env.RESONANCE_PYTHON ?? join(process.cwd(), "..", ".venv", "bin", "python");

export class Server {
  /** Where it listens, such as `http://127.0.0.1:41234`; the same after a restart. */
  url = "";
  #folder = "";
  #process: ChildProcess | null = null;
  #port = "0";
  readonly #settings: Record<string, string>;

  /** `settings` are environment variables, as docs/configuration.md has them. */
  constructor(settings: Record<string, string> = {}) {
    this.#settings = settings;
  }

  async start(): Promise<void> {
    this.#folder ||= await mkdtemp(join(tmpdir(), "resonance-"));
    const child = spawn(PYTHON, ["-m", "resonance.cli", "serve"], {
      cwd: this.#folder,
      env: { ...process.env, ...this.#environment() },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      const entry = parsed(line);
      if (entry?.event !== "ready") continue;
      this.url = entry.addresses.http.replace(/\/$/, "");
      this.#port = new URL(this.url).port;
      // What it says later nobody reads, but the pipe must not fill.
      child.stderr.resume();
      return;
    }
    throw new Error(`the server did not start; it said:\n${said.slice(-20).join("\n")}`);
  }

  /** `kill -9`, or another signal, and wait for the end. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  #environment(): Record<string, string> {
    return {
      RESONANCE_DATA_DIR: join(this.#folder, "data"),
      RESONANCE_SERVICE__HTTP_PORT: this.#port,
      RESONANCE_SERVICE__GRPC_PORT: "0",
      RESONANCE_OBSERVABILITY__METRICS__PORT: "0",
      RESONANCE_OBSERVABILITY__LOG__FORMAT: "json",
      RESONANCE_ACCOUNTS__HASH_TIME: "1",
      RESONANCE_ACCOUNTS__HASH_MEMORY_KIB: "8",
      ...this.#settings,
    };
  }
}

function parsed(line: string): { event: string; addresses: { http: string } } | null {
  try {
    return JSON.parse(line) as { event: string; addresses: { http: string } };
  } catch {
    return null;
  }
}
