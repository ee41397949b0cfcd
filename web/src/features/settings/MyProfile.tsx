import { Button, Stack, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import type { User } from "@/core";
import { attempt } from "@/ui/say";
import { UserAvatar } from "@/ui/UserAvatar";
import classes from "./SettingsPage.module.css";

const ME = ["me"];

/** How others see the user. */
export function MyProfile() {
  const { api } = useEngine();
  const { data } = useQuery({ queryKey: ME, queryFn: () => api.me() });
  return data && <ProfileForm user={data} />;
}

function ProfileForm({ user }: { user: User }) {
  const { t } = useTranslation();
  const { api, db } = useEngine();
  const queries = useQueryClient();
  const [nickname, setNickname] = useState(user.nickname);
  const save = () =>
    void attempt(async () => {
      const changed = await api.updateMe({ nickname: nickname.trim() });
      await db.users.put(changed);
      queries.setQueryData(ME, changed);
    }, t("common.saved"));
  return (
    <form
      className={classes.card}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack>
        <UserAvatar id={user.id} name={nickname || user.id} size={80} />
        <TextInput
          label={t("account.nickname")}
          value={nickname}
          onChange={(event) => setNickname(event.currentTarget.value)}
        />
        <TextInput label={t("account.username")} value={user.id} readOnly />
        <Button type="submit" disabled={!nickname.trim() || nickname.trim() === user.nickname}>
          {t("common.save")}
        </Button>
      </Stack>
    </form>
  );
}
