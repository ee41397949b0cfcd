import { useLiveQuery } from "dexie-react-hooks";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import type { Conversation } from "@/core";
import { usePeople } from "@/features/people/people";
import { titleOf } from "./naming";
import { looking, notify, tellLooking, wanted } from "./notifying";

/** A message that is older than this when it comes is no news. */
const NEWS_MS = 60_000;

/** Tells of what comes while nobody looks: a number in the title, and a notification where it is wanted. */
export function useNotifications(unread: number): void {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const navigate = useNavigate();
  const rows = useLiveQuery(() => engine.db.list(), [engine]);
  const seen = useRef<Map<string, number> | null>(null);

  useEffect(tellLooking, []);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread}) Resonance` : "Resonance";
  }, [unread]);

  useEffect(() => {
    const show = (news: readonly Conversation[]) => {
      for (const row of news) {
        const { lastMessage: message, view } = row;
        if (!message) continue;
        const name = people.nameOf(message.sender_id);
        const title = view.kind === "single" ? name : t("notify.group", { name, group: titleOf(view, people) });
        const body = message.type === "text" ? message.content : t("chat.unsupported", { type: message.type });
        // The tag makes two tabs of one browser show one notification.
        const shown = notify(title, { body: body.slice(0, 200), tag: `${row.id} ${message.seq}` });
        shown?.addEventListener("click", () => {
          window.focus();
          void navigate(`/c/${encodeURIComponent(row.id)}`);
          shown.close();
        });
      }
    };
    if (!rows) return;
    const before = seen.current;
    seen.current = new Map(rows.map((row) => [row.id, row.visibleSeq]));
    if (before === null || document.visibilityState === "visible" || !wanted()) return;
    const news = rows.filter((one) => isNews(one, before.get(one.id) ?? 0, people.me));
    if (news.length > 0) void looking().then((elsewhere) => elsewhere || show(news));
  }, [rows, people, navigate, t]);
}

function isNews({ lastMessage, visibleSeq, view }: Conversation, before: number, me: string): boolean {
  return (
    lastMessage !== null &&
    visibleSeq > before &&
    view.membership.recv_opt === "normal" &&
    lastMessage.type !== "system" &&
    lastMessage.sender_id !== me &&
    Date.now() - lastMessage.created_at < NEWS_MS
  );
}
