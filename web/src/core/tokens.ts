/**
 * The login of this browser: one at a time, shared by all tabs through localStorage.
 *
 * A refresh token is good once, so tabs take turns and whoever comes second uses what the first one got.
 */
import { ApiError } from "./errors";
import { alone } from "./locks";
import type { Login } from "./types";

export interface Session {
  userId: string;
  deviceId: string;
  accessToken: string;
  refreshToken: string;
  /** When the access token ends, ms of this machine's clock. */
  expiresAt: number;
}

/** `reason` is a code of the catalogue when the session ended by the server's will, "" otherwise. */
export type SessionListener = (session: Session | null, reason: string) => void;

/** What is used of localStorage. */
export type SessionStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const NAME = "resonance.session";

export class Tokens {
  readonly #storage: SessionStorage;
  readonly #channel: BroadcastChannel;
  readonly #listeners = new Set<SessionListener>();
  /** The last word of another tab, which may come before what it stored can be seen here. */
  #reason = "";
  readonly #stored = ({ key }: StorageEvent) => {
    if (key === NAME || key === null) this.#tell(this.#reason);
  };

  constructor(storage: SessionStorage = localStorage) {
    this.#storage = storage;
    this.#channel = new BroadcastChannel(NAME);
    this.#channel.addEventListener("message", ({ data }: MessageEvent<string>) => {
      this.#reason = data;
      this.#tell(data);
    });
    globalThis.window?.addEventListener("storage", this.#stored);
  }

  /** Who is logged in, as of now and for all tabs. */
  get session(): Session | null {
    const text = this.#storage.getItem(NAME);
    return text === null ? null : (JSON.parse(text) as Session);
  }

  /** Keep what a login, registration or refresh gave. */
  accept(login: Login): Session {
    const session: Session = {
      userId: login.user.id,
      deviceId: login.device_id,
      accessToken: login.access_token,
      refreshToken: login.refresh_token,
      expiresAt: Date.now() + login.expires_in * 1000,
    };
    this.#storage.setItem(NAME, JSON.stringify(session));
    this.#changed("");
    return session;
  }

  /** Forget the login, in all tabs. */
  clear(reason = ""): void {
    this.#storage.removeItem(NAME);
    this.#changed(reason);
  }

  /** Be told of every login, refresh and logout, of this tab and of others. Returns how to end that. */
  subscribe(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Exchange the refresh token, unless somebody has since the access token `stale` was current.
   *
   * A refusal of the server's ends the session; that there is no answer does not.
   */
  async refresh(stale: string, exchange: (refreshToken: string) => Promise<Login>): Promise<Session> {
    return alone(`${NAME}.refresh`, async () => {
      const { session } = this;
      if (session === null) throw new ApiError("unauthenticated", "nobody is logged in", { status: 401 });
      if (session.accessToken !== stale) return session;
      try {
        return this.accept(await exchange(session.refreshToken));
      } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.status === 403)) this.clear(error.code);
        throw error;
      }
    });
  }

  /** Listen to other tabs no more. */
  close(): void {
    this.#channel.close();
    globalThis.window?.removeEventListener("storage", this.#stored);
    this.#listeners.clear();
  }

  #changed(reason: string): void {
    // A channel reaches this origin only; it takes no target.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#channel.postMessage(reason);
    this.#tell(reason);
  }

  #tell(reason: string): void {
    const { session } = this;
    for (const listener of this.#listeners) listener(session, reason);
  }
}
