import { Button, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import { attempt, say } from "@/ui/say";

interface Props {
  opened: boolean;
  onClose: () => void;
}

/** Joins a group by its id, or asks to. */
export function JoinGroup({ opened, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("group.join")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <JoinForm onDone={onClose} />
    </Modal>
  );
}

function JoinForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const navigate = useNavigate();
  const [id, setId] = useState("");
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const join = async () => {
    setBusy(true);
    await attempt(async () => {
      const groupId = id.trim().replace(/^sg_/, "");
      const status = await engine.api.joinGroup(groupId, message.trim());
      onDone();
      if (status === "pending") {
        say(t("group.joinAsked"));
        return;
      }
      const joined = await engine.command(() => engine.api.conversation(`sg_${groupId}`));
      await navigate(`/c/${encodeURIComponent(joined)}`);
    });
    setBusy(false);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void join();
      }}
    >
      <Stack>
        <TextInput
          data-autofocus
          label={t("group.id")}
          description={t("group.joinHint")}
          value={id}
          onChange={(event) => setId(event.currentTarget.value)}
          autoCapitalize="none"
        />
        <Textarea
          label={t("group.joinMessage")}
          value={message}
          onChange={(event) => setMessage(event.currentTarget.value)}
          autosize
          minRows={2}
        />
        <Button type="submit" loading={busy} disabled={!id.trim()}>
          {t("group.joinDo")}
        </Button>
      </Stack>
    </form>
  );
}
