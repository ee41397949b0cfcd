import { Button, PasswordInput, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import { attempt } from "@/ui/say";
import classes from "./SettingsPage.module.css";

/** Changes what the user logs in with. */
export function Password() {
  const { t } = useTranslation();
  const { api } = useEngine();
  const [busy, setBusy] = useState(false);
  const form = useForm({
    initialValues: { before: "", after: "" },
    validate: {
      before: (value) => (value ? null : t("account.passwordNeeded")),
      after: (value) => (value.length >= 6 ? null : t("account.passwordShort")),
    },
  });
  const save = form.onSubmit(({ before, after }) => {
    setBusy(true);
    void attempt(() => api.changePassword(before, after), t("settings.passwordChanged"))
      .then((done) => done && form.reset())
      .finally(() => setBusy(false));
  });
  return (
    <form className={classes.card} onSubmit={save} noValidate>
      <Stack>
        <PasswordInput
          label={t("settings.oldPassword")}
          autoComplete="current-password"
          {...form.getInputProps("before")}
        />
        <PasswordInput
          label={t("settings.newPassword")}
          description={t("account.passwordHint")}
          autoComplete="new-password"
          {...form.getInputProps("after")}
        />
        <Text size="sm" c="var(--text-dim)">
          {t("settings.passwordOthers")}
        </Text>
        <Button type="submit" loading={busy}>
          {t("common.save")}
        </Button>
      </Stack>
    </form>
  );
}
