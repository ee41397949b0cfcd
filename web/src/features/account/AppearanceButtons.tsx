import { Button, Group, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { Globe, Moon, Sun } from "lucide-react";
import { useTranslation } from "react-i18next";
import { LANGUAGES, isLanguage, setLanguage } from "@/i18n";
import { IconButton } from "@/ui/IconButton";

/** Language and colour scheme, for those who are not logged in yet. */
export function AppearanceButtons({ className }: { className?: string | undefined }) {
  const { t, i18n } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const language = isLanguage(i18n.language) ? i18n.language : "en";
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <Group gap="xs" className={className}>
      <Menu>
        <Menu.Target>
          <Button variant="subtle" color="gray" leftSection={<Globe size={16} aria-hidden />}>
            {LANGUAGES[language]}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <Menu.Item key={code} lang={code} onClick={() => isLanguage(code) && void setLanguage(code)}>
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <IconButton
        icon={scheme === "dark" ? Sun : Moon}
        label={`${t("settings.theme")}: ${t(`settings.${other}`)}`}
        onClick={() => setColorScheme(other)}
      />
    </Group>
  );
}
