import { Menu } from "@mantine/core";
import { BellOff, Bell, CheckCheck, Ellipsis, Pin, PinOff } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { useEngine, useLive } from "@/app/engine";
import { activity, type Conversation } from "@/core";
import { usePeople } from "@/features/people/people";
import { IconButton } from "@/ui/IconButton";
import { ListRow } from "@/ui/ListRow";
import { attempt } from "@/ui/say";
import { brief } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import { UserAvatar } from "@/ui/UserAvatar";
import classes from "./ConversationSidebar.module.css";
import { isOpen, previewOf, titleOf } from "./naming";

/** A conversation in the list: who, what was said last and when, and how much is unread. */
export const ConversationItem = memo(function ConversationItem({ row, draft }: { row: Conversation; draft: string }) {
  const { i18n } = useTranslation();
  const people = usePeople();
  const now = useNow();
  const { view, unread } = row;
  const title = titleOf(view, people);
  const online = useLive((live) => view.peer !== null && live.presence[view.peer.id]?.online);
  const muted = view.membership.recv_opt !== "normal";
  return (
    <div className={classes.wrapped}>
      <ListRow
        to={`/c/${encodeURIComponent(row.id)}`}
        picture={
          <UserAvatar
            id={view.peer?.id ?? row.id}
            name={title}
            size={46}
            online={online || false}
            square={!view.peer}
          />
        }
        title={title}
        note={brief(activity(row), now, i18n.language)}
        text={<Preview row={row} draft={draft} />}
        badge={<Badges unread={unread} muted={muted} pinned={view.membership.pinned} />}
      />
      <span className={classes.menu}>
        <ItemMenu row={row} title={title} />
      </span>
    </div>
  );
});

function Preview({ row, draft }: { row: Conversation; draft: string }) {
  const { t } = useTranslation();
  const people = usePeople();
  const typing = useLive((live) => Object.keys(live.typing[row.id] ?? {}).length > 0);
  if (typing) return <span className={classes.typing}>{t("list.typing")}</span>;
  if (draft) {
    return (
      <>
        <span className={classes.draft}>{t("list.draft")}</span> {draft}
      </>
    );
  }
  if (row.lastMessage) return previewOf(row.lastMessage, row.view, people, t);
  return t(isOpen(row) ? "list.noMessages" : "list.left");
}

function Badges({ unread, muted, pinned }: { unread: number; muted: boolean; pinned: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={classes.badges}>
      {muted && <BellOff size={14} role="img" aria-label={t("list.muted")} />}
      {pinned && <Pin size={14} role="img" aria-label={t("list.pinned")} />}
      {unread > 0 && (
        <span className={classes.badge} data-quiet={muted} role="img" aria-label={t("list.unread", { count: unread })}>
          {unread > 999 ? "999+" : unread}
        </span>
      )}
    </span>
  );
}

function ItemMenu({ row, title }: { row: Conversation; title: string }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const { pinned, recv_opt: recvOpt } = row.view.membership;
  const muted = recvOpt !== "normal";
  const set = (settings: Parameters<typeof engine.api.setConversation>[1]) =>
    void attempt(() => engine.command(() => engine.api.setConversation(row.id, settings)));
  return (
    <Menu>
      <Menu.Target>
        <IconButton icon={Ellipsis} iconSize={16} size="sm" label={t("group.memberActions", { name: title })} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={pinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />}
          onClick={() => set({ pinned: !pinned })}
        >
          {t(pinned ? "list.unpin" : "list.pin")}
        </Menu.Item>
        <Menu.Item
          leftSection={muted ? <Bell size={16} aria-hidden /> : <BellOff size={16} aria-hidden />}
          onClick={() => set({ recv_opt: muted ? "normal" : "no_notify" })}
        >
          {t(muted ? "list.unmute" : "list.mute")}
        </Menu.Item>
        {row.unread > 0 && (
          <Menu.Item
            leftSection={<CheckCheck size={16} aria-hidden />}
            onClick={() => void attempt(() => engine.markRead(row.id, row.visibleSeq))}
          >
            {t("list.markRead")}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
