import { Button } from "@mantine/core";
import { useLiveQuery } from "dexie-react-hooks";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import type { Conversation } from "@/core";
import { usePeople } from "@/features/people/people";
import { attempt } from "@/ui/say";
import { clock } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import classes from "./ChatPane.module.css";
import { Composer } from "./Composer";

/** Where the user writes, or why they cannot. */
export function WriteBox({ row }: { row: Conversation }) {
  const engine = useEngine();
  const closed = useClosed(row);
  const draft = useLiveQuery(() => engine.db.draft(row.id), [engine, row.id]);
  if (closed) return closed;
  // The draft of before is what the composer begins with; from then on the composer is right.
  if (draft === undefined) return <div className={classes.closed} />;
  return (
    <Composer
      draft={draft}
      onDraft={(text) => void engine.db.setDraft(row.id, text)}
      onTyping={() => engine.typing(row.id)}
      onSend={(text) => attempt(() => engine.send(row.id, text))}
    />
  );
}

const why = (text: string) => <div className={classes.closed}>{text}</div>;

/** Why nothing can be written; `null` when it can. What the server refuses beyond shows at the message. */
function useClosed({ view }: Conversation) {
  const { t, i18n } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const now = useNow();
  const { membership, peer } = view;
  if (view.status === "dissolved") return why(t("chat.dissolved"));
  if (membership.status !== "normal") return why(t("chat.closed"));
  if (peer && people.relation(peer.id)?.blocked) {
    return (
      <div className={classes.closed}>
        {t("chat.blockedPeer")}
        <Button
          size="xs"
          variant="light"
          onClick={() => void attempt(() => engine.change(() => engine.api.unblock(peer.id)))}
        >
          {t("chat.unblock")}
        </Button>
      </div>
    );
  }
  if (view.mute_all && membership.role === "member") return why(t("chat.mutedAll"));
  if (membership.muted_until > now)
    return why(t("chat.mutedYou", { time: clock(membership.muted_until, i18n.language) }));
  return null;
}
