import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, type UIEvent, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./MessageList.module.css";
import type { Row } from "./rows";
import { ToNewest } from "./ToNewest";

interface Props {
  rows: readonly Row[];
  render: (row: Row) => ReactNode;
  /** Earlier entries are on the server or in the database; called when the reader comes near the top. */
  onNearTop: () => void;
  /** The reader sees the newest entry. */
  onAtEnd: () => void;
  /** Entries below that were not seen yet. */
  unseen: number;
}

const NEAR_TOP_ROWS = 12;
const AT_END_PX = 60;
const ESTIMATES: Record<Row["kind"], number> = { start: 150, loading: 56, day: 44, new: 36, system: 34, message: 46 };

/**
 * The history. Only what is visible is in the document; what is added above moves nothing, and the tail is followed
 * while the reader is there.
 */
export function MessageList({ rows, render, onNearTop, onAtEnd, unseen }: Props) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const hidden = useRef(false);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => ESTIMATES[rows[index]?.kind ?? "message"],
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 10,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_END_PX,
    paddingEnd: 10,
  });
  const toEnd = useCallback(() => virtualizer.scrollToEnd(), [virtualizer]);
  // Until then there is no end, but a place where it will be.
  const filled = rows.some((row) => row.kind === "message" || row.kind === "system");
  useOpenAt(rows, filled, virtualizer);
  useFollowOwn(rows, toEnd);

  const items = virtualizer.getVirtualItems();
  const top = items[0]?.index ?? 0;
  useEffect(() => {
    if (top < NEAR_TOP_ROWS && rows[0]?.kind === "loading") onNearTop();
  }, [top, rows, onNearTop]);

  // The virtualizer hears of the scrolling only after React has.
  const scrolled = ({ currentTarget }: UIEvent) => {
    if (currentTarget.clientHeight === 0) return;
    const end = showsEnd(currentTarget);
    setAtEnd(end);
    if (end && filled) onAtEnd();
  };
  useEffect(() => {
    const log = scroller.current;
    if (!log || !filled) return undefined;
    // Told when the new rows are laid out, and when what hid the history has gone.
    const observer = new ResizeObserver(() => {
      const visible = log.clientHeight > 0;
      // What came meanwhile was not followed, because nothing was laid out.
      if (visible && hidden.current && atEnd) toEnd();
      hidden.current = !visible;
      if (showsEnd(log)) onAtEnd();
    });
    observer.observe(log);
    return () => observer.disconnect();
  }, [rows, filled, atEnd, toEnd, onAtEnd]);

  return (
    <div className={classes.frame}>
      <div
        ref={scroller}
        className={`${classes.scroller} scroll`}
        onScroll={scrolled}
        onKeyDown={(event) => jump(event, toEnd, () => virtualizer.scrollToIndex(0))}
        role="log"
        aria-label={t("chat.messages")}
        aria-live="polite"
        aria-relevant="additions"
        tabIndex={0}
        data-testid="history"
      >
        <div className={classes.all} style={{ height: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            return (
              <div
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className={classes.row}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {row && render(row)}
              </div>
            );
          })}
        </div>
      </div>
      {!atEnd && <ToNewest unseen={unseen} onClick={toEnd} />}
    </div>
  );
}

/** Whether the end of the history is on the screen; a history that is hidden behind something has no height. */
function showsEnd({ scrollHeight, scrollTop, clientHeight }: Element): boolean {
  return clientHeight > 0 && scrollHeight - scrollTop - clientHeight <= AT_END_PX;
}

/** Home and End go to the ends of what is loaded, as in any document. */
function jump(event: KeyboardEvent, toEnd: () => void, toStart: () => void): void {
  if (event.key !== "End" && event.key !== "Home") return;
  event.preventDefault();
  (event.key === "End" ? toEnd : toStart)();
}

/** Opens the history at what is new, or at its end. */
function useOpenAt(
  rows: readonly Row[],
  filled: boolean,
  virtualizer: ReturnType<typeof useVirtualizer<HTMLDivElement, Element>>,
) {
  const opened = useRef(false);
  useEffect(() => {
    if (opened.current || !filled) return;
    opened.current = true;
    const divider = rows.findIndex((row) => row.kind === "new");
    if (divider >= 0) virtualizer.scrollToIndex(divider, { align: "start" });
    else virtualizer.scrollToEnd();
  }, [filled, rows, virtualizer]);
}

/** Whoever sends wants to see it, wherever the history was scrolled to. */
function useFollowOwn(rows: readonly Row[], toEnd: () => void) {
  const tail = rows.at(-1);
  const own = tail?.kind === "message" && tail.entry.own && tail.entry.state === "sending" ? tail.key : "";
  useEffect(() => {
    if (own) toEnd();
  }, [own, toEnd]);
}
