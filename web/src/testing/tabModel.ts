/**
 * A tab as the engine runs it, on a clock that only turns when the test says so: what arrives and when, and what is lost,
 * is the test's choice. Tabs share the state, as they share the database.
 */
import { type Action, emptyState, type State } from "@/core/model";
import { reduce } from "@/core/reducer";
import { missing, older, pieceOf, type PieceRequest } from "@/core/rows";
import type { Conversation } from "@/core/model";
import { ME, type ServerModel, type Told } from "./serverModel";

/** The one database. */
export class Disk {
  state: State = emptyState(ME);
  /** Everything that was applied, in order. */
  readonly applied: Action[] = [];

  /** Returns whether a sync is wanted. */
  apply(action: Action): boolean {
    this.applied.push(action);
    const { state, sync } = reduce(this.state, action);
    this.state = state;
    return sync;
  }
}

type Packet = Told | { kind: "ready"; epoch: string } | { kind: "answer"; action: Action };
type Upward = { kind: "chat"; key: string } | { kind: "read"; conversation: string; seq: number };
/** A request under way; `answer` once the server has answered, null while it has not. */
interface Request {
  conversation: string;
  ask(): Action;
  answer: Action | null;
}

/** Small, so that pulls need several pages, and some conversations begin anew at their end. */
const LIMIT = 3;
const CATCH_UP = 7;

export class Tab {
  readonly #disk: Disk;
  readonly #server: ServerModel;
  readonly #number: number;
  /** May this tab send? Others of the user may do so at the moment. */
  readonly #maySend: (tab: Tab) => boolean;
  connected = false;
  ready = false;
  inbox: Packet[] = [];
  #upward: Upward[] = [];
  #requests: Request[] = [];
  #syncWanted = false;
  /** Between two pages of a round of sync. */
  #inRound = false;
  readonly #flying = new Set<string>();

  constructor(disk: Disk, server: ServerModel, number: number, maySend: (tab: Tab) => boolean) {
    this.#disk = disk;
    this.#server = server;
    this.#number = number;
    this.#maySend = maySend;
  }

  // ------------------------------------------------------------ the connection

  connect(): void {
    if (this.connected) return;
    this.connected = true;
    this.inbox.push({ kind: "ready", epoch: this.#server.epoch });
  }

  /** Lose the connection, with what is on it in either direction. Requests go on. */
  disconnect(): void {
    this.connected = this.ready = false;
    this.inbox = [];
    this.#upward = [];
    this.#flying.clear();
  }

  reload(): void {
    this.disconnect();
    this.#requests = [];
    this.#syncWanted = this.#inRound = false;
  }

  tell(told: Told): void {
    if (this.connected) this.inbox.push(told);
  }

  // ------------------------------------------------------------ steps, in the order that the test chooses

  /** Take the next packet. */
  receive(): void {
    const packet = this.inbox.shift();
    if (!packet) return;
    if (packet.kind === "push") this.do({ type: "push", message: packet.message });
    else if (packet.kind === "signal") this.do({ type: "signal", signal: packet.signal });
    else if (packet.kind === "answer") this.do(packet.action);
    else {
      this.ready = true;
      this.#syncWanted = true;
      this.do({ type: "ready", epoch: packet.epoch });
    }
  }

  /** A push or signal gets lost, as the contract allows. */
  lose(): void {
    const at = this.inbox.findIndex((packet) => packet.kind === "push" || packet.kind === "signal");
    if (at >= 0) this.inbox.splice(at, 1);
  }

  /** The server takes the next packet of this tab. */
  serve(): void {
    const packet = this.#upward.shift();
    if (!packet) return;
    if (packet.kind === "chat") return this.#serveChat(packet.key);
    const readSeq = this.#server.read(packet.conversation, packet.seq, this.#number);
    this.#answer({ type: "readAck", conversationId: packet.conversation, asked: packet.seq, readSeq });
  }

  #serveChat(key: string): void {
    const [conversation = "", content = ""] = key.split("/").slice(1);
    const answer = this.#server.chat(conversation, key, content, this.#number);
    const none = { messageId: "0", seq: 0, ordinal: 0, createdAt: 0 };
    const base = { key, conversationId: conversation, error: "", retry: false };
    if ("code" in answer) return this.#answer({ type: "ack", ack: { ...base, ...none, code: answer.code } });
    const { message_id: messageId, seq, ordinal, created_at: createdAt } = answer.message;
    return this.#answer({ type: "ack", ack: { ...base, messageId, seq, ordinal, createdAt, code: "" } });
  }

  #answer(action: Action): void {
    if (this.connected) this.inbox.push({ kind: "answer", action });
  }

  /** The server answers a request; the answer is on its way. */
  compute(index: number): void {
    const open = this.#requests.filter((request) => request.answer === null);
    const request = open[index % Math.max(1, open.length)];
    if (request) request.answer = request.ask();
  }

  /** An answer arrives. */
  arrive(index: number): void {
    const answered = this.#requests.filter((request) => request.answer !== null);
    const request = answered[index % Math.max(1, answered.length)];
    if (!request?.answer) return;
    this.#requests = this.#requests.filter((one) => one !== request);
    if (this.#disk.apply(request.answer)) this.#syncWanted = true;
    if (request.answer.type === "sync") this.#inRound = this.#disk.state.meta.more;
    this.#pursue();
  }

  /** A request fails. */
  fail(index: number): void {
    const request = this.#requests[index % Math.max(1, this.#requests.length)];
    if (!request) return;
    this.#requests = this.#requests.filter((one) => one !== request);
    if (request.conversation === "") {
      this.#syncWanted = true;
      this.#inRound = false;
    }
    this.#pursue();
  }

  /** The reader scrolls up, or looks at a conversation for the first time. */
  scroll(conversation: string): void {
    const row = this.#disk.state.conversations.get(conversation);
    const request = row ? older(row) : null;
    if (row && request) this.#fetch(row, request);
  }

  /** A command about a conversation, which answers with what it looks like then. */
  command(conversation: string): void {
    const { token: asked, epoch } = this.#disk.state.meta;
    const ask = (): Action => ({ type: "view", asked, epoch, view: this.#server.view(conversation) });
    this.#requests.push({ conversation: `command ${conversation}`, ask, answer: null });
  }

  do(action: Action): void {
    if (this.#disk.apply(action)) this.#syncWanted = true;
    this.#pursue();
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return (
      this.inbox.length + this.#upward.length + this.#requests.length === 0 &&
      !(this.ready && (this.#syncWanted || this.#inRound))
    );
  }

  // ------------------------------------------------------------ what the engine does by itself

  /** Ask for what is missing, send what waits. */
  pursue(): void {
    this.#pursue();
  }

  #pursue(): void {
    if (!this.ready) return;
    const under = new Set(this.#requests.map((request) => request.conversation));
    if ((this.#syncWanted || this.#inRound) && !under.has("")) {
      const { token: asked, epoch, more } = this.#disk.state.meta;
      if (!this.#inRound) this.#syncWanted = more;
      this.#inRound = true;
      const ask = (): Action => ({ type: "sync", asked, epoch, page: this.#server.sync(asked) });
      this.#requests.push({ conversation: "", ask, answer: null });
    }
    for (const row of this.#disk.state.conversations.values()) {
      const request = under.has(row.id) ? null : missing(row, CATCH_UP);
      if (request) this.#fetch(row, request);
    }
    if (this.#maySend(this)) this.#flush();
  }

  #flush(): void {
    const { outgoing, conversations } = this.#disk.state;
    for (const { key, state } of [...outgoing.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      if (state !== "queued" || this.#flying.has(key)) continue;
      this.#flying.add(key);
      this.#upward.push({ kind: "chat", key });
    }
    for (const { id, pendingRead } of conversations.values()) {
      const ref = `${id} ${pendingRead}`;
      if (pendingRead === 0 || this.#flying.has(ref)) continue;
      this.#flying.add(ref);
      this.#upward.push({ kind: "read", conversation: id, seq: pendingRead });
    }
  }

  #fetch(row: Conversation, request: PieceRequest): void {
    const { epoch } = this.#disk.state.meta;
    const ask = (): Action => {
      const page =
        "begin" in request
          ? this.#server.pull(row.id, request.begin, LIMIT)
          : this.#server.history(row.id, request.before, LIMIT);
      return { type: "piece", piece: pieceOf(row, epoch, page) };
    };
    this.#requests.push({ conversation: row.id, ask, answer: null });
  }
}
