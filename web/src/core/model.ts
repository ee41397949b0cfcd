/**
 * What this browser keeps of the server's state for one user: the rows of its database, and what happens to them.
 *
 * A conversation is a log of entries 1, 2, 3 …, of which the user sees a window. Of that log this browser holds one
 * unbroken piece, the segment [first, last], and perhaps single entries `ahead` of it that pushes brought while the ones
 * between are missing. Only the segment is shown: it grows at its end by pushes and pulls and at its beginning as the
 * reader scrolls up.
 */
import type { Acked, Signal } from "./packets";
import type { ConversationView, FriendRequest, Message, MessageKind, Relation, SyncPage, User } from "./types";

export interface Conversation {
  id: string;
  /** As the server told last; what follows is fresher. */
  view: ConversationView;
  /** The segment; empty while `last` is below `first`. */
  first: number;
  last: number;
  /** Seqs of entries that are here but not connected with the segment yet, ascending. */
  ahead: number[];
  /** The highest seq that the user is known to see. While it is above `last`, entries are missing. */
  visibleSeq: number;
  /** The newest visible entry that is known. */
  lastMessage: Message | null;
  /** The user's read pointer, and the ordinal there (-1: not known). */
  readSeq: number;
  readOrdinal: number;
  unread: number;
  /** A read pointer that the server has to be told of; 0: none. */
  pendingRead: number;
}

/** A message of the user's own that the server has not acknowledged. */
export interface Outgoing {
  /** Its client_msg_id; the order of keys is the order of sending. */
  key: string;
  conversationId: string;
  type: MessageKind;
  content: string;
  extra: string;
  createdAt: number;
  /** `failed`: refused for good; it waits for the user to send it again or to discard it. */
  state: "queued" | "failed";
  /** Why it failed: a code of the catalogue, and the server's words. */
  code: string;
  error: string;
}

/** How far another member has read. */
export interface Pointer {
  conversationId: string;
  userId: string;
  readSeq: number;
}

/** How this copy relates to the server's store. */
export interface Meta {
  /** The store's epoch as of the last connection; another one means that all of this is void. */
  epoch: string;
  /** The sync token: everything that changed before is here. */
  token: string;
  /** The token is one between two pages of a round; what changed since the round began only the next one tells. */
  more: boolean;
}

/** All of it, or the part of it that a change can touch. Messages and pointers by `messageId` and `pointerId`. */
export interface State {
  userId: string;
  meta: Meta;
  conversations: ReadonlyMap<string, Conversation>;
  messages: ReadonlyMap<string, Message>;
  outgoing: ReadonlyMap<string, Outgoing>;
  pointers: ReadonlyMap<string, Pointer>;
  relations: ReadonlyMap<string, Relation>;
  requests: ReadonlyMap<string, FriendRequest>;
  users: ReadonlyMap<string, User>;
}

/** An unbroken piece of a log that a request brought: every visible entry of [begin, end] is in `messages`. */
export interface Piece {
  conversationId: string;
  /** The store's epoch when it was asked for. */
  epoch: string;
  begin: number;
  end: number;
  messages: Message[];
  /** The window as of the answer, and the highest seq that was known to exist when it was asked for. */
  windowBegin: number;
  windowEnd: number;
  goal: number;
}

export type Action =
  | { type: "ready"; epoch: string }
  | { type: "push"; message: Message }
  | { type: "ack"; ack: Acked }
  /** The answer to a wish to move the pointer to `asked`. */
  | { type: "readAck"; conversationId: string; asked: number; readSeq: number }
  | { type: "readRefused"; conversationId: string }
  | { type: "signal"; signal: Signal }
  /** A page of a sync that was asked for with `asked` as its token. */
  | { type: "sync"; asked: string; epoch: string; page: SyncPage }
  /** The token is of no use any more. */
  | { type: "refetch" }
  | { type: "piece"; piece: Piece }
  /** What a command about one conversation answered, given when `asked` was the token. */
  | { type: "view"; asked: string; epoch: string; view: ConversationView }
  | { type: "pointers"; conversationId: string; pointers: { user_id: string; read_seq: number }[] }
  | { type: "send"; message: Outgoing }
  | { type: "resend"; key: string }
  | { type: "discard"; key: string }
  /** The user has read up to `seq`. */
  | { type: "read"; conversationId: string; seq: number };

/** A state, and whether only a new round of sync can tell the rest. */
export interface Reduced {
  state: State;
  sync: boolean;
}

/** Entries kept ahead of a gap, per conversation; those beyond are pulled when their turn comes. */
export const MAX_AHEAD = 512;
/** Unacknowledged messages kept at most. */
export const MAX_OUTGOING = 1000;
/** Missing entries that are fetched one after the other; of more only the newest are, the rest when it is scrolled to. */
export const MAX_CATCH_UP = 500;

export function emptyState(userId: string): State {
  return {
    userId,
    meta: { epoch: "", token: "", more: false },
    conversations: new Map(),
    messages: new Map(),
    outgoing: new Map(),
    pointers: new Map(),
    relations: new Map(),
    requests: new Map(),
    users: new Map(),
  };
}

// Conversation ids hold no space, handles neither.
export const messageId = (conversationId: string, seq: number) => `${conversationId} ${seq}`;
export const pointerId = (conversationId: string, userId: string) => `${conversationId} ${userId}`;
export const requestId = (request: { sender: string; recipient: string }) => `${request.sender} ${request.recipient}`;
