import { Badge, Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import type { Conversation, ConversationView, Member } from "@/core";
import { PersonRow } from "@/features/people/PersonRow";
import { usePeople } from "@/features/people/people";
import { useAsk } from "@/ui/ask";
import { IconButton } from "@/ui/IconButton";
import { attempt } from "@/ui/say";
import { clock } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import classes from "./GroupPage.module.css";
import { outranks, rightsIn } from "./rights";
import { useMembers } from "./useMembers";

const MUTES = [
  ["group.mute10m", 600],
  ["group.mute1h", 3600],
  ["group.mute1d", 86_400],
] as const;

/** Who is in a group, and what may be done about each. */
export function Members({ row }: { row: Conversation }) {
  const { t, i18n } = useTranslation();
  const people = usePeople();
  const now = useNow();
  const { members, query } = useMembers(row.view);
  return (
    <section aria-label={t("group.members")}>
      <h3 className={classes.heading}>{t("group.members")}</h3>
      {members.map((member) => (
        <PersonRow
          key={member.user_id}
          user={member.user ?? { id: member.user_id, nickname: "" }}
          to={`/contacts/${encodeURIComponent(member.user_id)}`}
          text={
            member.muted_until > now
              ? t("group.mutedUntil", { time: clock(member.muted_until, i18n.language) })
              : member.user_id === people.me
                ? t("common.you")
                : `@${member.user_id}`
          }
          note={
            member.role !== "member" && (
              <Badge size="sm" variant="light" color={member.role === "owner" ? "indigo" : "gray"}>
                {t(`group.${member.role}`)}
              </Badge>
            )
          }
          actions={
            member.user_id !== people.me &&
            (outranks(row.view, member) || rightsIn(row.view).own) && (
              <MemberMenu view={row.view} member={member} muted={member.muted_until > now} />
            )
          }
        />
      ))}
      {query.hasNextPage && (
        <div className={classes.more}>
          <Button
            variant="subtle"
            size="xs"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            {t("common.more")}
          </Button>
        </div>
      )}
    </section>
  );
}

interface MenuProps {
  view: ConversationView;
  member: Member;
  muted: boolean;
}

function MemberMenu({ view, member, muted }: MenuProps) {
  const { t } = useTranslation();
  const { api } = useEngine();
  const people = usePeople();
  const ask = useAsk();
  const queries = useQueryClient();
  const { group_id: groupId } = view;
  const { user_id: userId, role } = member;
  const name = people.nameOf(userId, member.user?.nickname);
  const changed = () => queries.invalidateQueries({ queryKey: ["members", groupId] });
  const act = (work: () => Promise<unknown>) => void attempt(() => work().then(changed));
  const kick = () =>
    ask({
      title: t("group.kickTitle", { name }),
      text: t("group.kickText", { name }),
      confirm: t("group.kick"),
      onConfirm: () => api.kick(groupId, userId).then(changed),
    });
  const transfer = () =>
    ask({
      title: t("group.transferTitle", { name }),
      text: t("group.transferText", { name }),
      confirm: t("group.transfer"),
      onConfirm: () => api.transferGroup(groupId, userId).then(changed),
    });
  return (
    <Menu>
      <Menu.Target>
        <IconButton icon={Ellipsis} iconSize={18} label={t("group.memberActions", { name })} />
      </Menu.Target>
      <Menu.Dropdown>
        {rightsIn(view).own && (
          <>
            <Menu.Item onClick={() => act(() => api.setRole(groupId, userId, role === "admin" ? "member" : "admin"))}>
              {t(role === "admin" ? "group.makeMember" : "group.makeAdmin")}
            </Menu.Item>
            <Menu.Item onClick={transfer}>{t("group.transfer")}</Menu.Item>
          </>
        )}
        {muted && (
          <Menu.Item onClick={() => act(() => api.muteMember(groupId, userId, 0))}>{t("group.unmute")}</Menu.Item>
        )}
        {!muted &&
          MUTES.map(([label, seconds]) => (
            <Menu.Item key={label} onClick={() => act(() => api.muteMember(groupId, userId, seconds))}>
              {t(label)}
            </Menu.Item>
          ))}
        <Menu.Divider />
        <Menu.Item color="red" onClick={kick}>
          {t("group.kick")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
