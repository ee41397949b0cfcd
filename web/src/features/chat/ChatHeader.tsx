import { Title } from "@mantine/core";
import { Info, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { useKnown, useLive } from "@/app/engine";
import type { Conversation } from "@/core";
import { titleOf } from "@/features/conversations/naming";
import { type People, usePeople } from "@/features/people/people";
import { IconButton } from "@/ui/IconButton";
import { PaneHeader } from "@/ui/PaneHeader";
import { ago } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import { UserAvatar } from "@/ui/UserAvatar";
import classes from "./ChatPane.module.css";
import { useTyping } from "./useTyping";

/** With whom one talks, and what they do right now. */
export function ChatHeader({ row, details }: { row: Conversation; details: boolean }) {
  const { t } = useTranslation();
  const people = usePeople();
  const navigate = useNavigate();
  const { peer } = row.view;
  const title = titleOf(row.view, people);
  const online = useLive((live) => peer !== null && live.presence[peer.id]?.online);
  const path = `/c/${encodeURIComponent(row.id)}`;
  return (
    <div className={classes.header}>
      <PaneHeader
        back="/"
        title={
          <Link to={details ? path : `${path}/details`} className={classes.who}>
            <UserAvatar id={peer?.id ?? row.id} name={title} size={40} online={online || false} square={!peer} />
            <div className={classes.names}>
              <Title order={1} size="h5" className="truncate">
                {title}
              </Title>
              <State row={row} people={people} />
            </div>
          </Link>
        }
      >
        <IconButton
          icon={details ? X : Info}
          label={t(details ? "common.close" : "chat.details")}
          onClick={() => void navigate(details ? path : `${path}/details`)}
        />
      </PaneHeader>
    </div>
  );
}

const say = (text: string, live = false) => (
  <div className={`${classes.state} truncate`} data-live={live} role="status">
    {text}
  </div>
);

function State({ row, people }: { row: Conversation; people: People }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const { peer, kind, member_count: count } = row.view;
  const typing = useTyping(row.id);
  useKnown(typing);
  const presence = useLive((live) => (peer ? live.presence[peer.id] : undefined));
  const [a, b] = typing.map((id) => people.nameOf(id));
  if (typing.length > 2) return say(t("chat.typingMany"), true);
  if (b !== undefined) return say(t("chat.typingTwo", { a, b }), true);
  if (a !== undefined) return say(kind === "single" ? t("list.typing") : t("chat.typingOne", { name: a }), true);
  if (kind !== "single") return say(t("chat.membersCount", { count }));
  if (presence?.online) return say(t("chat.online"), true);
  if (presence?.lastSeenAt) return say(t("chat.lastSeen", { time: ago(presence.lastSeenAt, now, i18n.language) }));
  return say(peer ? `@${peer.id}` : "");
}
