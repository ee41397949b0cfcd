import { Button, Group, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import { PeoplePicker } from "@/features/people/PeoplePicker";
import { attempt } from "@/ui/say";

interface Props {
  opened: boolean;
  onClose: () => void;
}

/** Brings people together in a new group. */
export function NewGroup({ opened, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("newChat.group")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <GroupForm onMade={onClose} />
    </Modal>
  );
}

/** Its state ends with the dialog. */
function GroupForm({ onMade }: { onMade: () => void }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [members, setMembers] = useState<readonly string[]>([]);
  const toggle = (id: string) =>
    setMembers((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  const make = async () => {
    if (!name.trim()) {
      setMissing(true);
      return;
    }
    setBusy(true);
    await attempt(async () => {
      const id = await engine.command(() => engine.api.createGroup({ name: name.trim(), members: [...members] }));
      onMade();
      await navigate(`/c/${encodeURIComponent(id)}`);
    });
    setBusy(false);
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <TextInput
        data-autofocus
        label={t("newChat.groupName")}
        value={name}
        onChange={(event) => {
          setName(event.currentTarget.value);
          setMissing(false);
        }}
        error={missing && t("newChat.groupNameNeeded")}
        mb="md"
      />
      <PeoplePicker first={false} picked={members} onPick={toggle} />
      <Group justify="space-between" mt="md">
        <span>{members.length > 0 && t("newChat.selected", { count: members.length })}</span>
        <Button type="submit" loading={busy}>
          {t("newChat.create")}
        </Button>
      </Group>
    </form>
  );
}
