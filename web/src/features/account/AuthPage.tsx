import { Alert, Anchor, Button, Paper, Stack, Text, Title } from "@mantine/core";
import { CircleAlert } from "lucide-react";
import type { ReactNode, SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "react-router";
import { Logo } from "@/ui/Logo";
import { AppearanceButtons } from "./AppearanceButtons";
import classes from "./AuthPage.module.css";

interface Props {
  title: string;
  text: string;
  submit: string;
  busy: boolean;
  error: string;
  other: { question: string; link: string; to: string };
  onSubmit: () => void;
  children: ReactNode;
}

/** The frame of the two pages that can be seen without an account. */
export function AuthPage({ title, text, submit, busy, error, other, onSubmit, children }: Props) {
  const { t } = useTranslation();
  // Where somebody wanted to go is not forgotten on the way.
  const { state } = useLocation();
  const submitted = (event: SubmitEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <main className={classes.page}>
      <AppearanceButtons className={classes.corner} />
      <Paper className={classes.card} component="form" onSubmit={submitted} noValidate>
        <Logo size={52} />
        <Title order={1} size="h2" mt="md">
          {title}
        </Title>
        <Text c="var(--text-dim)" mb="lg">
          {text}
        </Text>
        <Stack gap="md">
          {children}
          {error && (
            <Alert color="red" icon={<CircleAlert size={18} aria-hidden />} role="alert" title={t("common.failed")}>
              {error}
            </Alert>
          )}
          <Button type="submit" size="md" loading={busy} fullWidth mt="xs">
            {submit}
          </Button>
        </Stack>
        <Text ta="center" mt="lg" size="sm" c="var(--text-dim)">
          {other.question}{" "}
          <Anchor component={Link} to={other.to} state={state} c="var(--accent)" fw={600} underline="always">
            {other.link}
          </Anchor>
        </Text>
      </Paper>
    </main>
  );
}
