import { Switch, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { choose, supported, wanted } from "@/features/conversations/notifying";
import classes from "./SettingsPage.module.css";

/** Whether this browser tells of messages while nobody looks. */
export function NotificationSettings() {
  const { t } = useTranslation();
  const [on, setOn] = useState(wanted);
  const [refused, setRefused] = useState(!supported());
  const change = (value: boolean) =>
    void choose(value).then((granted) => {
      setOn(granted);
      setRefused(value && !granted);
    });
  return (
    <div className={classes.card}>
      <Switch
        checked={on}
        onChange={(event) => change(event.currentTarget.checked)}
        label={t("settings.notifyOn")}
        description={t("settings.notifyText")}
      />
      {refused && (
        <Text mt="sm" size="sm" c="var(--danger)" role="alert">
          {t("settings.notifyDenied")}
        </Text>
      )}
    </div>
  );
}
