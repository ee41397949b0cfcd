/** Fetches what is missing: what changed, by rounds of sync, and entries, by pulls; until nothing is missing. */
import type { Api } from "./api";
import { Backoff } from "./backoff";
import type { Database } from "./db";
import { asApiError } from "./errors";
import type { Action, Conversation } from "./model";
import { missing, older, pieceOf, type PieceRequest } from "./rows";
import { isEmpty } from "./segment";
import type { MessagePage } from "./types";

/** Milliseconds that a push may lack its predecessor before it is pulled: an ack may overtake a push. */
const GAP_GRACE = 50;
/** Entries in a pull, and in a page of history; the first page is longer where more is unread, up to what the server gives. */
const PULL = 500;
const PAGE = 60;
const MAX_PAGE = 200;
const PARALLEL_PULLS = 4;

export interface CatchUpOptions {
  db: Database;
  api: Api;
  /** Have an action applied, and wait until it is. */
  dispatch(action: Action): Promise<unknown>;
  /** Run something that nobody waits for. */
  run(work: () => Promise<unknown>): void;
  /** A round of sync is complete; `first` on the present connection. */
  synced(first: boolean): void;
  /** Nothing is missing any more. */
  caughtUp(): void;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  #connected = false;
  /** A sync is due; one is under way; the present connection has had a complete one. */
  #syncWanted = false;
  #syncing = false;
  #synced = false;
  readonly #syncBackoff = new Backoff();
  /** Conversations with a pull under way or due, and whether something was heard of them since. */
  readonly #pulls = new Map<string, boolean>();
  #running = 0;
  readonly #turns: (() => void)[] = [];
  readonly #olders = new Map<string, Promise<boolean>>();
  readonly #sleeps = new Set<() => void>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Take that there is a connection: from here on pushes come, and what was before has to be fetched. */
  connected(): void {
    this.#connected = true;
    this.#synced = false;
    this.wantSync();
  }

  /** Take that there is none: nothing is fetched until there is one again. */
  disconnected(): void {
    this.#connected = false;
    for (const wake of this.#sleeps) wake();
  }

  /** Take that something changed that only a sync tells. */
  wantSync(): void {
    this.#syncWanted = true;
    if (!this.#syncing && this.#connected) this.#options.run(() => this.#sync());
  }

  /** Fetch a page of what comes before the entries that are here. Says whether there is still more. */
  loadOlder(conversationId: string): Promise<boolean> {
    const running = this.#olders.get(conversationId);
    if (running) return running;
    const work = this.#loadOlder(conversationId).finally(() => this.#olders.delete(conversationId));
    this.#olders.set(conversationId, work);
    return work;
  }

  async #sync(): Promise<void> {
    this.#syncing = true;
    while (this.#syncWanted && this.#connected) {
      this.#syncWanted = false;
      try {
        await this.#syncRound();
        this.#syncBackoff.succeeded();
      } catch (error) {
        this.#syncWanted = true;
        if (asApiError(error).code === "refetch")
          await this.#options.dispatch({ type: "refetch" }).catch(() => undefined);
        await this.#sleep(this.#syncBackoff.failed());
      }
    }
    this.#syncing = false;
    if (!this.#connected) return;
    const first = !this.#synced;
    this.#synced = true;
    // Also gaps that an earlier page left behind: no sync tells of them again.
    if (first)
      for (const row of await this.#options.db.conversations.toArray()) if (missing(row)) this.pullSoon(row.id);
    this.#settle();
    this.#options.synced(first);
  }

  async #syncRound(): Promise<void> {
    let meta = await this.#options.db.readMeta();
    // A round that another page began: what changed since then, the next one tells.
    if (meta.more) this.#syncWanted = true;
    do {
      const { token: asked, epoch } = meta;
      const page = await this.#options.api.sync(asked);
      await this.#options.dispatch({ type: "sync", asked, epoch, page });
      meta = await this.#options.db.readMeta();
    } while (meta.more);
  }

  /** Everything is here once the sync is through and no conversation is behind. */
  #settle(): void {
    const caughtUp = this.#synced && this.#connected && this.#pulls.size === 0;
    if (caughtUp) this.#options.caughtUp();
  }

  /** Take that entries of a conversation may be missing at its end. */
  pullSoon(conversationId: string): void {
    if (!this.#connected) return;
    const running = this.#pulls.has(conversationId);
    this.#pulls.set(conversationId, running);
    if (running) return;
    this.#options.run(() => this.#pull(conversationId).finally(() => this.#pulled(conversationId)));
  }

  #pulled(conversationId: string): void {
    const again = this.#pulls.get(conversationId) ?? false;
    this.#pulls.delete(conversationId);
    if (again) this.pullSoon(conversationId);
    this.#settle();
  }

  /** Fetch what a conversation lacks at its end, until it lacks nothing. */
  async #pull(conversationId: string): Promise<void> {
    const backoff = new Backoff();
    await this.#sleep(GAP_GRACE);
    for (;;) {
      const row = await this.#options.db.conversations.get(conversationId);
      const request = row ? missing(row) : null;
      if (!request || !this.#connected) return;
      try {
        await this.#inTurn(() => this.#fetch(request));
      } catch (error) {
        // Refused for good: asked again when something new is heard of it.
        if (!asApiError(error).retry) return;
      }
      const now = await this.#options.db.conversations.get(conversationId);
      if (now?.last === row?.last && now?.visibleSeq === row?.visibleSeq) await this.#sleep(backoff.failed());
    }
  }

  async #loadOlder(conversationId: string): Promise<boolean> {
    const row = await this.#options.db.conversations.get(conversationId);
    const request = row ? older(row) : null;
    if (!request) return false;
    await this.#fetch(request);
    const now = await this.#options.db.conversations.get(conversationId);
    return now !== undefined && older(now) !== null;
  }

  /** Fetch a piece of a log, and have it applied. */
  async #fetch(request: PieceRequest): Promise<void> {
    const { conversationId } = request;
    const [row, { epoch }] = await Promise.all([
      this.#options.db.conversations.get(conversationId),
      this.#options.db.readMeta(),
    ]);
    if (!row) return;
    const page: MessagePage =
      "begin" in request
        ? await this.#options.api.range(conversationId, request.begin, PULL)
        : await this.#options.api.history(conversationId, request.before, pageFor(row));
    await this.#options.dispatch({ type: "piece", piece: pieceOf(row, epoch, page) });
  }

  /** Run `work` when fewer than PARALLEL_PULLS run. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#running >= PARALLEL_PULLS) {
      await new Promise<void>((resolve) => {
        this.#turns.push(resolve);
      });
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#turns.shift()?.();
    }
  }

  /** Wait, but not beyond the end of the engine. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleeps.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#sleeps.add(wake);
    });
  }
}

/** How many entries to ask for: first of all what is unread, with the last one that was read. */
function pageFor(row: Conversation): number {
  return isEmpty(row) ? Math.min(MAX_PAGE, Math.max(PAGE, row.visibleSeq - row.readSeq + 1)) : PAGE;
}
