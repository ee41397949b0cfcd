import { Stack, Text, Title } from "@mantine/core";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import classes from "./EmptyState.module.css";

interface Props {
  icon: LucideIcon;
  title: string;
  text: string;
  children?: ReactNode;
}

/** What a pane shows when there is nothing to show: why, and what to do about it. */
export function EmptyState({ icon: Icon, title, text, children }: Props) {
  return (
    <Stack className={classes.root} align="center" justify="center" gap="xs">
      <span className={classes.icon}>
        <Icon size={30} strokeWidth={1.6} aria-hidden />
      </span>
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="var(--text-dim)" ta="center" maw={340} size="sm">
        {text}
      </Text>
      {children}
    </Stack>
  );
}
