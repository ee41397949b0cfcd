/**
 * The database of one user in this browser: the only place where messages, conversations, drafts and unsent messages are.
 *
 * Every tab applies what it learns through the pure reducer inside one transaction, on the rows as they are then; so tabs
 * need not agree on anything else. Components read by live queries.
 */
import { Dexie, type EntityTable, type Table } from "dexie";
import {
  type Action,
  type Conversation,
  emptyState,
  type Meta,
  messageId,
  type Outgoing,
  type Pointer,
  pointerId,
  requestId,
  type State,
} from "./model";
import { reduce } from "./reducer";
import { isEmpty } from "./segment";
import type { FriendRequest, Message, Relation, User } from "./types";

/** Text that was written but not sent. */
export interface Draft {
  conversationId: string;
  text: string;
}

/** What a batch of actions did. */
export interface Applied {
  /** Only a sync can tell the rest. */
  sync: boolean;
  /** The rows that changed. */
  conversations: Conversation[];
  /** Unsent messages were added, settled or refused. */
  outgoing: boolean;
}

/** Entries of one conversation kept over a restart; what is older is fetched again when somebody scrolls to it. */
const KEEP = 2000;
const META = "meta";

export class Database extends Dexie {
  declare readonly conversations: EntityTable<Conversation, "id">;
  declare readonly messages: Table<Message, [string, number]>;
  declare readonly outgoing: EntityTable<Outgoing, "key">;
  declare readonly pointers: Table<Pointer, [string, string]>;
  declare readonly relations: EntityTable<Relation, "user_id">;
  declare readonly requests: Table<FriendRequest, [string, string]>;
  declare readonly users: EntityTable<User, "id">;
  declare readonly drafts: EntityTable<Draft, "conversationId">;
  declare readonly meta: Table<Meta & { name: string }, string>;
  readonly userId: string;

  constructor(userId: string) {
    super(databaseName(userId));
    this.userId = userId;
    this.version(1).stores({
      conversations: "id, pendingRead",
      messages: "[conversation_id+seq]",
      outgoing: "key, conversationId, state",
      pointers: "[conversationId+userId]",
      relations: "user_id",
      requests: "[sender+recipient]",
      users: "id",
      drafts: "conversationId",
      meta: "name",
    });
    // Another tab logs the user out, and nothing of this is wanted any more.
    this.on("versionchange", () => {
      this.close();
      return false;
    });
  }

  /** Apply actions in order, all or none. */
  apply(actions: readonly Action[]): Promise<Applied> {
    const tables = [this.conversations, this.messages, this.outgoing, this.pointers, this.relations, this.requests];
    return this.transaction("rw", [...tables, this.users, this.meta], async () => {
      const before = await this.#load(actions);
      let state = before;
      let sync = false;
      for (const action of actions) {
        const reduced = reduce(state, action);
        state = reduced.state;
        sync ||= reduced.sync;
      }
      return { sync, ...(await this.#save(before, state)) };
    });
  }

  // ------------------------------------------------------------ what components ask for

  /** The conversations, pinned first, then the latest active. */
  async list(): Promise<Conversation[]> {
    const rows = await this.conversations.toArray();
    return rows.toSorted(
      (a, b) => Number(b.view.membership.pinned) - Number(a.view.membership.pinned) || activity(b) - activity(a),
    );
  }

  /** The newest `count` entries of what is here of a conversation, ascending. */
  async tail(conversationId: string, count: number): Promise<Message[]> {
    const row = await this.conversations.get(conversationId);
    if (!row || isEmpty(row)) return [];
    const begin = Math.max(row.first, row.last - count + 1);
    return this.#range(conversationId, begin, row.last).toArray();
  }

  /** The entries that are here of a conversation from a seq on, ascending. */
  async since(conversationId: string, seq: number): Promise<Message[]> {
    const row = await this.conversations.get(conversationId);
    if (!row || isEmpty(row)) return [];
    return this.#range(conversationId, Math.max(row.first, seq), row.last).toArray();
  }

  /** The user's own messages in a conversation that are not acknowledged, in the order of sending. */
  unsent(conversationId: string): Promise<Outgoing[]> {
    return this.outgoing.where({ conversationId }).sortBy("key");
  }

  /** How far the other members have read. */
  readers(conversationId: string): Promise<Pointer[]> {
    return this.pointers
      .where("[conversationId+userId]")
      .between([conversationId, Dexie.minKey], [conversationId, Dexie.maxKey])
      .toArray();
  }

  async draft(conversationId: string): Promise<string> {
    return (await this.drafts.get(conversationId))?.text ?? "";
  }

  async setDraft(conversationId: string, text: string): Promise<void> {
    if (text) await this.drafts.put({ conversationId, text });
    else await this.drafts.delete(conversationId);
  }

  /** Countable messages that nobody has read here, over all conversations that may notify. */
  async unread(): Promise<number> {
    const rows = await this.conversations.toArray();
    return rows.reduce((sum, row) => sum + (row.view.membership.recv_opt === "normal" ? row.unread : 0), 0);
  }

  /** Requests to be friends that wait for the user's answer. */
  received(): Promise<number> {
    return this.requests.filter(({ recipient, status }) => recipient === this.userId && status === "pending").count();
  }

  // ------------------------------------------------------------ what the engine asks for

  async readMeta(): Promise<Meta> {
    return (await this.meta.get(META)) ?? { epoch: "", token: "", more: false };
  }

  /** Drop old entries of conversations that have become long. */
  async trim(): Promise<void> {
    await this.transaction("rw", [this.conversations, this.messages], async () => {
      for (const row of await this.conversations.toArray()) {
        if (row.last - row.first < 2 * KEEP) continue;
        const first = row.last - KEEP + 1;
        await this.#range(row.id, 0, first - 1).delete();
        await this.conversations.update(row.id, { first });
      }
    });
  }

  #range(conversationId: string, begin: number, end: number) {
    return this.messages
      .where("[conversation_id+seq]")
      .between([conversationId, begin], [conversationId, end], true, true);
  }

  // ------------------------------------------------------------ the part of the state that actions touch

  async #load(actions: readonly Action[]): Promise<State> {
    const needs = needsOf(actions, this.userId);
    const [meta, conversations, outgoing, messages, pointers] = await Promise.all([
      this.readMeta(),
      needs.all ? this.conversations.toArray() : this.conversations.bulkGet([...needs.conversations]),
      this.outgoing.bulkGet([...needs.outgoing]),
      this.messages.bulkGet(needs.messages),
      this.pointers.bulkGet(needs.pointers),
    ]);
    const [relations, requests] = needs.all
      ? await Promise.all([this.relations.toArray(), this.requests.toArray()])
      : [[], []];
    return {
      ...emptyState(this.userId),
      meta: { epoch: meta.epoch, token: meta.token, more: meta.more },
      conversations: byKey(conversations, (row) => row.id),
      outgoing: byKey(outgoing, (row) => row.key),
      messages: byKey(messages, (row) => messageId(row.conversation_id, row.seq)),
      pointers: byKey(pointers, (row) => pointerId(row.conversationId, row.userId)),
      relations: byKey(relations, (row) => row.user_id),
      requests: byKey(requests, requestId),
    };
  }

  async #save(before: State, after: State): Promise<Pick<Applied, "conversations" | "outgoing">> {
    const conversations = changes(before.conversations, after.conversations);
    const outgoing = changes(before.outgoing, after.outgoing);
    const messages = changes(before.messages, after.messages);
    const pointers = changes(before.pointers, after.pointers);
    const relations = changes(before.relations, after.relations);
    const requests = changes(before.requests, after.requests);
    const users = changes(before.users, after.users);
    if (before.meta.epoch && before.meta.epoch !== after.meta.epoch) await this.#clear();
    await Promise.all([
      conversations.put.length > 0 && this.conversations.bulkPut(conversations.put),
      conversations.gone.length > 0 && this.conversations.bulkDelete(conversations.gone.map((row) => row.id)),
      outgoing.put.length > 0 && this.outgoing.bulkPut(outgoing.put),
      outgoing.gone.length > 0 && this.outgoing.bulkDelete(outgoing.gone.map((row) => row.key)),
      messages.put.length > 0 && this.messages.bulkPut(messages.put),
      pointers.put.length > 0 && this.pointers.bulkPut(pointers.put),
      relations.put.length > 0 && this.relations.bulkPut(relations.put),
      relations.gone.length > 0 && this.relations.bulkDelete(relations.gone.map((row) => row.user_id)),
      requests.put.length > 0 && this.requests.bulkPut(requests.put),
      requests.gone.length > 0 && this.requests.bulkDelete(requests.gone.map((row) => [row.sender, row.recipient])),
      users.put.length > 0 && this.users.bulkPut(users.put),
      before.meta !== after.meta && this.meta.put({ name: META, ...after.meta }),
    ]);
    return { conversations: conversations.put, outgoing: outgoing.put.length + outgoing.gone.length > 0 };
  }

  /** Forget everything of a store that is no more; unsent messages and drafts are the user's. */
  async #clear(): Promise<void> {
    const tables = [this.conversations, this.messages, this.pointers, this.relations, this.requests, this.users];
    await Promise.all(tables.map((table) => table.clear()));
  }
}

/** Delete what this browser keeps of a user. */
export async function forget(userId: string): Promise<void> {
  await Dexie.delete(databaseName(userId));
}

/** When something last happened in a conversation. */
export function activity(row: Conversation): number {
  return row.lastMessage?.created_at ?? row.view.updated_at;
}

function databaseName(userId: string): string {
  return `resonance-${userId}`;
}

interface Needs {
  /** All conversations, relations and requests: they may be replaced. */
  all: boolean;
  conversations: Set<string>;
  outgoing: Set<string>;
  messages: [string, number][];
  pointers: [string, string][];
}

function needsOf(actions: readonly Action[], userId: string): Needs {
  const needs: Needs = { all: false, conversations: new Set(), outgoing: new Set(), messages: [], pointers: [] };
  for (const action of actions) need(needs, action, userId);
  return needs;
}

function need(needs: Needs, action: Action, userId: string): void {
  const own = (message: Message) => {
    if (message.sender_id === userId) needs.outgoing.add(message.client_msg_id);
  };
  switch (action.type) {
    case "push":
      needs.conversations.add(action.message.conversation_id);
      own(action.message);
      break;
    case "piece":
      needs.conversations.add(action.piece.conversationId);
      for (const message of action.piece.messages) own(message);
      break;
    case "ack":
      needs.conversations.add(action.ack.conversationId);
      needs.outgoing.add(action.ack.key);
      break;
    case "sync":
      needs.all ||= action.page.full;
      for (const view of action.page.conversations) needs.conversations.add(view.conversation_id);
      break;
    case "view":
      needs.conversations.add(action.view.conversation_id);
      break;
    case "signal":
      if (action.signal.kind !== "receipt") break;
      needs.conversations.add(action.signal.conversationId);
      needs.messages.push([action.signal.conversationId, action.signal.readSeq]);
      needs.pointers.push([action.signal.conversationId, action.signal.userId]);
      break;
    case "pointers":
      for (const { user_id } of action.pointers) needs.pointers.push([action.conversationId, user_id]);
      break;
    case "read":
      needs.conversations.add(action.conversationId);
      needs.messages.push([action.conversationId, action.seq]);
      break;
    case "readAck":
    case "readRefused":
      needs.conversations.add(action.conversationId);
      break;
    case "resend":
    case "discard":
      needs.outgoing.add(action.key);
      break;
    case "send":
    case "ready":
    case "refetch":
      break;
  }
}

function byKey<V>(rows: (V | undefined)[], keyOf: (row: V) => string): Map<string, V> {
  return new Map(rows.filter((row) => row !== undefined).map((row) => [keyOf(row), row]));
}

/** Which rows are new or others, and which are gone. */
function changes<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): { put: V[]; gone: V[] } {
  if (before === after) return { put: [], gone: [] };
  const put = [...after].filter(([key, row]) => before.get(key) !== row).map(([, row]) => row);
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, row]) => row);
  return { put, gone };
}
