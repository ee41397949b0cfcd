/**
 * One user's chat in this browser: keeps the database like the server, whatever happens to the connection.
 *
 * Packets and answers become actions; a batch of actions is applied to the database in one transaction while the next
 * batch gathers; what the rows lack then is fetched. Components read the database by live queries, and what is ephemeral
 * from `live`.
 */
import type { Api } from "./api";
import { Backoff } from "./backoff";
import { type Applied, Database, forget } from "./db";
import { ApiError, asApiError } from "./errors";
import { Keys } from "./keys";
import { createLive, type LiveStore, TYPING_MS, withoutTyping, withTyping } from "./live";
import { type Action, MAX_OUTGOING, type Outgoing } from "./model";
import { Outbox } from "./outbox";
import type { ServerPacket, Signal } from "./packets";
import { missing, older, pieceOf, type PieceRequest } from "./reducer";
import { isEmpty } from "./segment";
import { Socket } from "./socket";
import type { ConversationView, MessageKind, MessagePage } from "./types";
import { MAX_TEXT } from "@/gen/catalogue";

/** Milliseconds that a push may lack its predecessor before it is pulled: an ack may overtake a push. */
const GAP_GRACE = 50;
/** Entries in a pull, and in a page of history. */
const PULL = 500;
const PAGE = 60;
const PARALLEL_PULLS = 4;
/** Actions in one transaction, and actions that may wait for theirs; beyond, pushes are dropped and pulled later. */
const BATCH = 500;
const MAX_WAITING = 5000;
/** Milliseconds between two packets that say that the user is typing. */
const TYPING_EVERY = 3000;
/** People whose presence is asked for at a time. */
const MAX_PRESENCE = 500;

export interface EngineOptions {
  /** The WebSocket's address; by default where the page came from. */
  url?: string;
}

interface Waiting {
  action: Action;
  resolve?: (applied: Applied) => void;
  reject?: (error: unknown) => void;
}

export class Engine {
  readonly api: Api;
  readonly userId: string;
  readonly db: Database;
  readonly live: LiveStore = createLive();
  readonly #keys = new Keys();
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  #stopped = false;
  #queue: Waiting[] = [];
  #pumping = false;
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
  /** The conversation that is looked at, "" for none. */
  #open = "";
  readonly #typed = new Map<string, number>();
  readonly #sleeps = new Set<() => void>();
  readonly #unsubscribe: () => void;

  constructor(api: Api, userId: string, { url = defaultUrl() }: EngineOptions = {}) {
    this.api = api;
    this.userId = userId;
    this.db = new Database(userId);
    this.#outbox = new Outbox({
      db: this.db,
      transmit: (packet) => this.#socket.send(packet),
      dispatch: (action) => this.#post(action),
    });
    this.#socket = new Socket({
      url,
      token: () => api.accessToken(),
      refresh: (stale) => api.refresh(stale),
      probe: () => api.me(),
      events: {
        connecting: () => this.live.setState({ connection: "connecting", retryAt: 0 }),
        packet: (packet) => this.#received(packet),
        lost: (reason, retryAt) => this.#lost(reason, retryAt),
        over: (code) => this.#over(code),
      },
    });
    this.#unsubscribe = api.tokens.subscribe((session, reason) => {
      if (session?.userId !== userId) this.#signedOut(reason);
    });
  }

  // ------------------------------------------------------------ life

  /** Connect, and stay connected. */
  start(): void {
    this.#socket.start();
    void this.db.trim().catch(() => undefined);
  }

  /** End everything of this engine; what is unsent waits in the database for the next one. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#disconnect();
    this.#stopped = true;
    this.#unsubscribe();
    while (this.#pumping) await this.#sleep(1);
    this.db.close();
  }

  /** Log out, and delete what this browser keeps of the user. */
  async logout(): Promise<void> {
    await this.api.logout();
    await this.stop();
    await forget(this.userId);
  }

  /** Connect now, instead of when it was planned. */
  retry(): void {
    this.#socket.retry();
  }

  // ------------------------------------------------------------ what the user does

  /** Queue a message; it is shown at once, and sent as soon as there is a connection. Returns its key. */
  async send(conversationId: string, content: string, type: MessageKind = "text", extra = ""): Promise<string> {
    // Code points, as the server counts them.
    const length = type === "text" ? [...content].length : 1;
    if (content === "") throw new ApiError("invalid_argument", "the message is empty", { field: "content" });
    if (length > MAX_TEXT)
      throw new ApiError("too_large", `${length} characters; ${MAX_TEXT} are allowed`, { field: "content" });
    const key = this.#keys.next();
    const row = { key, conversationId, type, content, extra, createdAt: Date.now() };
    const message: Outgoing = { ...row, state: "queued", code: "", error: "" };
    if ((await this.db.outgoing.count()) >= MAX_OUTGOING) {
      throw new ApiError("limit_reached", `${MAX_OUTGOING} messages are waiting to be sent already`);
    }
    await this.#dispatch({ type: "send", message });
    return key;
  }

  /** Send a message again that was refused. */
  async resend(key: string): Promise<void> {
    await this.#dispatch({ type: "resend", key });
  }

  /** Give up a message that was not sent. */
  async discard(key: string): Promise<void> {
    await this.#dispatch({ type: "discard", key });
  }

  /** Take that the user has read up to `seq`; the server is told as soon as there is a connection. */
  async markRead(conversationId: string, seq: number): Promise<void> {
    await this.#dispatch({ type: "read", conversationId, seq });
  }

  /** Tell the others that the user is typing; to be called at every key. */
  typing(conversationId: string): void {
    const now = Date.now();
    if (now - (this.#typed.get(conversationId) ?? 0) < TYPING_EVERY) return;
    if (this.#socket.send({ kind: "typing", conversationId })) this.#typed.set(conversationId, now);
  }

  /** Look at a conversation: its end is fetched if nothing of it is here, and who has read what. "" for none. */
  async open(conversationId: string): Promise<void> {
    this.#open = conversationId;
    await this.#lookAt();
  }

  /** Fetch a page of what comes before the entries that are here. Says whether there is still more. */
  loadOlder(conversationId: string): Promise<boolean> {
    const running = this.#olders.get(conversationId);
    if (running) return running;
    const work = this.#loadOlder(conversationId).finally(() => this.#olders.delete(conversationId));
    this.#olders.set(conversationId, work);
    return work;
  }

  /** The conversation with somebody, made when there is none. Returns its id. */
  openWith(userId: string): Promise<string> {
    return this.command(() => this.api.openSingle(userId));
  }

  /** Run a command that answers with a conversation (making a group, changing settings), and show what it did. Returns the id. */
  async command(work: () => Promise<ConversationView>): Promise<string> {
    const { token: asked, epoch } = await this.db.readMeta();
    const view = await work();
    await this.#dispatch({ type: "view", asked, epoch, view });
    return view.conversation_id;
  }

  // ------------------------------------------------------------ actions

  /** Have an action applied, and learn what it did. */
  #dispatch(action: Action): Promise<Applied> {
    return new Promise((resolve, reject) => this.#enqueue({ action, resolve, reject }));
  }

  /** Have an action applied. */
  #post(action: Action): void {
    this.#enqueue({ action });
  }

  #enqueue(waiting: Waiting): void {
    if (this.#stopped) {
      waiting.reject?.(new ApiError("unavailable", "the engine was stopped"));
      return;
    }
    if (waiting.action.type === "push" && this.#queue.length >= MAX_WAITING) {
      this.#wantSync();
      return;
    }
    this.#queue.push(waiting);
    if (!this.#pumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#queue.length > 0) await this.#applyBatch(this.#queue.splice(0, BATCH));
    this.#pumping = false;
  }

  async #applyBatch(batch: Waiting[]): Promise<void> {
    try {
      const applied = await this.db.apply(batch.map(({ action }) => action));
      if (this.live.getState().storageFailed) this.live.setState({ storageFailed: false });
      this.#after(applied);
      for (const { resolve } of batch) resolve?.(applied);
    } catch (error) {
      // The disk is full, or the database was deleted: what was lost here the server has still.
      this.live.setState({ storageFailed: true });
      for (const { reject } of batch) reject?.(asApiError(error));
      this.#syncWanted = true;
    }
  }

  #after({ sync, conversations, outgoing }: Applied): void {
    for (const row of conversations) if (missing(row)) this.#pullSoon(row.id);
    if (outgoing || conversations.some((row) => row.pendingRead > 0)) this.#outbox.flush();
    if (sync) this.#wantSync();
  }

  // ------------------------------------------------------------ the connection

  #received(packet: ServerPacket): void {
    switch (packet.kind) {
      case "ready":
        void this.#ready(packet.epoch, packet.maxInFlight);
        break;
      case "push": {
        const { conversation_id: conversationId, sender_id: sender } = packet.message;
        this.live.setState(withoutTyping(this.live.getState(), conversationId, sender));
        this.#post({ type: "push", message: packet.message });
        break;
      }
      case "ack":
        this.#outbox.acked(packet.ack);
        break;
      case "readAck":
        this.#outbox.readAcked(packet.ref, packet.readSeq);
        break;
      case "fault":
        this.#outbox.refused(packet.ref, packet.retry);
        break;
      case "signal":
        this.#signalled(packet.signal);
        break;
      case "syncHint":
        this.#wantSync();
        break;
      case "goingAway":
      case "pulse":
        break;
    }
  }

  async #ready(epoch: string, window: number): Promise<void> {
    this.#synced = false;
    this.live.setState({ connection: "syncing", retryAt: 0, reason: "" });
    // The epoch first: another one voids what is here.
    await this.#dispatch({ type: "ready", epoch }).catch(() => undefined);
    if (this.#socket.ready) this.#outbox.connected(window);
    this.#wantSync();
  }

  #lost(reason: string, retryAt: number): void {
    this.#outbox.disconnected();
    this.live.setState({ connection: "offline", reason, retryAt, typing: {}, presence: {} });
  }

  #over(code: string): void {
    if (this.api.tokens.session?.userId === this.userId) this.api.tokens.clear(code);
    this.#signedOut(code);
  }

  #signedOut(reason: string): void {
    if (this.#stopped || this.live.getState().connection === "signed-out") return;
    this.#disconnect();
    this.live.setState({ connection: "signed-out", reason, retryAt: 0, typing: {}, presence: {} });
  }

  #disconnect(): void {
    this.#socket.stop();
    this.#outbox.disconnected();
    for (const wake of this.#sleeps) wake();
  }

  #signalled(signal: Signal): void {
    const live = this.live.getState();
    if (signal.kind === "presence") {
      const presence = { online: signal.online, lastSeenAt: signal.lastSeenAt };
      this.live.setState({ presence: { ...live.presence, [signal.userId]: presence } });
    } else if (signal.kind === "typing") {
      this.live.setState(withTyping(live, signal.conversationId, signal.userId, Date.now() + TYPING_MS));
    } else {
      this.#post({ type: "signal", signal });
    }
  }

  // ------------------------------------------------------------ catching up

  #wantSync(): void {
    this.#syncWanted = true;
    if (!this.#syncing && this.#socket.ready) void this.#sync();
  }

  async #sync(): Promise<void> {
    this.#syncing = true;
    while (this.#syncWanted && this.#socket.ready) {
      this.#syncWanted = false;
      try {
        await this.#syncRound();
        this.#syncBackoff.succeeded();
      } catch (error) {
        this.#syncWanted = true;
        if (asApiError(error).code === "refetch") await this.#dispatch({ type: "refetch" }).catch(() => undefined);
        await this.#sleep(this.#syncBackoff.failed());
      }
    }
    this.#syncing = false;
    if (!this.#socket.ready) return;
    const first = !this.#synced;
    this.#synced = true;
    // Also gaps that an earlier page left behind: no sync tells of them again.
    if (first) for (const row of await this.db.conversations.toArray()) if (missing(row)) this.#pullSoon(row.id);
    this.#settle();
    if (first) void this.#greet().catch(() => undefined);
  }

  async #syncRound(): Promise<void> {
    let meta = await this.db.readMeta();
    // A round that another page began: what changed since then, the next one tells.
    if (meta.more) this.#syncWanted = true;
    do {
      const { token: asked, epoch } = meta;
      const page = await this.api.sync(asked);
      await this.#dispatch({ type: "sync", asked, epoch, page });
      meta = await this.db.readMeta();
    } while (meta.more);
  }

  /** Ask for what no sync tells. */
  async #greet(): Promise<void> {
    const friends = await this.db.relations.filter((relation) => relation.is_friend).primaryKeys();
    const known = await this.api.presence([...friends.slice(0, MAX_PRESENCE - 1), this.userId]);
    const states = known.map((one) => [one.user_id, { online: one.online, lastSeenAt: one.last_seen_at }]);
    this.live.setState({ presence: { ...this.live.getState().presence, ...Object.fromEntries(states) } });
    await this.#lookAt();
  }

  /** Everything is here once the sync is through and no conversation is behind. */
  #settle(): void {
    const caughtUp = this.#synced && this.#socket.ready && this.#pulls.size === 0;
    if (caughtUp && this.live.getState().connection === "syncing") this.live.setState({ connection: "online" });
  }

  #pullSoon(conversationId: string): void {
    if (!this.#socket.ready) return;
    const running = this.#pulls.has(conversationId);
    this.#pulls.set(conversationId, running);
    if (running) return;
    void this.#pull(conversationId)
      .catch(() => undefined)
      .finally(() => this.#pulled(conversationId));
  }

  #pulled(conversationId: string): void {
    const again = this.#pulls.get(conversationId) ?? false;
    this.#pulls.delete(conversationId);
    if (again) this.#pullSoon(conversationId);
    this.#settle();
  }

  /** Fetch what a conversation lacks at its end, until it lacks nothing. */
  async #pull(conversationId: string): Promise<void> {
    const backoff = new Backoff();
    await this.#sleep(GAP_GRACE);
    for (;;) {
      const row = await this.db.conversations.get(conversationId);
      const request = row ? missing(row) : null;
      if (!request || !this.#socket.ready) return;
      try {
        await this.#inTurn(() => this.#fetch(request));
      } catch (error) {
        // Refused for good: asked again when something new is heard of it.
        if (!asApiError(error).retry) return;
      }
      const now = await this.db.conversations.get(conversationId);
      if (now?.last === row?.last && now?.visibleSeq === row?.visibleSeq) await this.#sleep(backoff.failed());
    }
  }

  async #loadOlder(conversationId: string): Promise<boolean> {
    const row = await this.db.conversations.get(conversationId);
    const request = row ? older(row) : null;
    if (!request) return false;
    await this.#fetch(request);
    const now = await this.db.conversations.get(conversationId);
    return now !== undefined && older(now) !== null;
  }

  /** Fetch a piece of a log, and have it applied. */
  async #fetch(request: PieceRequest): Promise<void> {
    const { conversationId } = request;
    const [row, { epoch }] = await Promise.all([this.db.conversations.get(conversationId), this.db.readMeta()]);
    if (!row) return;
    const page: MessagePage =
      "begin" in request
        ? await this.api.range(conversationId, request.begin, PULL)
        : await this.api.history(conversationId, request.before, PAGE);
    await this.#dispatch({ type: "piece", piece: pieceOf(row, epoch, page) });
  }

  async #lookAt(): Promise<void> {
    const conversationId = this.#open;
    if (!conversationId) return;
    const row = await this.db.conversations.get(conversationId);
    if (!row || !this.#socket.ready) return;
    if (isEmpty(row)) await this.loadOlder(conversationId);
    const pointers = await this.api.readers(conversationId, 1);
    await this.#dispatch({ type: "pointers", conversationId, pointers });
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

function defaultUrl(): string {
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
}
