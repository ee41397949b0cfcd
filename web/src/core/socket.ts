/** A WebSocket that comes back: with a fresh token, after a while, unless the server's close code says not to. */
import { CLOSES } from "@/gen/catalogue";
import { Backoff } from "./backoff";
import { ApiError, asApiError } from "./errors";
import { type ClientPacket, decode, encode, type ServerPacket } from "./packets";

/** Delays between tries rise to this: somebody looks at the page and waits. */
const RETRY_BASE_MS = 250;
const RETRY_CAP_MS = 10_000;
/** Milliseconds from opening to `ready`. */
const READY_MS = 15_000;
/** Silence after which the client asks whether the server is there, and how long it may take to answer. */
const SILENCE_MS = 20_000;
const ANSWER_MS = 8_000;
/** A connection that lasted this long was a good one: the next loss is the first again. */
const STABLE_MS = 10_000;
/** A connection that lost its place for good is the login's end; the code of the catalogue that says why. */
const OVER: Readonly<Record<number, string>> = {
  4500: "token_invalid",
  4502: "token_revoked",
  4503: "token_revoked",
  4504: "user_disabled",
};
const TOKEN_EXPIRED = 4501;

export interface SocketEvents {
  /** On the way. */
  connecting(): void;
  packet(packet: ServerPacket): void;
  /** Not connected; tried again at `retryAt` (ms; 0: only by `retry`). */
  lost(reason: string, retryAt: number): void;
  /** The login is over. */
  over(code: string): void;
}

export interface SocketOptions {
  /** Such as `ws://localhost:8080/ws`. */
  url: string;
  /** An access token that is good for a while. */
  token(): Promise<string>;
  /** Renew this access token. */
  refresh(stale: string): Promise<unknown>;
  /** Ask for anything that needs the token: a browser does not say why an upgrade was refused, this does. */
  probe(): Promise<unknown>;
  events: SocketEvents;
}

export class Socket {
  readonly #options: SocketOptions;
  readonly #backoff = new Backoff(RETRY_BASE_MS, RETRY_CAP_MS);
  #socket: WebSocket | null = null;
  /** Counts attempts, so that what belongs to an earlier one is known. */
  #attempt = 0;
  #running = false;
  #token = "";
  /** When the present connection became ready; 0: it has not. */
  #readyAt = 0;
  /** The last attempt ended before it was ready: find out why before the next one. */
  #unexplained = false;
  /** The token was renewed because it had expired, and no connection has become ready since. */
  #renewed = false;
  #jitterMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    if (typeof window !== "undefined") {
      window.addEventListener("online", this.retry);
      window.addEventListener("offline", this.#wentOffline);
      document.addEventListener("visibilitychange", this.#lookedAt);
    }
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    if (typeof window !== "undefined") {
      window.removeEventListener("online", this.retry);
      window.removeEventListener("offline", this.#wentOffline);
      document.removeEventListener("visibilitychange", this.#lookedAt);
    }
    this.#drop();
  }

  /** Whether packets can be sent. */
  get ready(): boolean {
    return this.#readyAt > 0;
  }

  /** Send a packet if there is a connection; says whether there was. */
  send(packet: ClientPacket): boolean {
    if (!this.ready || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(encode(packet));
    return true;
  }

  /** Connect now, whatever was planned. */
  readonly retry = (): void => {
    if (!this.#running || this.#socket) return;
    this.#backoff.succeeded();
    void this.#connect();
  };

  readonly #wentOffline = (): void => {
    if (this.#socket) this.#lost(0);
  };

  readonly #lookedAt = (): void => {
    if (document.visibilityState !== "visible") return;
    if (this.ready) this.#ask();
    else this.retry();
  };

  async #connect(): Promise<void> {
    this.#drop();
    const attempt = this.#attempt;
    this.#options.events.connecting();
    try {
      if (this.#unexplained) await this.#options.probe();
      const token = await this.#options.token();
      if (attempt !== this.#attempt || !this.#running) return;
      this.#token = token;
      this.#open(token);
    } catch (error) {
      if (attempt === this.#attempt && this.#running) this.#failed(asApiError(error));
    }
  }

  #open(token: string): void {
    // A query would be written to logs of addresses; a subprotocol is not.
    const socket = new WebSocket(this.#options.url, ["resonance.v1", `bearer.${token}`]);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (socket === this.#socket && data instanceof ArrayBuffer) this.#received(new Uint8Array(data));
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(0), READY_MS);
  }

  #received(bytes: Uint8Array): void {
    const packet = decode(bytes);
    if (packet?.kind === "ready") this.#becameReady();
    if (packet?.kind === "goingAway") this.#jitterMs = packet.jitterMs;
    if (this.ready) this.#listen();
    if (packet) this.#options.events.packet(packet);
  }

  #becameReady(): void {
    this.#readyAt = Date.now();
    this.#unexplained = false;
    this.#renewed = false;
  }

  /** Wait for the next packet, but not for ever. */
  #listen(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), SILENCE_MS);
  }

  #ask(): void {
    this.send({ kind: "pulse" });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(0), ANSWER_MS);
  }

  /** Take the end of the connection; `code` 0 when nobody said anything. */
  #lost(code: number): void {
    const wasReady = this.ready;
    if (wasReady && Date.now() - this.#readyAt >= STABLE_MS) this.#backoff.succeeded();
    this.#drop();
    this.#unexplained = !wasReady;
    const over = OVER[code];
    if (over) this.#end(over);
    else if (code === TOKEN_EXPIRED && !this.#renewed) void this.#renew();
    else if (CLOSES[code]?.reconnect ?? code < 4500) this.#later(CLOSES[code]?.reason ?? "");
    else this.#options.events.lost(CLOSES[code]?.reason ?? String(code), 0);
  }

  async #renew(): Promise<void> {
    const attempt = this.#attempt;
    this.#renewed = true;
    this.#options.events.connecting();
    try {
      await this.#options.refresh(this.#token);
      if (attempt === this.#attempt && this.#running) await this.#connect();
    } catch (error) {
      if (attempt === this.#attempt && this.#running) this.#failed(asApiError(error));
    }
  }

  #failed(error: ApiError): void {
    if (error.status === 401 || error.code === "user_disabled") this.#end(error.code);
    else this.#later(error.code);
  }

  #later(reason: string): void {
    const delay = Math.max(this.#backoff.failed(), Math.random() * this.#jitterMs);
    this.#jitterMs = 0;
    this.#timer = setTimeout(() => void this.#connect(), delay);
    this.#options.events.lost(reason, Date.now() + delay);
  }

  #end(code: string): void {
    this.stop();
    this.#options.events.over(code);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt += 1;
    this.#readyAt = 0;
    clearTimeout(this.#timer);
    socket?.close();
  }
}
