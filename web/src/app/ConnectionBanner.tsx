import { useLiveQuery } from "dexie-react-hooks";
import { CloudOff, LoaderCircle, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ConnectionState } from "@/core";
import classes from "./ConnectionBanner.module.css";
import { useEngine, useLive } from "./engine";

/** Milliseconds that connecting may take before it is worth a word. */
const PATIENCE = 800;

/** Says what the connection is like, when it is not as it should be. */
export function ConnectionBanner() {
  const { t } = useTranslation();
  const engine = useEngine();
  const connection = useSettled(useLive((live) => live.connection));
  const storageFailed = useLive((live) => live.storageFailed);
  const queued = useLiveQuery(() => engine.db.outgoing.where({ state: "queued" }).count(), [engine]) ?? 0;
  if (storageFailed) {
    return (
      <div className={classes.banner} data-kind="offline" role="alert">
        <TriangleAlert size={16} aria-hidden /> {t("conn.storage")}
      </div>
    );
  }
  if (connection === "offline") {
    return (
      <div className={classes.banner} data-kind="offline" role="status">
        <CloudOff size={16} aria-hidden />
        <span>{t(navigator.onLine ? "conn.reconnecting" : "conn.offline")}</span>
        {queued > 0 && <span>{t("conn.queued", { count: queued })}</span>}
        <button type="button" onClick={() => engine.retry()}>
          {t("conn.retryNow")}
        </button>
      </div>
    );
  }
  if (connection === "connecting" || connection === "syncing") {
    return (
      <div className={classes.banner} data-kind="busy" role="status">
        <LoaderCircle size={16} className={classes.spin} aria-hidden />
        {t(connection === "connecting" ? "conn.connecting" : "conn.updating")}
      </div>
    );
  }
  return null;
}

/** The state of the connection, without what passes in a moment. */
function useSettled(connection: ConnectionState): ConnectionState {
  const [settled, setSettled] = useState<ConnectionState>("online");
  useEffect(() => {
    const wait = connection === "connecting" || connection === "syncing" ? PATIENCE : 0;
    const timer = setTimeout(() => setSettled(connection), wait);
    return () => clearTimeout(timer);
  }, [connection]);
  return settled;
}
