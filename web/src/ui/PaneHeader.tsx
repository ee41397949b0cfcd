import { Title } from "@mantine/core";
import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { IconButton } from "./IconButton";
import classes from "./PaneHeader.module.css";

interface Props {
  title: ReactNode;
  /** Where the arrow leads; it is shown only where there is room for one pane, unless `always`. */
  back?: string;
  always?: boolean;
  children?: ReactNode;
}

/** The line on top of a pane: its title, and what can be done there. */
export function PaneHeader({ title, back, always = false, children }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <header className={classes.header}>
      {back !== undefined && (
        <span className={classes.back} data-always={always}>
          <IconButton icon={ArrowLeft} label={t("common.back")} onClick={() => void navigate(back)} />
        </span>
      )}
      {typeof title === "string" ? (
        <Title order={1} size="h4" className={`${classes.title} truncate`}>
          {title}
        </Title>
      ) : (
        <div className={classes.title}>{title}</div>
      )}
      {children}
    </header>
  );
}
