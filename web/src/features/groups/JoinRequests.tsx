import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useEngine, useKnown, useLive } from "@/app/engine";
import type { Conversation } from "@/core";
import { PersonRow } from "@/features/people/PersonRow";
import { usePeople } from "@/features/people/people";
import { IconButton } from "@/ui/IconButton";
import { attempt } from "@/ui/say";
import classes from "./GroupPage.module.css";

/** Who asked to join, for those who decide it. */
export function JoinRequests({ row }: { row: Conversation }) {
  const { t } = useTranslation();
  const { api } = useEngine();
  const people = usePeople();
  const queries = useQueryClient();
  const { group_id: groupId, version } = row.view;
  const changes = useLive((live) => live.changes[row.id] ?? 0);
  const { data } = useQuery({
    queryKey: ["joinRequests", groupId, version, changes],
    queryFn: () => api.joinRequests(groupId),
    placeholderData: keepPreviousData,
  });
  const waiting = (data ?? []).filter((request) => request.status === "pending");
  useKnown(waiting.map((request) => request.user_id));
  if (waiting.length === 0) return null;
  const decide = (userId: string, action: "accept" | "reject") =>
    void attempt(async () => {
      await api.decideJoin(groupId, userId, action);
      await queries.invalidateQueries({ queryKey: ["joinRequests", groupId] });
    });
  return (
    <section aria-label={t("group.requests")}>
      <h3 className={classes.heading}>{t("group.requests")}</h3>
      {waiting.map(({ user_id: id, message }) => (
        <PersonRow
          key={id}
          user={people.user(id) ?? { id, nickname: "" }}
          text={message || `@${id}`}
          actions={
            <>
              <IconButton icon={Check} label={t("group.accept")} color="green" onClick={() => decide(id, "accept")} />
              <IconButton icon={X} label={t("group.reject")} color="red" onClick={() => decide(id, "reject")} />
            </>
          }
        />
      ))}
    </section>
  );
}
