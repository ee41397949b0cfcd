import { Button, Modal } from "@mantine/core";
import { UsersRound } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import { PeoplePicker } from "@/features/people/PeoplePicker";
import { attempt } from "@/ui/say";

interface Props {
  opened: boolean;
  onClose: () => void;
  onGroup: () => void;
}

/** Begins a conversation with one person. */
export function NewChat({ opened, onClose, onGroup }: Props) {
  const { t } = useTranslation();
  const engine = useEngine();
  const navigate = useNavigate();
  const talk = (userId: string) =>
    void attempt(async () => {
      const id = await engine.openWith(userId);
      onClose();
      await navigate(`/c/${encodeURIComponent(id)}`);
    });
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("newChat.title")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <Button variant="light" fullWidth mb="md" leftSection={<UsersRound size={18} aria-hidden />} onClick={onGroup}>
        {t("newChat.group")}
      </Button>
      <PeoplePicker onPick={talk} />
    </Modal>
  );
}
