/** A server as its contract says (docs/delivery.md), small and in memory, for one user; everybody else is `other`. */
import type { Signal } from "@/core/packets";
import type { ConversationView, MembershipStatus, Message, MessagePage, SyncPage } from "@/core/types";

export const ME = "me";

interface Log {
  id: string;
  entries: Message[];
  version: number;
  status: MembershipStatus;
  min: number;
  max: number | null;
  read: number;
  pinned: boolean;
  /** The time of the last change that a sync tells of. */
  changed: number;
}

/** What a sync token says: what changed since, when the round's first page was made, and after which row to go on. */
interface Round {
  epoch: string;
  since: number;
  time: number;
  after: string;
}

export type Told = { kind: "push"; message: Message } | { kind: "signal"; signal: Signal };
export type Answer = { message: Message } | { code: string };

export class ServerModel {
  epoch = "e1";
  /** Keys of messages that were refused: when the refusal gets lost they may come again, later than others. */
  readonly refused = new Set<string>();
  readonly #logs = new Map<string, Log>();
  /** Rows in a page of a sync: few, so that there are several pages. */
  readonly #limit = 2;
  #time = 1;
  #messages = 0;
  /** Takes what is told to the user's connections; `from` is the one that it came from. */
  readonly #tell: (told: Told, from: number | null) => void;

  constructor(conversations: string[], tell: (told: Told, from: number | null) => void) {
    this.#tell = tell;
    for (const id of conversations) {
      const log: Log = {
        id,
        entries: [],
        version: 1,
        status: "normal",
        min: 1,
        max: null,
        read: 0,
        pinned: false,
        changed: 1,
      };
      this.#logs.set(id, log);
    }
  }

  get ids(): string[] {
    return [...this.#logs.keys()];
  }

  // ------------------------------------------------------------ what happens

  /** Somebody else writes. */
  write(id: string): void {
    this.#append(this.#log(id), "other", "text", "", null);
  }

  /** The same, and a push of it slips through although the user was removed just now. */
  slip(id: string): void {
    const log = this.#log(id);
    const message = this.#append(log, "other", "text", "", null);
    if (log.status !== "normal") this.#tell({ kind: "push", message }, null);
  }

  /** The user writes over a connection; the same key is the same message, for ever. */
  chat(id: string, key: string, content: string, from: number): Answer {
    const log = this.#log(id);
    const known = log.entries.find((entry) => entry.client_msg_id === key);
    if (known) return { message: known };
    if (log.status !== "normal") {
      this.refused.add(key);
      return { code: "member_inactive" };
    }
    const message = this.#append(log, ME, "text", key, from, content);
    log.read = message.seq;
    return { message };
  }

  read(id: string, seq: number, from: number | null): number {
    const log = this.#log(id);
    const to = Math.max(log.read, Math.min(seq, this.#end(log)));
    if (to > log.read) {
      log.read = to;
      this.#touch(log);
      this.#tell({ kind: "signal", signal: { kind: "receipt", conversationId: id, userId: ME, readSeq: to } }, from);
    }
    return to;
  }

  pin(id: string): void {
    const log = this.#log(id);
    log.pinned = !log.pinned;
    this.#changed(log, "settings");
  }

  /** The user is removed, or comes back to a new window. */
  move(id: string): void {
    const log = this.#log(id);
    const joins = log.status !== "normal";
    log.version += 1;
    if (joins) {
      log.min = log.entries.length + 1;
      log.max = null;
      log.status = "normal";
    }
    const entry = this.#append(log, "other", "system", "", null);
    if (!joins) {
      log.max = entry.seq;
      log.status = "kicked";
    }
    this.#changed(log, joins ? "joined" : "kicked");
  }

  /** Everything since is lost, and the store is another one. */
  restore(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    for (const log of this.#logs.values()) {
      log.entries.length = Math.floor(log.entries.length / 2);
      const head = log.entries.length;
      Object.assign(log, { min: 1, max: null, status: "normal", read: Math.min(log.read, head), version: 1 });
    }
    this.#time = 1;
    for (const log of this.#logs.values()) log.changed = 1;
  }

  // ------------------------------------------------------------ what is asked

  /** A token of another store, or none, begins anew. The pages of one round all begin where the first one did. */
  sync(token: string): SyncPage {
    const given = token ? (JSON.parse(token) as Round) : null;
    const full = given?.epoch !== this.epoch;
    const round = given && !full ? given : { epoch: this.epoch, since: 0, time: 0, after: "" };
    const time = round.time || this.#time;
    const changed = [...this.#logs.values()].filter((log) => log.changed >= round.since && log.id > round.after);
    const page = changed.slice(0, this.#limit);
    const more = changed.length > page.length;
    const next: Round = more
      ? { ...round, time, after: page.at(-1)?.id ?? "" }
      : { epoch: this.epoch, since: time, time: 0, after: "" };
    const conversations = page.map((log) => this.view(log.id));
    return { full, conversations, friends: [], requests: [], users: [], token: JSON.stringify(next), more };
  }

  pull(id: string, begin: number, limit: number): MessagePage {
    const log = this.#log(id);
    return this.#page(
      log,
      this.entries(id)
        .filter((entry) => entry.seq >= begin)
        .slice(0, limit),
    );
  }

  history(id: string, before: number, limit: number): MessagePage {
    const log = this.#log(id);
    return this.#page(
      log,
      this.entries(id)
        .filter((entry) => before === 0 || entry.seq < before)
        .slice(-limit),
    );
  }

  // ------------------------------------------------------------ what is true

  /** What the user sees. */
  entries(id: string): Message[] {
    const log = this.#log(id);
    return log.entries.slice(log.min - 1, this.#end(log));
  }

  /** What there is, also outside of what the user sees. */
  entry(id: string, seq: number): Message | undefined {
    return this.#log(id).entries[seq - 1];
  }

  /** The keys of the user's messages, in their order. */
  keys(id: string): string[] {
    return this.#log(id)
      .entries.map((entry) => entry.client_msg_id)
      .filter((key) => key !== "");
  }

  view(id: string): ConversationView {
    const log = this.#log(id);
    const end = this.#end(log);
    const last = end >= log.min ? (log.entries[end - 1] ?? null) : null;
    return {
      conversation_id: id,
      group_id: id,
      kind: "group",
      name: "",
      avatar_url: "",
      introduction: "",
      owner_id: "other",
      status: "normal",
      history: "since_join",
      max_members: 10,
      join_approval: false,
      mute_all: false,
      member_count: 2,
      version: log.version,
      created_at: 0,
      updated_at: log.changed,
      visible_seq: end,
      unread_count: Math.max(0, this.#ordinal(log, end) - this.#ordinal(log, Math.max(log.read, log.min - 1))),
      last_message: last,
      peer: null,
      membership: {
        user_id: ME,
        role: "member",
        status: log.status,
        min_seq: log.min,
        max_seq: log.max,
        read_seq: log.read,
        pinned: log.pinned,
        recv_opt: "normal",
        muted_until: 0,
        nickname: "",
        inviter: "",
        joined_at: 0,
      },
    };
  }

  #page(log: Log, messages: Message[]): MessagePage {
    return { conversation_id: log.id, messages, begin: log.min, end: this.#end(log) };
  }

  #append(log: Log, sender: string, type: "text" | "system", key: string, from: number | null, content = ""): Message {
    this.#messages += 1;
    const seq = log.entries.length + 1;
    const message: Message = {
      conversation_id: log.id,
      seq,
      message_id: String(this.#messages),
      sender_id: sender,
      type,
      content: content || `entry ${this.#messages}`,
      extra: "",
      client_msg_id: key,
      ordinal: this.#ordinal(log, seq - 1) + (type === "system" ? 0 : 1),
      created_at: this.#messages,
    };
    log.entries.push(message);
    if (log.status === "normal") {
      this.#touch(log);
      this.#tell({ kind: "push", message }, from);
    }
    return message;
  }

  #changed(log: Log, action: string): void {
    this.#touch(log);
    this.#tell(
      { kind: "signal", signal: { kind: "conversation", conversationId: log.id, action, actor: "", userIds: [] } },
      null,
    );
  }

  #touch(log: Log): void {
    this.#time += 1;
    log.changed = this.#time;
  }

  #end(log: Log): number {
    return Math.min(log.entries.length, log.max ?? log.entries.length);
  }

  #ordinal(log: Log, seq: number): number {
    return log.entries[seq - 1]?.ordinal ?? 0;
  }

  #log(id: string): Log {
    const log = this.#logs.get(id);
    if (!log) throw new Error(`there is no ${id}`);
    return log;
  }
}
