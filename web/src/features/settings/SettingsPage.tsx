import {
  Bell,
  KeyRound,
  LogOut,
  type LucideIcon,
  MonitorSmartphone,
  Palette,
  Settings,
  UserRound,
  UserX,
} from "lucide-react";
import type { ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useEngine, useKnown } from "@/app/engine";
import { usePeople } from "@/features/people/people";
import { useAsk } from "@/ui/ask";
import { EmptyState } from "@/ui/EmptyState";
import { ListRow } from "@/ui/ListRow";
import { PaneHeader } from "@/ui/PaneHeader";
import { Panes } from "@/ui/Panes";
import { UserAvatar } from "@/ui/UserAvatar";
import { Appearance } from "./Appearance";
import { Blocked } from "./Blocked";
import { Devices } from "./Devices";
import { MyProfile } from "./MyProfile";
import { NotificationSettings } from "./NotificationSettings";
import { Password } from "./Password";
import classes from "./SettingsPage.module.css";

const SECTIONS = {
  profile: [UserRound, MyProfile],
  appearance: [Palette, Appearance],
  notifications: [Bell, NotificationSettings],
  devices: [MonitorSmartphone, Devices],
  password: [KeyRound, Password],
  blocked: [UserX, Blocked],
} as const satisfies Record<string, readonly [LucideIcon, ComponentType]>;
type Section = keyof typeof SECTIONS;

/** What the user sets for themselves. */
export function SettingsPage() {
  const { t } = useTranslation();
  const { section = "" } = useParams();
  const found = isSection(section) ? section : null;
  const Content = found && SECTIONS[found][1];
  return (
    <Panes side={<Sections />} inside={found !== null}>
      {found && Content ? (
        <>
          <PaneHeader title={t(`settings.${found}`)} back="/settings" />
          <div className={`${classes.body} scroll`}>
            <div className={classes.section}>
              <Content />
            </div>
          </div>
        </>
      ) : (
        <EmptyState icon={Settings} title={t("settings.pick")} text={t("settings.profileText")} />
      )}
    </Panes>
  );
}

function isSection(name: string): name is Section {
  return Object.hasOwn(SECTIONS, name);
}

function Sections() {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const ask = useAsk();
  useKnown([people.me]);
  const name = people.nameOf(people.me);
  const logout = async () => {
    const queued = await engine.db.outgoing.count();
    const lost = queued > 0 ? ` ${t("settings.logoutQueued", { count: queued })}` : "";
    ask({
      title: t("settings.logoutTitle"),
      text: t("settings.logoutText") + lost,
      confirm: t("account.logout"),
      onConfirm: () => engine.logout(),
    });
  };
  return (
    <>
      <PaneHeader title={t("settings.title")} />
      <nav className="scroll" aria-label={t("settings.title")}>
        <div className={classes.me}>
          <UserAvatar id={people.me} name={name} size={56} />
          <div className="truncate">
            <strong>{name}</strong>
            <div className={classes.dim}>@{people.me}</div>
          </div>
        </div>
        {Object.entries(SECTIONS).map(([key, [Icon]]) => (
          <ListRow
            key={key}
            to={`/settings/${key}`}
            picture={<Icon size={20} strokeWidth={1.8} aria-hidden />}
            title={t(`settings.${key as Section}`)}
            text={t(`settings.${key as Section}Text`)}
          />
        ))}
        <ListRow
          picture={<LogOut size={20} strokeWidth={1.8} aria-hidden />}
          title={t("account.logout")}
          onClick={() => void logout()}
        />
      </nav>
    </>
  );
}
