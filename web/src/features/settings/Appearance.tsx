import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isLanguage, LANGUAGES, setLanguage } from "@/i18n";
import classes from "./SettingsPage.module.css";

/** Colour scheme and language. */
export function Appearance() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <div className={classes.card}>
      <div className={classes.setting}>
        <span id="theme">{t("settings.theme")}</span>
        <SegmentedControl
          aria-labelledby="theme"
          value={colorScheme}
          onChange={(value) => setColorScheme(value)}
          data={(["light", "dark", "auto"] as const).map((value) => ({ value, label: t(`settings.${value}`) }))}
        />
      </div>
      <div className={classes.setting}>
        <span id="language">{t("settings.language")}</span>
        <SegmentedControl
          aria-labelledby="language"
          value={i18n.language}
          onChange={(value) => isLanguage(value) && void setLanguage(value)}
          data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
        />
      </div>
    </div>
  );
}
