/** A conversation's row: how the server's view of it joins what is known here, and what the row lacks. Pure. */
import { type Conversation, MAX_CATCH_UP, type Piece } from "./model";
import { clamp, isEmpty } from "./segment";
import type { ConversationView, MessagePage } from "./types";

export function viewed(old: Conversation | undefined, view: ConversationView): Conversation {
  if (!old) return fresh(view);
  // Changes of members and settings count up; an answer may come late.
  if (view.version < old.view.version) return old;
  const { min_seq: min, max_seq: max } = view.membership;
  const told = fresh(view);
  const segment = clamp(old, min, max ?? Number.POSITIVE_INFINITY);
  // Where the window is open, a push may have told of more than the view; where it is closed, the view is the end.
  const visibleSeq = max === null ? Math.max(view.visible_seq, old.visibleSeq) : view.visible_seq;
  const newer = max === null && (old.lastMessage?.seq ?? 0) > (view.last_message?.seq ?? 0) && old.visibleSeq >= min;
  return counted({
    ...told,
    ...segment,
    visibleSeq,
    lastMessage: newer ? old.lastMessage : view.last_message,
    ...further(told, old, visibleSeq),
    pendingRead: old.pendingRead > told.readSeq ? old.pendingRead : 0,
  });
}

/** Of two pointers the one that is further; of two at the same place the one that the server told. */
function further(told: Conversation, old: Conversation, end: number): Pick<Conversation, "readSeq" | "readOrdinal"> {
  const readSeq = Math.max(told.readSeq, Math.min(old.readSeq, end));
  return { readSeq, readOrdinal: (countsFrom(told) < countsFrom(old) ? old : told).readOrdinal };
}

/** The seq after which entries count as unread, and at which `readOrdinal` is: nothing before the window counts. */
function countsFrom({ readSeq, view }: Conversation): number {
  return Math.max(readSeq, view.membership.min_seq - 1);
}

/** A conversation of which nothing but the view is known. */
function fresh(view: ConversationView): Conversation {
  const { min_seq: min, read_seq: readSeq } = view.membership;
  const { visible_seq: visibleSeq, unread_count: unread, last_message: lastMessage } = view;
  return {
    id: view.conversation_id,
    view,
    first: min,
    last: min - 1,
    ahead: [],
    visibleSeq,
    lastMessage,
    readSeq,
    readOrdinal: lastMessage ? lastMessage.ordinal - unread : min <= 1 ? 0 : -1,
    unread,
    pendingRead: 0,
  };
}

/** The row with its unread count, as the newest entry and the read pointer have it. */
export function counted(row: Conversation): Conversation {
  const end = row.lastMessage?.ordinal ?? 0;
  if (row.readSeq >= row.visibleSeq) return { ...row, readOrdinal: Math.max(row.readOrdinal, end), unread: 0 };
  return { ...row, unread: row.readOrdinal < 0 ? row.unread : Math.max(0, end - row.readOrdinal) };
}

export function firstVisible(row: Conversation): number {
  return Math.max(1, row.view.membership.min_seq);
}

// ------------------------------------------------------------ what to fetch next

/** A request for a piece of a log: entries from `begin` on, or before `before` (0: the newest). */
export type PieceRequest = { conversationId: string; begin: number } | { conversationId: string; before: number };

/** What a conversation lacks at its end; null when it lacks nothing, or nothing of it was ever looked at. */
export function missing(row: Conversation, maxCatchUp = MAX_CATCH_UP): PieceRequest | null {
  if (isEmpty(row) || row.last >= row.visibleSeq) return null;
  if (row.visibleSeq - row.last > maxCatchUp) return { conversationId: row.id, before: 0 };
  return { conversationId: row.id, begin: row.last + 1 };
}

/** What comes before the segment; null when it begins where the user's window does. */
export function older(row: Conversation): PieceRequest | null {
  if (isEmpty(row)) return row.visibleSeq < firstVisible(row) ? null : { conversationId: row.id, before: 0 };
  return row.first <= firstVisible(row) ? null : { conversationId: row.id, before: row.first };
}

/** The piece that a page is; `row` and `epoch` as of when it was asked for. Logs have no holes, so a page has none. */
export function pieceOf(row: Conversation, epoch: string, page: MessagePage): Piece {
  const begin = page.messages[0]?.seq ?? 1;
  return {
    conversationId: row.id,
    epoch,
    begin,
    end: page.messages.at(-1)?.seq ?? begin - 1,
    messages: page.messages,
    windowBegin: page.begin,
    windowEnd: page.end,
    goal: row.visibleSeq,
  };
}
