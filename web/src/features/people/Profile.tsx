import { Badge, Button, Group, Modal, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Ban, MessageCircle, UserMinus, UserPlus, UserX } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine, useLive } from "@/app/engine";
import { useAsk } from "@/ui/ask";
import { EmptyState } from "@/ui/EmptyState";
import { attempt, say } from "@/ui/say";
import { ago, date } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import { UserAvatar } from "@/ui/UserAvatar";
import { usePeople } from "./people";
import classes from "./Profile.module.css";

interface Props {
  userId: string;
  /** The conversation with them is open already. */
  talking?: boolean;
}

/** Somebody: who they are, and what stands between the user and them. */
export function Profile({ userId, talking = false }: Props) {
  const { t, i18n } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const navigate = useNavigate();
  const now = useNow();
  const { data: user, isError } = useQuery({ queryKey: ["user", userId], queryFn: () => engine.api.user(userId) });
  const presence = useLive((live) => live.presence[userId]);
  const known = user ?? people.user(userId);
  if (!known)
    return isError ? <EmptyState icon={UserX} title={t("errors.user_not_found")} text={`@${userId}`} /> : null;
  const name = people.nameOf(userId, known.nickname);
  const talk = () =>
    void attempt(async () => {
      await navigate(`/c/${encodeURIComponent(await engine.openWith(userId))}`);
    });
  return (
    <div className={classes.page}>
      <Stack align="center" gap={6}>
        <UserAvatar id={userId} name={name} size={96} online={presence?.online} />
        <Title order={2} size="h3" ta="center" className={classes.name}>
          {name}
        </Title>
        {name !== known.nickname && <Text size="sm">{known.nickname}</Text>}
        {known.kind === "bot" && <Badge variant="light">{t("contacts.bot")}</Badge>}
        <Text size="sm" c="var(--text-dim)">
          {presence?.online
            ? t("chat.online")
            : presence?.lastSeenAt
              ? t("chat.lastSeen", { time: ago(presence.lastSeenAt, now, i18n.language) })
              : `@${userId}`}
        </Text>
      </Stack>
      {userId !== people.me && (
        <div className={classes.buttons}>
          {!talking && (
            <Button leftSection={<MessageCircle size={18} aria-hidden />} onClick={talk}>
              {t("contacts.message")}
            </Button>
          )}
          <Standing userId={userId} name={name} />
        </div>
      )}
      <dl className={classes.facts}>
        <div>
          <dt>{t("contacts.username")}</dt>
          <dd>{userId}</dd>
        </div>
        <div>
          <dt>{t("contacts.joined", { date: date(known.created_at, i18n.language) })}</dt>
        </div>
      </dl>
      {people.relation(userId)?.is_friend && <Remark userId={userId} />}
    </div>
  );
}

/** What stands between the user and somebody, and how to change it. */
function Standing({ userId, name }: { userId: string; name: string }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const ask = useAsk();
  const [asking, setAsking] = useState(false);
  const { is_friend: isFriend = false, blocked = false } = people.relation(userId) ?? {};
  const unfriend = () =>
    ask({
      title: t("contacts.unfriendTitle", { name }),
      text: t("contacts.unfriendText", { name }),
      confirm: t("contacts.unfriend"),
      onConfirm: () => engine.change(() => engine.api.removeFriend(userId)),
    });
  const block = () =>
    ask({
      title: t("contacts.blockTitle", { name }),
      text: t("contacts.blockText", { name }),
      confirm: t("contacts.block"),
      onConfirm: () => engine.change(() => engine.api.block(userId)),
    });
  return (
    <>
      {isFriend ? (
        <Button variant="default" leftSection={<UserMinus size={18} aria-hidden />} onClick={unfriend}>
          {t("contacts.unfriend")}
        </Button>
      ) : (
        <Button variant="light" leftSection={<UserPlus size={18} aria-hidden />} onClick={() => setAsking(true)}>
          {t("contacts.addFriend")}
        </Button>
      )}
      <Button
        variant="default"
        leftSection={<Ban size={18} aria-hidden />}
        onClick={blocked ? () => void attempt(() => engine.change(() => engine.api.unblock(userId))) : block}
      >
        {t(blocked ? "contacts.unblock" : "contacts.block")}
      </Button>
      {asking && <AskFriend userId={userId} onDone={() => setAsking(false)} />}
    </>
  );
}

function AskFriend({ userId, onDone }: { userId: string; onDone: () => void }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const [text, setText] = useState("");
  const send = () =>
    void attempt(async () => {
      const status = await engine.change(() => engine.api.requestFriend(userId, text.trim()));
      say(t(status === "accepted" ? "contacts.nowFriends" : "contacts.asked"));
      onDone();
    });
  return (
    <Modal
      opened
      onClose={onDone}
      title={t("contacts.addFriend")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <Stack>
        <Textarea
          data-autofocus
          label={t("contacts.hello")}
          description={t("contacts.helloText")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autosize
          minRows={2}
        />
        <Button onClick={send}>{t("contacts.sendRequest")}</Button>
      </Stack>
    </Modal>
  );
}

/** The user's own name for a friend. */
function Remark({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const remark = usePeople().relation(userId)?.remark ?? "";
  const [text, setText] = useState(remark);
  return (
    <form
      className={classes.remark}
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(() => engine.change(() => engine.api.setRemark(userId, text.trim())), t("common.saved"));
      }}
    >
      <Group align="flex-end" gap="xs">
        <TextInput
          flex={1}
          size="sm"
          label={t("contacts.remark")}
          description={t("contacts.remarkText")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button type="submit" size="sm" variant="light" disabled={text.trim() === remark}>
          {t("common.save")}
        </Button>
      </Group>
    </form>
  );
}
