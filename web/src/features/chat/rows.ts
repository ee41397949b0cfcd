/** What the history shows, line by line: messages, grouped by sender, between days and before what is new. */
import { dayOf } from "@/ui/time";

export type SendState = "sending" | "sent" | "read" | "failed";

/** A message or system entry as the history shows it. */
export interface ChatEntry {
  /** Stays the same from local echo to sent, so that its line is not drawn anew. */
  key: string;
  /** Its place in the conversation; 0 until the server gave it one. */
  seq: number;
  sender: string;
  kind: string;
  content: string;
  /** ms UTC; of this machine's clock until the server said when. */
  at: number;
  own: boolean;
  state: SendState;
  /** Why it was not sent; a code of the catalogue. */
  error?: string;
}

export type Row =
  | { kind: "start"; key: string }
  | { kind: "loading"; key: string }
  | { kind: "day"; key: string; at: number }
  | { kind: "new"; key: string }
  | { kind: "system"; key: string; entry: ChatEntry }
  | { kind: "message"; key: string; entry: ChatEntry; first: boolean; last: boolean };

/** Messages of one sender belong together when no more than this lies between them. */
const GROUP_MS = 5 * 60_000;

export interface RowsOptions {
  /** The first entries are the conversation's first: nothing is left to load. */
  complete: boolean;
  /** The last seq that was read when the chat was opened; `null` shows no divider. */
  readSeq: number | null;
}

/** Whether `next` goes on where `entry` left off, without naming its sender again. */
function together(entry: ChatEntry | undefined, next: ChatEntry | undefined): boolean {
  return (
    entry !== undefined &&
    next !== undefined &&
    entry.kind !== "system" &&
    next.kind !== "system" &&
    entry.sender === next.sender &&
    next.at - entry.at < GROUP_MS &&
    dayOf(entry.at) === dayOf(next.at)
  );
}

/**
 * The index of the first entry that somebody else wrote and nobody here has read; -1 when there is none, or when it may be
 * among those that are not loaded.
 */
function firstNew(entries: readonly ChatEntry[], { complete, readSeq }: RowsOptions): number {
  if (readSeq === null || (!complete && (entries[0]?.seq ?? 0) > readSeq)) return -1;
  return entries.findIndex((entry) => entry.seq > readSeq && !entry.own && entry.kind !== "system");
}

/** Entries must come in ascending order, those without a seq last. */
export function rowsOf(entries: readonly ChatEntry[], options: RowsOptions): Row[] {
  const rows: Row[] = [options.complete ? { kind: "start", key: "start" } : { kind: "loading", key: "loading" }];
  const divider = firstNew(entries, options);
  let day: number | undefined;
  for (const [index, entry] of entries.entries()) {
    const today = dayOf(entry.at);
    if (today !== day) rows.push({ kind: "day", key: `day-${today}`, at: entry.at });
    day = today;
    if (index === divider) rows.push({ kind: "new", key: "new" });
    if (entry.kind === "system") {
      rows.push({ kind: "system", key: entry.key, entry });
      continue;
    }
    const first = index === divider || !together(entries[index - 1], entry);
    const last = index + 1 === divider || !together(entry, entries[index + 1]);
    rows.push({ kind: "message", key: entry.key, entry, first, last });
  }
  return rows;
}
