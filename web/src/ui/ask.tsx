import { Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useTranslation } from "react-i18next";
import { attempt } from "./say";

interface Question {
  title: string;
  text: string;
  /** What the button says that does it. */
  confirm: string;
  onConfirm: () => Promise<unknown>;
}

/** Asks before something that cannot be undone; says so when it then does not work. */
export function useAsk(): (question: Question) => void {
  const { t } = useTranslation();
  return ({ title, text, confirm, onConfirm }) => {
    modals.openConfirmModal({
      title,
      children: <Text size="sm">{text}</Text>,
      labels: { confirm, cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      closeButtonProps: { "aria-label": t("common.close") },
      onConfirm: () => void attempt(onConfirm),
    });
  };
}
