/**
 * One user's chat in this browser: keeps the database like the server, whatever happens to the connection.
 *
 * Packets and answers become actions; a batch of actions is applied to the database in one transaction while the next
 * batch gathers; what the rows lack then is fetched. Components read the database by live queries, and what is ephemeral
 * from `live`.
 */
import type { Api } from "./api";
import { Applier } from "./applier";
import { CatchUp } from "./catchUp";
import { type Applied, Database, forget } from "./db";
import { ApiError } from "./errors";
import { Keys } from "./keys";
import { createLive, type LiveStore, TYPING_MS, withoutTyping, withTyping } from "./live";
import { MAX_OUTGOING, type Outgoing } from "./model";
import { Outbox } from "./outbox";
import { People } from "./people";
import type { ServerPacket, Signal } from "./packets";
import { missing } from "./rows";
import { isEmpty } from "./segment";
import { Socket } from "./socket";
import type { ConversationView, MessageKind } from "./types";
import { MAX_TEXT } from "@/gen/catalogue";

/** Milliseconds between two packets that say that the user is typing. */
const TYPING_EVERY = 3000;
/** People whose presence is asked for at a time. */
const MAX_PRESENCE = 500;

export interface EngineOptions {
  /** The WebSocket's address; by default where the page came from. */
  url?: string;
}

export class Engine {
  readonly api: Api;
  readonly userId: string;
  readonly db: Database;
  readonly live: LiveStore = createLive();
  readonly #keys = new Keys();
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #applier: Applier;
  readonly #catchUp: CatchUp;
  readonly #people: People;
  #stopped = false;
  #stopping: Promise<void> | null = null;
  /** The conversation that is looked at, "" for none. */
  #open = "";
  readonly #typed = new Map<string, number>();
  readonly #unsubscribe: () => void;

  constructor(api: Api, userId: string, { url = defaultUrl() }: EngineOptions = {}) {
    this.api = api;
    this.userId = userId;
    this.db = new Database(userId);
    const { db } = this;
    const run = (work: () => Promise<unknown>) => this.#run(work);
    this.#applier = new Applier({
      db,
      applied: (applied) => this.#applied(applied),
      // What was lost here the server has still.
      failed: () => {
        this.live.setState({ storageFailed: true });
        this.#catchUp.wantSync();
      },
      dropped: () => this.#catchUp.wantSync(),
    });
    this.#catchUp = new CatchUp({
      db,
      api,
      run,
      dispatch: (action) => this.#applier.dispatch(action),
      synced: (first) => {
        run(() => this.#askPresence());
        if (first) run(() => this.#lookAt());
      },
      caughtUp: () => {
        if (this.live.getState().connection === "syncing") this.live.setState({ connection: "online" });
      },
    });
    this.#people = new People({ db, api, run });
    this.#outbox = new Outbox({
      db,
      run,
      transmit: (packet) => this.#socket.send(packet),
      dispatch: (action) => this.#applier.dispatch(action),
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
    this.#run(() => this.db.trim());
  }

  /** End everything of this engine; what is unsent waits in the database for the next one. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#disconnect();
    this.#stopped = true;
    this.#unsubscribe();
    await this.#applier.close();
    this.db.close();
  }

  /** Log out, and delete what this browser keeps of the user. */
  async logout(): Promise<void> {
    // The server is told meanwhile: until it answers, the same user may be here again, with this database.
    const told = this.api.logout();
    await this.stop();
    await forget(this.userId);
    await told;
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
    await this.#applier.dispatch({ type: "send", message });
    return key;
  }

  /** Send a message again that was refused. */
  async resend(key: string): Promise<void> {
    await this.#applier.dispatch({ type: "resend", key });
  }

  /** Give up a message that was not sent. */
  async discard(key: string): Promise<void> {
    await this.#applier.dispatch({ type: "discard", key });
  }

  /** Take that the user has read up to `seq`; the server is told as soon as there is a connection. */
  async markRead(conversationId: string, seq: number): Promise<void> {
    await this.#applier.dispatch({ type: "read", conversationId, seq });
  }

  /** Tell the others that the user is typing; to be called at every key. */
  typing(conversationId: string): void {
    const now = Date.now();
    if (now - (this.#typed.get(conversationId) ?? 0) < TYPING_EVERY) return;
    if (this.#socket.send({ kind: "typing", conversationId })) this.#typed.set(conversationId, now);
  }

  /** Look at a conversation: its end is fetched if nothing of it is here, and who has read what. "" for none. */
  open(conversationId: string): void {
    this.#open = conversationId;
    this.#run(() => this.#lookAt());
  }

  /** Fetch a page of what comes before the entries that are here. Says whether there is still more. */
  loadOlder(conversationId: string): Promise<boolean> {
    return this.#catchUp.loadOlder(conversationId);
  }

  /** Have the profiles of people in `db.users`, as they are now; nobody waits for that. */
  know(userIds: readonly string[]): void {
    this.#people.know(userIds);
  }

  /** The conversation with somebody, made when there is none. Returns its id. */
  openWith(userId: string): Promise<string> {
    return this.command(() => this.api.openSingle(userId));
  }

  /** Run a command whose answer does not say what it did (friends, requests, blocks): a sync does. */
  async change<T>(work: () => Promise<T>): Promise<T> {
    const answer = await work();
    this.#catchUp.wantSync();
    return answer;
  }

  /** Run a command that answers with a conversation (making a group, changing settings), and show what it did. Returns the id. */
  async command(work: () => Promise<ConversationView>): Promise<string> {
    const { token: asked, epoch } = await this.db.readMeta();
    const view = await work();
    await this.#applier.dispatch({ type: "view", asked, epoch, view });
    return view.conversation_id;
  }

  // ------------------------------------------------------------ what was applied

  #applied({ sync, conversations, outgoing }: Applied): void {
    if (this.live.getState().storageFailed) this.live.setState({ storageFailed: false });
    for (const row of conversations) if (missing(row)) this.#catchUp.pullSoon(row.id);
    if (outgoing || conversations.some((row) => row.pendingRead > 0)) this.#outbox.flush();
    if (sync) this.#catchUp.wantSync();
  }

  // ------------------------------------------------------------ the connection

  #received(packet: ServerPacket): void {
    switch (packet.kind) {
      case "ready":
        this.#run(() => this.#ready(packet.epoch, packet.maxInFlight));
        break;
      case "push": {
        const { conversation_id: conversationId, sender_id: sender } = packet.message;
        this.live.setState(withoutTyping(this.live.getState(), conversationId, sender));
        this.#applier.post({ type: "push", message: packet.message });
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
        this.#catchUp.wantSync();
        break;
      case "goingAway":
      case "pulse":
        break;
    }
  }

  async #ready(epoch: string, window: number): Promise<void> {
    this.live.setState({ connection: "syncing", retryAt: 0, reason: "" });
    // The epoch first: another one voids what is here.
    await this.#applier.dispatch({ type: "ready", epoch });
    if (!this.#socket.ready) return;
    this.#outbox.connected(window);
    this.#catchUp.connected();
    this.#people.connected();
  }

  #lost(reason: string, retryAt: number): void {
    this.#outbox.disconnected();
    this.#catchUp.disconnected();
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
    this.#catchUp.disconnected();
  }

  #signalled(signal: Signal): void {
    const live = this.live.getState();
    if (signal.kind === "presence") {
      const presence = { online: signal.online, lastSeenAt: signal.lastSeenAt };
      this.live.setState({ presence: { ...live.presence, [signal.userId]: presence } });
    } else if (signal.kind === "typing") {
      const { conversationId, userId } = signal;
      this.live.setState(withTyping(live, conversationId, userId, Date.now() + TYPING_MS));
      setTimeout(() => this.#typedLongAgo(conversationId, userId), TYPING_MS);
    } else {
      if (signal.kind === "conversation") {
        const { conversationId: id } = signal;
        this.live.setState({ changes: { ...live.changes, [id]: (live.changes[id] ?? 0) + 1 } });
      }
      this.#applier.post({ type: "signal", signal });
    }
  }

  #typedLongAgo(conversationId: string, userId: string): void {
    const live = this.live.getState();
    const until = live.typing[conversationId]?.[userId] ?? 0;
    if (until <= Date.now()) this.live.setState(withoutTyping(live, conversationId, userId));
  }

  // ------------------------------------------------------------ what no sync tells

  /** Ask who of the friends is online, where it is not known: presence is told when it changes, and by no sync. */
  async #askPresence(): Promise<void> {
    const friends = await this.db.relations.filter((relation) => relation.is_friend).primaryKeys();
    const known = this.live.getState().presence;
    const asked = [...friends, this.userId].filter((user) => !Object.hasOwn(known, user)).slice(0, MAX_PRESENCE);
    if (asked.length === 0) return;
    const told = new Map((await this.api.presence(asked)).map((one) => [one.user_id, one]));
    const states = asked.map((user) => {
      const { online = false, last_seen_at: lastSeenAt = 0 } = told.get(user) ?? {};
      return [user, { online, lastSeenAt }];
    });
    // What was signalled meanwhile is fresher.
    this.live.setState(({ presence }) => ({ presence: { ...Object.fromEntries(states), ...presence } }));
  }

  async #lookAt(): Promise<void> {
    const conversationId = this.#open;
    if (!conversationId) return;
    const row = await this.db.conversations.get(conversationId);
    if (!row || !this.#socket.ready) return;
    if (isEmpty(row)) await this.loadOlder(conversationId);
    const pointers = await this.api.readers(conversationId, 1);
    await this.#applier.dispatch({ type: "pointers", conversationId, pointers });
  }

  /**
   * Run something that nobody waits for. Refusals of the server's are dealt with where they matter, and asked for again on
   * the next connection; anything else means that the database does not do its work.
   */
  #run(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      if (!this.#stopped && !(error instanceof ApiError)) this.live.setState({ storageFailed: true });
    });
  }
}

function defaultUrl(): string {
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
}
