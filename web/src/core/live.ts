/** What is true only now, and in no database: the connection, who is online, who is typing. */
import { createStore, type StoreApi } from "zustand/vanilla";

/**
 * - `connecting`: on the way, for the first time or again;
 * - `syncing`: connected, but not all that was missed is here;
 * - `online`: everything is here;
 * - `offline`: not connected; what is sent waits;
 * - `signed-out`: the login is over; `reason` says why.
 */
export type ConnectionState = "connecting" | "syncing" | "online" | "offline" | "signed-out";

export interface LivePresence {
  online: boolean;
  lastSeenAt: number;
}

export interface Live {
  connection: ConnectionState;
  /** While offline: when it is tried again (ms of this machine's clock); 0: only when asked to. */
  retryAt: number;
  /** The code of the catalogue that ended the session, or the reason of the last close; "" for none. */
  reason: string;
  /** The browser would not store: what comes is not kept. */
  storageFailed: boolean;
  presence: Readonly<Record<string, LivePresence>>;
  /** Who is typing: conversation, user, and until when to show it. */
  typing: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How often a conversation was said to have changed; what is asked for by REST is asked for again then. */
  changes: Readonly<Record<string, number>>;
}

/** Milliseconds that somebody counts as typing after having said so. */
export const TYPING_MS = 6000;

export type LiveStore = StoreApi<Live>;

export function createLive(): LiveStore {
  return createStore<Live>(() => ({
    connection: "connecting",
    retryAt: 0,
    reason: "",
    storageFailed: false,
    presence: {},
    typing: {},
    changes: {},
  }));
}

/** Take that somebody is typing until `until`; those whose time is over go. */
export function withTyping(live: Live, conversationId: string, userId: string, until: number): Partial<Live> {
  const now = until - TYPING_MS;
  const current = Object.entries(live.typing[conversationId] ?? {}).filter(([, end]) => end > now);
  return { typing: { ...live.typing, [conversationId]: { ...Object.fromEntries(current), [userId]: until } } };
}

/** Take that somebody types no more: the time is over, or the message came. */
export function withoutTyping(live: Live, conversationId: string, userId: string): Partial<Live> {
  const users = live.typing[conversationId];
  if (!users || !(userId in users)) return {};
  const { [userId]: _, ...others } = users;
  const { [conversationId]: __, ...rest } = live.typing;
  return { typing: Object.keys(others).length === 0 ? rest : { ...rest, [conversationId]: others } };
}
