import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useLiveQuery } from "dexie-react-hooks";
import { MessagesSquare } from "lucide-react";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useEngine, useKnown, useLive } from "@/app/engine";
import { EmptyState } from "@/ui/EmptyState";
import { ConversationItem } from "./ConversationItem";
import classes from "./ConversationSidebar.module.css";
import { namedIn } from "./naming";

const ROW_PX = 64;

/** The conversations, pinned first, then the latest active. Only those that are visible are in the document. */
export function ConversationList({ onNew }: { onNew: () => void }) {
  const { t } = useTranslation();
  const { db } = useEngine();
  const settled = useLive((live) => live.connection === "online" || live.connection === "offline");
  const rows = useLiveQuery(() => db.list(), [db]);
  const drafts = useLiveQuery(() => db.drafts.toArray(), [db]);
  const draftOf = useMemo(() => new Map(drafts?.map(({ conversationId, text }) => [conversationId, text])), [drafts]);
  useKnown(useMemo(() => namedIn(rows ?? []), [rows]));
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows?.length ?? 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => rows?.[index]?.id ?? index,
    overscan: 6,
  });
  if (rows?.length === 0 && settled) {
    return (
      <EmptyState icon={MessagesSquare} title={t("list.empty")} text={t("list.emptyText")}>
        <Button mt="sm" onClick={onNew}>
          {t("list.new")}
        </Button>
      </EmptyState>
    );
  }
  return (
    <nav ref={scroller} className={`${classes.list} scroll`} aria-label={t("list.conversations")}>
      <div className={classes.all} style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ key, index, start }) => {
          const row = rows?.[index];
          return (
            <div key={key} className={classes.item} style={{ transform: `translateY(${start}px)` }}>
              {row && <ConversationItem row={row} draft={draftOf.get(row.id) ?? ""} />}
            </div>
          );
        })}
      </div>
    </nav>
  );
}
