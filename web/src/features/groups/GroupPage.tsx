import { Button, Stack, Switch, Text, Title } from "@mantine/core";
import { Copy, DoorOpen, Pencil, Trash2, UserPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import type { Conversation } from "@/core";
import { titleOf } from "@/features/conversations/naming";
import { usePeople } from "@/features/people/people";
import { useAsk } from "@/ui/ask";
import { IconButton } from "@/ui/IconButton";
import { attempt } from "@/ui/say";
import { UserAvatar } from "@/ui/UserAvatar";
import { AddMembers } from "./AddMembers";
import { EditGroup } from "./EditGroup";
import classes from "./GroupPage.module.css";
import { JoinRequests } from "./JoinRequests";
import { Members } from "./Members";
import { rightsIn } from "./rights";

/** A group: what it is, who is in it, and what the user may change. */
export function GroupPage({ row }: { row: Conversation }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const [dialog, setDialog] = useState<"add" | "edit" | "">("");
  const { view } = row;
  const rights = rightsIn(view);
  const title = titleOf(view, people);
  const member = view.membership.status === "normal" && view.status === "normal";
  const setNotified = (on: boolean) =>
    void attempt(() =>
      engine.command(() => engine.api.setConversation(row.id, { recv_opt: on ? "normal" : "no_notify" })),
    );
  return (
    <div className={classes.page}>
      <Stack align="center" gap={6}>
        <UserAvatar id={row.id} name={title} size={88} square />
        <Title order={2} size="h3" ta="center" className={classes.name}>
          {title}
        </Title>
        <Text c="var(--text-dim)" size="sm">
          {t("chat.membersCount", { count: view.member_count })}
        </Text>
        <Text size="sm" ta="center" className={classes.about}>
          {view.introduction || t("group.noIntroduction")}
        </Text>
      </Stack>
      {view.kind === "group" && (
        <div className={classes.buttons}>
          {rights.invite && (
            <Button
              variant="light"
              size="xs"
              leftSection={<UserPlus size={16} aria-hidden />}
              onClick={() => setDialog("add")}
            >
              {t("group.add")}
            </Button>
          )}
          {rights.manage && (
            <Button
              variant="light"
              size="xs"
              leftSection={<Pencil size={16} aria-hidden />}
              onClick={() => setDialog("edit")}
            >
              {t("group.edit")}
            </Button>
          )}
        </div>
      )}
      <div className={classes.facts}>
        <Switch
          checked={view.membership.recv_opt === "normal"}
          onChange={(event) => setNotified(event.currentTarget.checked)}
          label={t("group.notifications")}
          labelPosition="left"
          classNames={{ body: classes.switch }}
        />
        {view.kind === "group" && (
          <div className={classes.id}>
            <span>
              <Text size="xs" c="var(--text-dim)">
                {t("group.id")}
              </Text>
              <code>{view.group_id}</code>
            </span>
            <IconButton
              icon={Copy}
              iconSize={18}
              label={t("group.copyId")}
              onClick={() => void attempt(() => navigator.clipboard.writeText(view.group_id), t("chat.copied"))}
            />
          </div>
        )}
      </div>
      {rights.manage && view.join_approval && <JoinRequests row={row} />}
      {member && view.kind === "group" && <Members row={row} />}
      {member && view.kind === "group" && <Ending row={row} title={title} own={rights.own} />}
      <AddMembers row={row} opened={dialog === "add"} onClose={() => setDialog("")} />
      <EditGroup row={row} opened={dialog === "edit"} onClose={() => setDialog("")} />
    </div>
  );
}

/** How one goes, or ends it for everybody. */
function Ending({ row, title, own }: { row: Conversation; title: string; own: boolean }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const navigate = useNavigate();
  const ask = useAsk();
  const { group_id: groupId } = row.view;
  const leave = () =>
    ask({
      title: t("group.leaveTitle", { name: title }),
      text: t("group.leaveText"),
      confirm: t("group.leave"),
      onConfirm: () => engine.api.leaveGroup(groupId).then(() => navigate("/")),
    });
  const dissolve = () =>
    ask({
      title: t("group.dissolveTitle", { name: title }),
      text: t("group.dissolveText"),
      confirm: t("group.dissolve"),
      onConfirm: () => engine.api.dissolveGroup(groupId),
    });
  return (
    <div className={classes.ending}>
      {own ? (
        <>
          <Text size="xs" c="var(--text-dim)">
            {t("group.ownerLeave")}
          </Text>
          <Button variant="subtle" color="red" leftSection={<Trash2 size={18} aria-hidden />} onClick={dissolve}>
            {t("group.dissolve")}
          </Button>
        </>
      ) : (
        <Button variant="subtle" color="red" leftSection={<DoorOpen size={18} aria-hidden />} onClick={leave}>
          {t("group.leave")}
        </Button>
      )}
    </div>
  );
}
