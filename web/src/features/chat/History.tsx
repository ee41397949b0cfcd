import { Loader, Title } from "@mantine/core";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine, useKnown } from "@/app/engine";
import type { Conversation } from "@/core";
import { titleOf } from "@/features/conversations/naming";
import { usePeople } from "@/features/people/people";
import { attempt } from "@/ui/say";
import { dayName, daysAgo } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import { UserAvatar } from "@/ui/UserAvatar";
import { Bubble, type BubbleActions } from "./Bubble";
import { MessageList } from "./MessageList";
import classes from "./MessageList.module.css";
import { namedInNotice, noticeText } from "./notices";
import { Readers } from "./Readers";
import type { ChatEntry, Row } from "./rows";
import { useHistory } from "./useHistory";

const NOTHING: readonly Row[] = [];

/** What was said in a conversation. */
export function History({ row }: { row: Conversation }) {
  const people = usePeople();
  const history = useHistory(row.id);
  const rows = history?.rows ?? NOTHING;
  const [asked, setAsked] = useState<ChatEntry | null>(null);
  useKnown(useMemo(() => namedIn(rows), [rows]));
  const markRead = useMarkRead(row);
  const showLess = history?.showLess;
  const atEnd = useCallback(() => {
    markRead();
    showLess?.();
  }, [markRead, showLess]);
  const named = row.view.kind !== "single";
  const actions = useActions(named ? setAsked : undefined);
  const readers = useMemo(
    () => (history?.pointers.map((pointer) => pointer.readSeq) ?? []).toSorted((a, b) => a - b),
    [history?.pointers],
  );
  const render = (line: Row) => {
    if (line.kind !== "message") return <Line line={line} row={row} />;
    const { entry, first, last } = line;
    return (
      <Bubble
        entry={entry}
        first={first}
        last={last}
        named={named}
        senderName={people.nameOf(entry.sender)}
        readers={named && entry.state === "read" ? readersOf(readers, entry.seq) : undefined}
        actions={actions}
      />
    );
  };
  return (
    <>
      {history && (
        <MessageList rows={rows} render={render} onNearTop={history.showMore} onAtEnd={atEnd} unseen={row.unread} />
      )}
      {asked && <Readers conversationId={row.id} seq={asked.seq} onClose={() => setAsked(null)} />}
    </>
  );
}

/** How many of the pointers, ascending, are at or after a seq. */
function readersOf(pointers: readonly number[], seq: number): number {
  const before = pointers.findIndex((one) => one >= seq);
  return before < 0 ? 0 : pointers.length - before;
}

function namedIn(rows: readonly Row[]): string[] {
  const ids = new Set<string>();
  for (const line of rows) {
    if (line.kind === "message" && !line.entry.own) ids.add(line.entry.sender);
    else if (line.kind === "system") for (const id of namedInNotice(line.entry.content)) ids.add(id);
  }
  return [...ids].toSorted();
}

/** Tells the server how far was read, while somebody is looking. */
function useMarkRead(row: Conversation): () => void {
  const engine = useEngine();
  const { id, last, readSeq } = row;
  const mark = useCallback(() => {
    if (last > readSeq && document.visibilityState === "visible" && document.hasFocus()) void engine.markRead(id, last);
  }, [engine, id, last, readSeq]);
  const [atEnd, setAtEnd] = useState(0);
  useEffect(() => {
    if (atEnd < last) return undefined;
    mark();
    window.addEventListener("focus", mark);
    return () => window.removeEventListener("focus", mark);
  }, [atEnd, last, mark]);
  return useCallback(() => setAtEnd(last), [last]);
}

function useActions(showReaders: ((entry: ChatEntry) => void) | undefined): BubbleActions {
  const { t } = useTranslation();
  const engine = useEngine();
  const navigate = useNavigate();
  return useMemo(
    () => ({
      copy: (entry) => void attempt(() => navigator.clipboard.writeText(entry.content), t("chat.copied")),
      resend: (entry) => void attempt(() => engine.resend(entry.key)),
      discard: (entry) => void attempt(() => engine.discard(entry.key)),
      openUser: (id) => void navigate(`/contacts/${encodeURIComponent(id)}`),
      showReaders,
    }),
    [engine, navigate, showReaders, t],
  );
}

/** The lines that are no messages. */
function Line({ line, row }: { line: Exclude<Row, { kind: "message" }>; row: Conversation }) {
  const { t, i18n } = useTranslation();
  const people = usePeople();
  const now = useNow();
  switch (line.kind) {
    case "start":
      return <Start row={row} />;
    case "loading":
      return (
        <div className={classes.loading}>
          <Loader size="sm" aria-label={t("chat.older")} />
        </div>
      );
    case "day": {
      const passed = daysAgo(line.at, now);
      const name = passed === 0 ? t("chat.today") : passed === 1 ? t("chat.yesterday") : undefined;
      return (
        <div className={classes.divider}>
          <span className={`${classes.pill} ${classes.day}`}>{name ?? dayName(line.at, now, i18n.language)}</span>
        </div>
      );
    }
    case "new":
      return <div className={classes.new}>{t("chat.newDivider")}</div>;
    case "system":
      return (
        <div className={`${classes.divider} ${classes.system}`}>
          <span className={classes.pill}>{noticeText(line.entry.content, people, t)}</span>
        </div>
      );
  }
}

function Start({ row }: { row: Conversation }) {
  const { t } = useTranslation();
  const title = titleOf(row.view, usePeople());
  return (
    <div className={classes.start}>
      <UserAvatar id={row.view.peer?.id ?? row.id} name={title} size={72} square={!row.view.peer} />
      <Title order={2} size="h4" c="var(--text)">
        {title}
      </Title>
      <span>{t("chat.startText", { name: title })}</span>
    </div>
  );
}
