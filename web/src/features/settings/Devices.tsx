import { Badge, Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { MonitorSmartphone } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useEngine } from "@/app/engine";
import { useAsk } from "@/ui/ask";
import { ListRow } from "@/ui/ListRow";
import { ago } from "@/ui/time";
import { useNow } from "@/ui/useNow";
import classes from "./SettingsPage.module.css";

/** Where the user is logged in. */
export function Devices() {
  const { t, i18n } = useTranslation();
  const { api } = useEngine();
  const ask = useAsk();
  const now = useNow();
  const queries = useQueryClient();
  const { data = [] } = useQuery({ queryKey: ["devices"], queryFn: () => api.devices() });
  const revoke = (id: string, name: string) =>
    ask({
      title: t("settings.revokeTitle", { name }),
      text: t("settings.revokeText"),
      confirm: t("settings.revoke"),
      onConfirm: async () => {
        await api.revokeDevice(id);
        await queries.invalidateQueries({ queryKey: ["devices"] });
      },
    });
  return (
    <div className={classes.rows}>
      {data.map((device) => {
        const name = device.name || t("settings.noName");
        return (
          <ListRow
            key={device.id}
            picture={<MonitorSmartphone size={22} strokeWidth={1.6} aria-hidden />}
            title={name}
            text={t("settings.lastUsed", { time: ago(device.used_at, now, i18n.language) })}
            actions={
              device.current ? (
                <Badge variant="light">{t("settings.thisDevice")}</Badge>
              ) : (
                <Button size="xs" variant="subtle" color="red" onClick={() => revoke(device.id, name)}>
                  {t("settings.revoke")}
                </Button>
              )
            }
          />
        );
      })}
    </div>
  );
}
