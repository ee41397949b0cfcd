import { Button } from "@mantine/core";
import { ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useEngine, useKnown } from "@/app/engine";
import { PersonRow } from "@/features/people/PersonRow";
import { usePeople } from "@/features/people/people";
import { EmptyState } from "@/ui/EmptyState";
import { attempt } from "@/ui/say";
import classes from "./SettingsPage.module.css";

/** Who cannot write to the user. */
export function Blocked() {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const ids = people.blocked().map((relation) => relation.user_id);
  useKnown(ids);
  if (ids.length === 0) {
    return <EmptyState icon={ShieldCheck} title={t("contacts.noBlocked")} text={t("contacts.noBlockedText")} />;
  }
  return (
    <div className={classes.rows}>
      {ids.map((id) => (
        <PersonRow
          key={id}
          user={people.user(id) ?? { id, nickname: "" }}
          to={`/contacts/${encodeURIComponent(id)}`}
          actions={
            <Button
              size="xs"
              variant="light"
              onClick={() => void attempt(() => engine.change(() => engine.api.unblock(id)))}
            >
              {t("contacts.unblock")}
            </Button>
          }
        />
      ))}
    </div>
  );
}
