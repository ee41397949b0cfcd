/** Values for examples: what matters is given, the rest is as usual. */
import type { Action, Outgoing, Piece } from "@/core/model";
import type { ConversationView, Membership, Message, SyncPage } from "@/core/types";

export function message(seq: number, more: Partial<Message> = {}): Message {
  const ids = { conversation_id: "c", message_id: String(seq), client_msg_id: "" };
  return {
    ...ids,
    seq,
    sender_id: "bob",
    type: "text",
    content: `${seq}`,
    extra: "",
    ordinal: seq,
    created_at: seq,
    ...more,
  };
}

export function view(
  id: string,
  seq: number,
  member: Partial<Membership> = {},
  more: Partial<ConversationView> = {},
): ConversationView {
  const membership = { min_seq: 1, max_seq: null, read_seq: 0, pinned: false, recv_opt: "normal", ...member };
  const base = { conversation_id: id, version: 1, visible_seq: seq, unread_count: seq, updated_at: seq, membership };
  return { ...base, last_message: seq ? message(seq, { conversation_id: id }) : null, ...more } as ConversationView;
}

export function page(conversations: ConversationView[], more: Partial<SyncPage> = {}): SyncPage {
  return { full: true, conversations, friends: [], requests: [], users: [], token: "t", more: false, ...more };
}

/** A first connection and a sync that tells of these. */
export function synced(...conversations: ConversationView[]): Action[] {
  return [
    { type: "ready", epoch: "e" },
    { type: "sync", asked: "", epoch: "e", page: page(conversations) },
  ];
}

export function outgoing(key: string): Outgoing {
  const text = { type: "text", content: key, extra: "" } as const;
  return { key, conversationId: "c", ...text, createdAt: 0, state: "queued", code: "", error: "" };
}

/** The entries [begin, end], as of a window [1, windowEnd]. */
export function piece(begin: number, end: number, more: Partial<Piece> = {}): Action {
  const messages = Array.from({ length: end - begin + 1 }, (_, index) => message(begin + index));
  const range = { begin, end, windowBegin: 1, windowEnd: end, goal: end };
  return { type: "piece", piece: { conversationId: "c", epoch: "e", messages, ...range, ...more } };
}
