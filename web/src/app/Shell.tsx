import { Loader } from "@mantine/core";
import { useLiveQuery } from "dexie-react-hooks";
import { MessageCircle, Settings, Users } from "lucide-react";
import { type ComponentType, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, Outlet, useLocation } from "react-router";
import { useNotifications } from "@/features/conversations/useNotifications";
import { Logo } from "@/ui/Logo";
import { ConnectionBanner } from "./ConnectionBanner";
import { useEngine } from "./engine";
import classes from "./Shell.module.css";

/** The frame of every page: where one can go, and how the connection is. */
export function Shell() {
  const { t } = useTranslation();
  const { db, userId } = useEngine();
  const unread = useLiveQuery(() => db.unread(), [db]) ?? 0;
  const requests = useLiveQuery(() => db.received(), [db]) ?? 0;
  useNotifications(unread);
  // On a phone there is room for one pane: inside of something, that is all there is.
  const inside = /^\/(c|contacts|settings)\/./.test(useLocation().pathname);
  return (
    <div className={classes.shell} data-inside={inside}>
      <a className={classes.skip} href="#content">
        {t("common.skip")}
      </a>
      <nav className={classes.rail} aria-label={t("nav.main")}>
        <span className={classes.logo}>
          <Logo size={34} />
        </span>
        <Place to="/" icon={MessageCircle} label={t("nav.chats")} count={unread} also="/c/" />
        <Place to="/contacts" icon={Users} label={t("nav.contacts")} count={requests} />
        <Place to="/settings" icon={Settings} label={t("nav.settings")} />
      </nav>
      <div className={classes.content} id="content" tabIndex={-1} data-user={userId}>
        <ConnectionBanner />
        <div className={classes.page}>
          <Suspense fallback={<Loader m="xl" aria-label={t("common.loading")} />}>
            <Outlet />
          </Suspense>
        </div>
      </div>
    </div>
  );
}

interface PlaceProps {
  to: string;
  icon: ComponentType<{ size?: number; strokeWidth?: number }>;
  label: string;
  count?: number;
  /** Paths that belong to this place, too, begin with this. */
  also?: string;
}

function Place({ to, icon: Icon, label, count = 0, also }: PlaceProps) {
  const { t } = useTranslation();
  const here = useLocation().pathname;
  const active = also !== undefined && here.startsWith(also);
  return (
    <NavLink to={to} end={to === "/"} className={classes.place ?? ""} data-active={active || undefined}>
      <span className={classes.icon}>
        <Icon size={22} strokeWidth={1.8} />
        {count > 0 && (
          <span className={classes.badge} role="img" aria-label={t("list.unread", { count })}>
            {count > 99 ? "99+" : count}
          </span>
        )}
      </span>
      <span>{label}</span>
    </NavLink>
  );
}
