/**
 * Sends what waits in the database, in order: messages, and read pointers that the server was not told of.
 *
 * Only one tab sends at a time, one that is connected, whichever tab a message was written in; so there
 * is one order. What got no answer is sent again on the next connection: the keys make that safe.
 */
import { liveQuery, type Subscription } from "dexie";
import { Backoff } from "./backoff";
import type { Database } from "./db";
import { alone } from "./locks";
import type { Action } from "./model";
import type { Acked, ClientPacket } from "./packets";

/** How often a message is tried that is refused for now, before the refusal stands. */
const MAX_ATTEMPTS = 8;

export interface OutboxOptions {
  db: Database;
  /** Send a packet on the present connection; says whether there is one. */
  transmit(packet: ClientPacket): boolean;
  /** Have an action applied, and wait until it is. */
  dispatch(action: Action): Promise<unknown>;
  /** Run something that nobody waits for. */
  run(work: () => Promise<unknown>): void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  /** Releases the lock, or ends the wait for it; null while there is no connection. */
  #leave: (() => void) | null = null;
  /** This tab holds the lock. */
  #sending = false;
  /** How many messages may await an answer; the server says so. */
  #window = 1;
  /** Keys of messages, and packet numbers of reads, that await an answer of the present connection. */
  readonly #flying = new Set<string>();
  readonly #reads = new Map<string, { conversationId: string; asked: number }>();
  #lastRead = 0;
  readonly #attempts = new Map<string, number>();
  readonly #hold = new Backoff();
  #heldUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A flush is under way; `again` says that something changed meanwhile. */
  #flushing = false;
  #again = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Take that there is a connection that takes up to `window` messages without an answer. */
  connected(window: number): void {
    this.disconnected();
    this.#window = Math.max(1, window);
    const abort = new AbortController();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    this.#leave = () => {
      abort.abort();
      release();
    };
    const name = `resonance.outbox.${this.#options.db.userId}`;
    alone(name, () => this.#send(abort.signal, held), abort.signal).catch(() => undefined);
  }

  /** Take that the connection is gone: whatever had no answer is to be sent again. */
  disconnected(): void {
    this.#leave?.();
    this.#leave = null;
    this.#sending = false;
    this.#flying.clear();
    this.#reads.clear();
    clearTimeout(this.#timer);
  }

  async #send(gone: AbortSignal, held: Promise<void>): Promise<void> {
    if (gone.aborted) return;
    this.#sending = true;
    const { db } = this.#options;
    const waiting = () =>
      Promise.all([
        db.outgoing.where({ state: "queued" }).primaryKeys(),
        db.conversations.where("pendingRead").above(0).primaryKeys(),
      ]);
    // What other tabs write is seen here, too.
    const subscription: Subscription = liveQuery(waiting).subscribe({
      next: () => this.flush(),
      error: () => undefined,
    });
    await held;
    subscription.unsubscribe();
  }

  /** Send what may be sent now. */
  flush(): void {
    if (!this.#sending) return;
    this.#again = true;
    if (!this.#flushing) this.#options.run(() => this.#flush());
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    try {
      while (this.#again && this.#sending) {
        this.#again = false;
        await this.#flushMessages();
        await this.#flushReads();
      }
    } finally {
      this.#flushing = false;
    }
  }

  async #flushMessages(): Promise<void> {
    if (Date.now() < this.#heldUntil || this.#flying.size >= this.#window) return;
    const { db, transmit } = this.#options;
    const rows = await db.outgoing.where({ state: "queued" }).limit(this.#window).toArray();
    for (const { key, conversationId, type, content, extra } of rows) {
      if (!this.#sending || this.#flying.size >= this.#window) return;
      if (this.#flying.has(key)) continue;
      if (!transmit({ kind: "chat", key, conversationId, type, content, extra })) return;
      this.#flying.add(key);
    }
  }

  async #flushReads(): Promise<void> {
    const { db, transmit } = this.#options;
    const rows = await db.conversations.where("pendingRead").above(0).toArray();
    const asked = new Map([...this.#reads.values()].map((read) => [read.conversationId, read.asked]));
    for (const { id, pendingRead } of rows) {
      if (!this.#sending) return;
      if ((asked.get(id) ?? 0) >= pendingRead) continue;
      this.#lastRead += 1;
      const ref = `read-${this.#lastRead}`;
      if (!transmit({ kind: "read", ref, conversationId: id, seq: pendingRead })) return;
      this.#reads.set(ref, { conversationId: id, asked: pendingRead });
    }
  }

  /** Take the answer to a message. */
  acked(ack: Acked): void {
    const attempts = (this.#attempts.get(ack.key) ?? 0) + 1;
    if (ack.code && ack.retry && attempts < MAX_ATTEMPTS) {
      this.#flying.delete(ack.key);
      this.#attempts.set(ack.key, attempts);
      this.#later();
      return;
    }
    this.#attempts.delete(ack.key);
    if (!ack.code) this.#hold.succeeded();
    this.#options.run(() => this.#settle(ack));
  }

  /** Have an answer applied. Until it is, the message is queued in the database, and would be sent again. */
  async #settle(ack: Acked): Promise<void> {
    try {
      await this.#options.dispatch({ type: "ack", ack });
    } finally {
      this.#flying.delete(ack.key);
    }
    this.flush();
  }

  /** Take the answer to a read. */
  readAcked(ref: string, readSeq: number): void {
    const read = this.#reads.get(ref);
    if (!read) return;
    this.#reads.delete(ref);
    this.#options.run(() => this.#options.dispatch({ type: "readAck", ...read, readSeq }));
  }

  /** Take that a packet was refused; only reads are refused like that. */
  refused(ref: string, retry: boolean): void {
    const read = this.#reads.get(ref);
    if (!read) return;
    this.#reads.delete(ref);
    const { conversationId } = read;
    if (retry) this.#later();
    else this.#options.run(() => this.#options.dispatch({ type: "readRefused", conversationId }));
  }

  /** Leave a server in need alone for a while. */
  #later(): void {
    if (Date.now() < this.#heldUntil) return;
    const delay = this.#hold.failed();
    this.#heldUntil = Date.now() + delay;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), delay + 1);
  }
}
