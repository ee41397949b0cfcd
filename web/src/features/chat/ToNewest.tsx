import { ChevronDown } from "lucide-react";
import { useTranslation } from "react-i18next";
import classes from "./MessageList.module.css";

/** The button that leads back to the tail, with how much came meanwhile. */
export function ToNewest({ unseen, onClick }: { unseen: number; onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className={classes.toNewest}
      onClick={onClick}
      aria-label={unseen > 0 ? t("chat.toNewest", { count: unseen }) : t("chat.toNewest")}
    >
      {unseen > 0 && <span className={classes.count}>{unseen > 99 ? "99+" : unseen}</span>}
      <ChevronDown size={22} aria-hidden />
    </button>
  );
}
