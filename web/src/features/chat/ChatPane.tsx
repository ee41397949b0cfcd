import { Loader } from "@mantine/core";
import { useLiveQuery } from "dexie-react-hooks";
import { MessageCircleX } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useEngine, useLive } from "@/app/engine";
import { EmptyState } from "@/ui/EmptyState";
import { ChatHeader } from "./ChatHeader";
import classes from "./ChatPane.module.css";
import { History } from "./History";
import { WriteBox } from "./WriteBox";

const Details = lazy(async () => ({ default: (await import("@/features/groups/Details")).Details }));

interface Props {
  conversationId: string;
  details: boolean;
}

/** One conversation: what was said, where one writes, and on demand what is known about it. */
export function ChatPane({ conversationId, details }: Props) {
  const { t } = useTranslation();
  const engine = useEngine();
  const settled = useLive((live) => live.connection === "online" || live.connection === "offline");
  // `null` is a row that is not there, `undefined` one that was not looked for yet.
  const row = useLiveQuery(
    async () => (await engine.db.conversations.get(conversationId)) ?? null,
    [engine, conversationId],
  );
  const here = row !== undefined && row !== null;
  useEffect(() => {
    if (!here) return undefined;
    engine.open(conversationId);
    return () => engine.open("");
  }, [engine, conversationId, here]);
  if (row === undefined) return null;
  if (row === null) {
    return settled ? (
      <EmptyState icon={MessageCircleX} title={t("chat.notFound")} text={t("chat.notFoundText")} />
    ) : (
      <Loader m="xl" aria-label={t("common.loading")} />
    );
  }
  return (
    <div className={classes.pane} data-details={details}>
      <div className={classes.chat}>
        <ChatHeader row={row} details={details} />
        <History row={row} />
        <WriteBox row={row} />
      </div>
      {details && (
        <aside className={classes.details} aria-label={t("chat.details")}>
          <Suspense fallback={<Loader m="xl" aria-label={t("common.loading")} />}>
            <Details row={row} />
          </Suspense>
        </aside>
      )}
    </div>
  );
}
