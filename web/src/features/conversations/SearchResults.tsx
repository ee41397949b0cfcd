import { useLiveQuery } from "dexie-react-hooks";
import { SearchX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useEngine } from "@/app/engine";
import { PersonRow } from "@/features/people/PersonRow";
import { usePeople } from "@/features/people/people";
import { usePeopleSearch } from "@/features/people/usePeopleSearch";
import { EmptyState } from "@/ui/EmptyState";
import { attempt } from "@/ui/say";
import { ConversationItem } from "./ConversationItem";
import classes from "./ConversationSidebar.module.css";
import { titleOf } from "./naming";

interface Props {
  query: string;
  onPicked: () => void;
}

/** Conversations whose title matches, and people of this server. */
export function SearchResults({ query, onPicked }: Props) {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  const navigate = useNavigate();
  const rows = useLiveQuery(() => engine.db.list(), [engine]) ?? [];
  const folded = query.toLocaleLowerCase();
  const conversations = rows.filter(
    ({ view }) =>
      titleOf(view, people).toLocaleLowerCase().includes(folded) || view.peer?.id.toLocaleLowerCase().includes(folded),
  );
  const { users, pending } = usePeopleSearch(query);
  const others = users.filter(
    (user) => user.id !== people.me && !conversations.some(({ view }) => view.peer?.id === user.id),
  );
  const talk = (userId: string) =>
    void attempt(async () => {
      await navigate(`/c/${encodeURIComponent(await engine.openWith(userId))}`);
      onPicked();
    });
  if (!pending && conversations.length === 0 && others.length === 0) {
    return <EmptyState icon={SearchX} title={t("common.noMatch")} text={t("common.noMatchText", { query })} />;
  }
  return (
    <div className={`${classes.list} scroll`}>
      {conversations.length > 0 && (
        <section aria-label={t("list.conversations")}>
          <h2 className={classes.heading}>{t("list.conversations")}</h2>
          {conversations.slice(0, 50).map((row) => (
            <ConversationItem key={row.id} row={row} draft="" />
          ))}
        </section>
      )}
      {others.length > 0 && (
        <section aria-label={t("list.people")}>
          <h2 className={classes.heading}>{t("list.people")}</h2>
          {others.map((user) => (
            <PersonRow key={user.id} user={user} onClick={() => talk(user.id)} />
          ))}
        </section>
      )}
    </div>
  );
}
