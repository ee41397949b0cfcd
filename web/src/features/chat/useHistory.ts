import { useLiveQuery } from "dexie-react-hooks";
import { useCallback, useMemo, useRef, useState } from "react";
import { useEngine } from "@/app/engine";
import { type Conversation, isEmpty, type Message, older, type Outgoing, type Pointer } from "@/core";
import { sayError } from "@/ui/say";
import { type ChatEntry, type Row, rowsOf } from "./rows";

/** Entries that are shown at first, and shown more each time the reader comes near the top. */
const PAGE = 100;
/** Entries that are too many to be read anew at every change; when the reader is back at the end, the early ones go. */
const MANY = 1500;
/** Unread entries that are all shown at first, with some of what comes before them; of more, the newest page is. */
const MAX_UNREAD = 500;
const BEFORE_UNREAD = 20;

interface Loaded {
  row: Conversation;
  messages: Message[];
  unsent: Outgoing[];
  pointers: Pointer[];
  /** Everything from this seq on was loaded. */
  begin: number;
  divider: Opened["divider"];
}

/** How a conversation was when it was opened. */
interface Opened {
  /** The first entry that is shown. */
  start: number;
  /** How far was read, if not everything was: what is new stands below. */
  divider: number | null;
}

function openedAt({ first, last, unread, readSeq }: Conversation): Opened {
  const fresh = last - readSeq;
  const shown = fresh > MAX_UNREAD ? PAGE : Math.max(PAGE, fresh + BEFORE_UNREAD);
  return { start: Math.max(first, last - shown + 1), divider: unread > 0 ? readSeq : null };
}

export interface HistoryView {
  rows: readonly Row[];
  /** How far the others have read. */
  pointers: readonly Pointer[];
  showMore: () => void;
  /** To be called at the end of the history, where nobody sees its beginning. */
  showLess: () => void;
}

/** What is shown of a conversation: from some entry on all of what is here, and what is on its way. */
export function useHistory(conversationId: string): HistoryView | undefined {
  const { db, loadOlder, userId } = useLoading(conversationId);
  // Where what is shown begins: it stays while the tail grows, and moves up as the reader scrolls.
  const [wanted, setWanted] = useState<number>();
  const opened = useRef<Opened>(undefined);
  const loaded = useLiveQuery(
    () =>
      db.transaction(
        "r",
        [db.conversations, db.messages, db.outgoing, db.pointers],
        async (): Promise<Loaded | null> => {
          const row = await db.conversations.get(conversationId);
          if (!row) return null;
          if (!isEmpty(row)) opened.current ??= openedAt(row);
          const { start = 0, divider = null } = opened.current ?? {};
          const begin = Math.max(row.first, wanted ?? start);
          const [messages, unsent, pointers] = await Promise.all([
            db.since(conversationId, begin),
            db.unsent(conversationId),
            db.readers(conversationId),
          ]);
          return { row, messages, unsent, pointers, begin, divider };
        },
      ),
    [db, conversationId, wanted],
  );
  const rows = useMemo(() => {
    if (!loaded) return [];
    const complete = older(loaded.row) === null && loaded.begin <= loaded.row.first;
    return rowsOf(entriesOf(loaded, userId), { complete, readSeq: loaded.divider });
  }, [loaded, userId]);
  const showMore = useCallback(() => {
    if (!loaded || isEmpty(loaded.row)) return;
    const { row, begin } = loaded;
    // Whoever scrolls far gets more at a time.
    const next = Math.max(1, begin - Math.max(PAGE, Math.min(MAX_UNREAD, row.last - begin)));
    if (begin > row.first) setWanted(Math.max(row.first, next));
    else void loadOlder().then((done) => done && setWanted(next));
  }, [loaded, loadOlder]);
  const showLess = useCallback(() => {
    if (loaded && loaded.messages.length > MANY) setWanted(loaded.row.last - PAGE + 1);
  }, [loaded]);
  return loaded ? { rows, pointers: loaded.pointers, showMore, showLess } : undefined;
}

/** The engine, and loading older entries one page at a time. */
function useLoading(conversationId: string) {
  const engine = useEngine();
  const busy = useRef(false);
  const loadOlder = useCallback(async (): Promise<boolean> => {
    if (busy.current) return false;
    busy.current = true;
    try {
      await engine.loadOlder(conversationId);
      return true;
    } catch (error) {
      // Without a connection the banner says so already.
      if (engine.live.getState().connection === "online") sayError(error);
      return false;
    } finally {
      busy.current = false;
    }
  }, [engine, conversationId]);
  return { db: engine.db, loadOlder, userId: engine.userId };
}

function entriesOf({ row, messages, unsent, pointers }: Loaded, me: string): ChatEntry[] {
  const furthest = Math.max(0, ...pointers.map((pointer) => pointer.readSeq));
  const stored = messages.map((message): ChatEntry => {
    const own = message.sender_id === me;
    return {
      key: own ? message.client_msg_id : `seq-${message.seq}`,
      seq: message.seq,
      sender: message.sender_id,
      kind: message.type,
      content: message.content,
      at: message.created_at,
      own,
      state: own && message.seq <= furthest ? "read" : "sent",
    };
  });
  // A message may be here under its seq while its own ack is still to come.
  const known = new Set(stored.map((entry) => entry.key));
  const latest = row.lastMessage?.created_at ?? 0;
  const waiting = unsent
    .filter(({ key }) => !known.has(key))
    .map((message): ChatEntry => ({
      key: message.key,
      seq: 0,
      sender: me,
      kind: message.type,
      content: message.content,
      // This machine's clock may be behind the server's.
      at: Math.max(message.createdAt, latest),
      own: true,
      state: message.state === "failed" ? "failed" : "sending",
      error: message.code,
    }));
  return [...stored, ...waiting];
}
