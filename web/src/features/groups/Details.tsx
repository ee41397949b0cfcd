import { useTranslation } from "react-i18next";
import type { Conversation } from "@/core";
import { Profile } from "@/features/people/Profile";
import { PaneHeader } from "@/ui/PaneHeader";
import { GroupPage } from "./GroupPage";

/** What is known about a conversation: the other's profile, or the group's page. */
export function Details({ row }: { row: Conversation }) {
  const { t } = useTranslation();
  const { peer, kind } = row.view;
  const back = `/c/${encodeURIComponent(row.id)}`;
  return (
    <>
      <PaneHeader title={t(kind === "single" ? "settings.profile" : "group.title")} back={back} />
      <div className="scroll" style={{ flex: 1, minHeight: 0 }}>
        {peer ? <Profile userId={peer.id} talking /> : <GroupPage row={row} />}
      </div>
    </>
  );
}
