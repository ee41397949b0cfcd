import { Button, Modal, Stack, Switch, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import type { Conversation } from "@/core";
import { attempt } from "@/ui/say";

interface Props {
  row: Conversation;
  opened: boolean;
  onClose: () => void;
}

/** Changes what a group is called and who may do what in it. */
export function EditGroup({ row, opened, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("group.edit")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <EditForm row={row} onDone={onClose} />
    </Modal>
  );
}

function EditForm({ row, onDone }: { row: Conversation; onDone: () => void }) {
  const { t } = useTranslation();
  const engine = useEngine();
  const [busy, setBusy] = useState(false);
  const { view } = row;
  const form = useForm({
    initialValues: {
      name: view.name,
      introduction: view.introduction,
      approval: view.join_approval,
      muteAll: view.mute_all,
      full: view.history === "full",
    },
    validate: { name: (value) => (value.trim() ? null : t("newChat.groupNameNeeded")) },
  });
  const save = form.onSubmit((values) => {
    setBusy(true);
    const changes = {
      name: values.name.trim(),
      introduction: values.introduction.trim(),
      join_approval: values.approval,
      mute_all: values.muteAll,
      history: values.full ? ("full" as const) : ("since_join" as const),
    };
    void attempt(() => engine.command(() => engine.api.updateGroup(view.group_id, changes)))
      .then((done) => done && onDone())
      .finally(() => setBusy(false));
  });
  return (
    <form onSubmit={save} noValidate>
      <Stack>
        <TextInput label={t("group.name")} data-autofocus {...form.getInputProps("name")} />
        <Textarea
          label={t("group.introduction")}
          autosize
          minRows={2}
          maxRows={6}
          {...form.getInputProps("introduction")}
        />
        <Switch label={t("group.approval")} {...form.getInputProps("approval", { type: "checkbox" })} />
        <Switch label={t("group.muteAll")} {...form.getInputProps("muteAll", { type: "checkbox" })} />
        <Switch label={t("group.historyFull")} {...form.getInputProps("full", { type: "checkbox" })} />
        <Button type="submit" loading={busy}>
          {t("common.save")}
        </Button>
      </Stack>
    </form>
  );
}
