import { Button, Group, Modal } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import type { Conversation } from "@/core";
import { PeoplePicker } from "@/features/people/PeoplePicker";
import { attempt } from "@/ui/say";
import { useMembers } from "./useMembers";

interface Props {
  row: Conversation;
  opened: boolean;
  onClose: () => void;
}

/** Brings more people into a group. */
export function AddMembers({ opened, onClose, row }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("group.add")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <Picking row={row} onDone={onClose} />
    </Modal>
  );
}

function Picking({ row, onDone }: { row: Conversation; onDone: () => void }) {
  const { t } = useTranslation();
  const { api } = useEngine();
  const queries = useQueryClient();
  const { members } = useMembers(row.view);
  const without = useMemo(() => new Set(members.map((member) => member.user_id)), [members]);
  const [picked, setPicked] = useState<readonly string[]>([]);
  const [busy, setBusy] = useState(false);
  const toggle = (id: string) =>
    setPicked((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  const add = async () => {
    setBusy(true);
    const done = await attempt(() => api.invite(row.view.group_id, [...picked]));
    setBusy(false);
    if (!done) return;
    void queries.invalidateQueries({ queryKey: ["members", row.view.group_id] });
    onDone();
  };
  return (
    <>
      <PeoplePicker picked={picked} onPick={toggle} without={without} />
      <Group justify="space-between" mt="md">
        <span>{picked.length > 0 && t("newChat.selected", { count: picked.length })}</span>
        <Button disabled={picked.length === 0} loading={busy} onClick={() => void add()}>
          {t("group.addDone")}
        </Button>
      </Group>
    </>
  );
}
