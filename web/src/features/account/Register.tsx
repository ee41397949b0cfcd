import { PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/app/session";
import { asApiError } from "@/core";
import { errorText } from "@/ui/say";
import { AuthPage } from "./AuthPage";

/** What the server asks of a password (`accounts.password_min`). */
const MIN_PASSWORD = 6;

export function Register() {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  // Asked for only where the server wants one.
  const [invited, setInvited] = useState(false);
  const form = useForm({
    initialValues: { username: "", nickname: "", password: "", invitation: "" },
    validate: {
      username: (value) => (value.trim() ? null : t("account.usernameNeeded")),
      password: (value) => (value.length >= MIN_PASSWORD ? null : t("account.passwordShort")),
    },
  });
  const refused = (refusal: unknown) => {
    const { code, field } = asApiError(refusal);
    if (code === "invitation_invalid") setInvited(true);
    if (code === "user_exists" || field === "username") form.setFieldError("username", errorText(refusal));
    else if (field === "password") form.setFieldError("password", errorText(refusal));
    else setError(errorText(refusal));
  };
  const submit = form.onSubmit(({ username, nickname, password, invitation }) => {
    setBusy(true);
    setError("");
    const optional = { ...(nickname && { nickname }), ...(invitation && { invitation }) };
    api
      .register({ username: username.trim(), password, ...optional })
      .catch(refused)
      .finally(() => setBusy(false));
  });
  return (
    <AuthPage
      title={t("account.create")}
      text={t("account.createText")}
      submit={t("account.register")}
      busy={busy}
      error={error}
      other={{ question: t("account.haveAccount"), link: t("account.login"), to: "/login" }}
      onSubmit={submit}
    >
      <TextInput
        label={t("account.username")}
        description={t("account.usernameHint")}
        autoComplete="username"
        autoCapitalize="none"
        {...form.getInputProps("username")}
      />
      <TextInput
        label={t("account.nickname")}
        description={t("account.nicknameHint")}
        autoComplete="nickname"
        {...form.getInputProps("nickname")}
      />
      <PasswordInput
        label={t("account.password")}
        description={t("account.passwordHint")}
        autoComplete="new-password"
        {...form.getInputProps("password")}
      />
      {invited && <TextInput label={t("account.invitation")} {...form.getInputProps("invitation")} />}
    </AuthPage>
  );
}
