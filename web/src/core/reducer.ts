/**
 * What becomes of the local state by everything that can happen to it. Pure.
 *
 * Pushes may be missing, repeated or late, two tabs apply the same things, and whatever was asked for is answered when it
 * likes; so everything merges, and merging again changes nothing. Pointers and what is known to be visible move forward
 * only, entries never change, and an answer that was asked for in another state than the present one is dropped.
 */
import { merge, set, without } from "./maps";
import {
  type Action,
  type Conversation,
  messageId,
  type Outgoing,
  type Piece,
  pointerId,
  type Reduced,
  requestId,
  type State,
} from "./model";
import type { Acked, Signal } from "./packets";
import { counted, firstVisible, viewed } from "./rows";
import { extend } from "./segment";
import type { ConversationView, Message, SyncPage } from "./types";

export function reduce(state: State, action: Action): Reduced {
  switch (action.type) {
    case "ready":
      return ready(state, action.epoch);
    case "push":
      return pushed(state, action.message);
    case "ack":
      return acked(state, action.ack);
    case "readAck":
      return settled(
        onConversation(state, action.conversationId, (row) => readAcked(row, action.asked, action.readSeq)),
      );
    case "readRefused":
      return settled(onConversation(state, action.conversationId, (row) => ({ ...row, pendingRead: 0 })));
    case "signal":
      return signalled(state, action.signal);
    case "sync":
      return synced(state, action.asked, action.epoch, action.page);
    case "refetch":
      return { state: { ...state, meta: { ...state.meta, token: "", more: false } }, sync: true };
    case "piece":
      return pulled(state, action.piece);
    case "view":
      return answered(state, action.asked, action.epoch, action.view);
    case "pointers":
      return settled(withPointers(state, action.conversationId, action.pointers));
    case "send":
      return settled({ ...state, outgoing: set(state.outgoing, action.message.key, action.message) });
    case "resend":
      return settled(onOutgoing(state, action.key, (row) => ({ ...row, state: "queued", code: "", error: "" })));
    case "discard":
      return settled({ ...state, outgoing: without(state.outgoing, [action.key]) });
    case "read":
      return settled(onConversation(state, action.conversationId, (row) => readHere(state, row, action.seq)));
  }
}

// ------------------------------------------------------------ entries

function pushed(state: State, message: Message): Reduced {
  const row = state.conversations.get(message.conversation_id);
  // Who wrote it knows that it is stored, whatever else is known.
  if (!row) return { state: withoutSent(state, [message]), sync: true };
  const { min_seq: min, max_seq: max } = row.view.membership;
  // Beyond a window that was closed: it has been opened anew, and the sync tells how.
  if (max !== null && message.seq > max) return { state: withoutSent(state, [message]), sync: true };
  if (message.seq < min) return settled(withoutSent(state, [message]));
  // Where nothing was visible before, only a view tells how much is unread.
  return { state: withEntries(state, row, [message], message.seq, message.seq), sync: row.readOrdinal < 0 };
}

function acked(state: State, ack: Acked): Reduced {
  const sent = state.outgoing.get(ack.key);
  if (ack.code) {
    const failed = (row: Outgoing): Outgoing => ({ ...row, state: "failed", code: ack.code, error: ack.error });
    return settled(onOutgoing(state, ack.key, failed));
  }
  if (sent) return pushed(state, entryOf(state.userId, sent, ack));
  // Settled already, or discarded on its way: then it is on the server, and has to be fetched from there.
  if (!state.conversations.has(ack.conversationId)) return { state, sync: true };
  return settled(onConversation(state, ack.conversationId, (row) => learn(row, ack.seq)));
}

/** The entry that an acknowledged message has become. */
function entryOf(userId: string, sent: Outgoing, ack: Acked): Message {
  return {
    conversation_id: ack.conversationId,
    seq: ack.seq,
    message_id: ack.messageId,
    sender_id: userId,
    type: sent.type,
    content: sent.content,
    extra: sent.extra,
    client_msg_id: sent.key,
    ordinal: ack.ordinal,
    created_at: ack.createdAt,
  };
}

function pulled(state: State, piece: Piece): Reduced {
  const row = state.conversations.get(piece.conversationId);
  if (!row || piece.epoch !== state.meta.epoch) return settled(state);
  const max = row.view.membership.max_seq ?? Number.POSITIVE_INFINITY;
  // Of a window that is closed by now, or of one that was opened anew and only a sync tells of.
  if (piece.windowBegin < firstVisible(row)) return settled(state);
  if (piece.windowBegin > firstVisible(row) || piece.windowEnd > max) return { state, sync: true };
  const known = learn(row, piece.windowEnd);
  // Where the window ends before what was announced when this was asked for, it has been closed: the view tells where.
  const closed = piece.windowEnd < piece.goal;
  return { state: withEntries(state, known, piece.messages, piece.begin, piece.end), sync: closed };
}

function learn(row: Conversation, seq: number): Conversation {
  return { ...row, visibleSeq: Math.max(row.visibleSeq, seq) };
}

/** Take entries; every visible one of [begin, end] is among them. */
function withEntries(state: State, row: Conversation, messages: Message[], begin: number, end: number): State {
  const { first, last, ahead } = extend(row, begin, end);
  let next: Conversation = { ...learn(row, end), first, last, ahead };
  for (const message of messages) next = withEntry(next, message, state.userId);
  return {
    ...withoutSent(state, messages),
    messages: merge(state.messages, messages, (message) => messageId(message.conversation_id, message.seq)),
    conversations: set(state.conversations, row.id, counted(next)),
  };
}

function withEntry(row: Conversation, message: Message, userId: string): Conversation {
  // Whoever sends has read up to there.
  const own = message.sender_id === userId && message.type !== "system" && message.seq > row.readSeq;
  const read = own ? { ...row, readSeq: message.seq, readOrdinal: message.ordinal } : row;
  return message.seq > (row.lastMessage?.seq ?? 0) ? { ...read, lastMessage: message } : read;
}

/** Forget the local echo of what came back as an entry. */
function withoutSent(state: State, messages: Message[]): State {
  const own = messages.filter(
    (message) => message.sender_id === state.userId && state.outgoing.has(message.client_msg_id),
  );
  if (own.length === 0) return state;
  return {
    ...state,
    outgoing: without(
      state.outgoing,
      own.map((message) => message.client_msg_id),
    ),
  };
}

// ------------------------------------------------------------ pointers

function readHere(state: State, row: Conversation, seq: number): Conversation {
  const to = Math.min(seq, row.visibleSeq);
  // Nobody has read what is not here; but one may wish all to count as read.
  const here = to === row.visibleSeq || state.messages.has(messageId(row.id, to));
  return to <= row.readSeq || !here ? row : { ...moved(state, row, to), pendingRead: to };
}

function readAcked(row: Conversation, asked: number, readSeq: number): Conversation {
  const pendingRead = row.pendingRead <= Math.max(asked, readSeq) ? 0 : row.pendingRead;
  return { ...row, pendingRead, readSeq: Math.max(row.readSeq, Math.min(readSeq, row.visibleSeq)) };
}

/** Move the user's own pointer forward; how much is unread then, the entry there tells if it is here. */
function moved(state: State, row: Conversation, seq: number): Conversation {
  const ordinal = state.messages.get(messageId(row.id, seq))?.ordinal;
  return counted({ ...row, readSeq: seq, readOrdinal: Math.max(row.readOrdinal, ordinal ?? -1) });
}

function withPointers(state: State, conversationId: string, pointers: { user_id: string; read_seq: number }[]): State {
  const news = pointers
    .filter(({ user_id }) => user_id !== state.userId)
    .map(({ user_id: userId, read_seq: readSeq }) => ({ conversationId, userId, readSeq }))
    .filter((one) => one.readSeq > (state.pointers.get(pointerId(conversationId, one.userId))?.readSeq ?? 0));
  return { ...state, pointers: merge(state.pointers, news, (one) => pointerId(one.conversationId, one.userId)) };
}

function signalled(state: State, signal: Signal): Reduced {
  switch (signal.kind) {
    case "receipt":
      return received(state, signal.conversationId, signal.userId, signal.readSeq);
    case "conversation":
    case "friend":
    case "profile":
      return { state, sync: true };
    case "presence":
    case "typing":
      return settled(state);
  }
}

function received(state: State, conversationId: string, userId: string, readSeq: number): Reduced {
  if (userId !== state.userId)
    return settled(withPointers(state, conversationId, [{ user_id: userId, read_seq: readSeq }]));
  const row = state.conversations.get(conversationId);
  if (!row || readSeq <= row.readSeq) return settled(state);
  const known = state.messages.has(messageId(conversationId, readSeq)) || row.lastMessage?.seq === readSeq;
  return { state: onConversation(state, conversationId, (one) => moved(state, one, readSeq)), sync: !known };
}

// ------------------------------------------------------------ sync

function ready(state: State, epoch: string): Reduced {
  if (epoch === state.meta.epoch) return { state, sync: true };
  if (!state.meta.epoch) return { state: { ...state, meta: { ...state.meta, epoch } }, sync: true };
  const logs = { messages: new Map(), pointers: new Map(), users: new Map() };
  const gone = { conversations: new Map(), relations: new Map(), requests: new Map() };
  return { state: { ...state, ...logs, ...gone, meta: { epoch, token: "", more: false } }, sync: true };
}

function synced(state: State, asked: string, epoch: string, page: SyncPage): Reduced {
  // Another tab has merged since this was asked for: what it merged may be newer.
  if (asked !== state.meta.token || epoch !== state.meta.epoch) return { state, sync: true };
  const views = withViews(state, page.conversations);
  const base = page.full ? replaced(views, page) : views;
  return settled({
    ...base,
    meta: { epoch, token: page.token, more: page.more },
    relations: merge(base.relations, page.friends, (relation) => relation.user_id),
    requests: merge(base.requests, page.requests, requestId),
    users: merge(base.users, page.users, (user) => user.id),
  });
}

function answered(state: State, asked: string, epoch: string, view: ConversationView): Reduced {
  // Of another store, or of one that has not said yet which it is.
  if (!epoch || epoch !== state.meta.epoch) return { state, sync: true };
  // What was merged since may be newer than the answer; if it is not, the next sync tells what the command did.
  if (asked !== state.meta.token && state.conversations.has(view.conversation_id)) return { state, sync: true };
  return settled(withViews(state, [view]));
}

/** Keep only what this first page of everything names; further pages, which are not `full`, add the rest. */
function replaced(state: State, page: SyncPage): State {
  const named = new Set(page.conversations.map((view) => view.conversation_id));
  const conversations = new Map([...state.conversations].filter(([id]) => named.has(id)));
  return { ...state, conversations, relations: new Map(), requests: new Map() };
}

function withViews(state: State, views: ConversationView[]): State {
  const rows = views.map((view) => viewed(state.conversations.get(view.conversation_id), view));
  return { ...state, conversations: merge(state.conversations, rows, (row) => row.id) };
}

// ------------------------------------------------------------ rows

function settled(state: State): Reduced {
  return { state, sync: false };
}

function onConversation(state: State, id: string, change: (row: Conversation) => Conversation): State {
  const row = state.conversations.get(id);
  return row ? { ...state, conversations: set(state.conversations, id, change(row)) } : state;
}

function onOutgoing(state: State, key: string, change: (row: Outgoing) => Outgoing): State {
  const row = state.outgoing.get(key);
  return row ? { ...state, outgoing: set(state.outgoing, key, change(row)) } : state;
}
