import { Alert, PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, useSession } from "@/app/session";
import { errorText } from "@/ui/say";
import { AuthPage } from "./AuthPage";

export function Login() {
  const { t } = useTranslation();
  const { ending } = useSession();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const form = useForm({
    initialValues: { username: "", password: "" },
    validate: {
      username: (value) => (value.trim() ? null : t("account.usernameNeeded")),
      password: (value) => (value ? null : t("account.passwordNeeded")),
    },
  });
  const submit = form.onSubmit(({ username, password }) => {
    setBusy(true);
    setError("");
    api
      .login(username.trim(), password)
      .catch((refusal: unknown) => setError(errorText(refusal)))
      .finally(() => setBusy(false));
  });
  return (
    <AuthPage
      title={t("account.welcome")}
      text={t("account.welcomeText")}
      submit={t("account.login")}
      busy={busy}
      error={error}
      other={{ question: t("account.noAccount"), link: t("account.register"), to: "/register" }}
      onSubmit={submit}
    >
      {ending && <Alert color="yellow">{ending === "token_revoked" ? t("account.kicked") : t("account.ended")}</Alert>}
      <TextInput
        label={t("account.username")}
        autoComplete="username"
        autoCapitalize="none"
        data-autofocus
        {...form.getInputProps("username")}
      />
      <PasswordInput
        label={t("account.password")}
        autoComplete="current-password"
        {...form.getInputProps("password")}
      />
    </AuthPage>
  );
}
