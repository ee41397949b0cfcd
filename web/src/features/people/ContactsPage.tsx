import { Button, TextInput } from "@mantine/core";
import { useLiveQuery } from "dexie-react-hooks";
import { Check, Search, UserSearch, Users, X } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useEngine, useKnown } from "@/app/engine";
import type { FriendRequest, User } from "@/core";
import { EmptyState } from "@/ui/EmptyState";
import { IconButton } from "@/ui/IconButton";
import { PaneHeader } from "@/ui/PaneHeader";
import { Panes } from "@/ui/Panes";
import { attempt } from "@/ui/say";
import classes from "./ContactsPage.module.css";
import { PersonRow } from "./PersonRow";
import { usePeople } from "./people";
import { Profile } from "./Profile";
import { usePeopleSearch } from "./usePeopleSearch";

/** Friends, requests to be one, and everybody else of this server by search. */
export function ContactsPage() {
  const { t } = useTranslation();
  const { userId } = useParams();
  return (
    <Panes side={<Contacts />} inside={userId !== undefined}>
      {userId === undefined ? (
        <EmptyState icon={Users} title={t("contacts.pick")} text={t("contacts.pickText")} />
      ) : (
        <>
          <PaneHeader title={t("settings.profile")} back="/contacts" />
          <div className={`${classes.profile} scroll`}>
            <Profile key={userId} userId={userId} />
          </div>
        </>
      )}
    </Panes>
  );
}

function Contacts() {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  return (
    <>
      <PaneHeader title={t("contacts.title")} />
      <search className={classes.search}>
        <TextInput
          size="sm"
          radius="xl"
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          placeholder={t("contacts.find")}
          aria-label={t("contacts.find")}
          leftSection={<Search size={16} aria-hidden />}
        />
      </search>
      <div className={`${classes.list} scroll`}>
        {query.trim() ? (
          <Found query={query.trim()} />
        ) : (
          <Known onFind={() => document.querySelector<HTMLInputElement>("search input")?.focus()} />
        )}
      </div>
    </>
  );
}

function Found({ query }: { query: string }) {
  const { t } = useTranslation();
  const people = usePeople();
  const { users, pending } = usePeopleSearch(query);
  const others = users.filter(({ id }) => id !== people.me);
  if (others.length === 0 && !pending) {
    return <EmptyState icon={UserSearch} title={t("common.noMatch")} text={t("common.noMatchText", { query })} />;
  }
  return others.map((user) => <PersonRow key={user.id} user={user} to={`/contacts/${encodeURIComponent(user.id)}`} />);
}

function Known({ onFind }: { onFind: () => void }) {
  const { t, i18n } = useTranslation();
  const { db } = useEngine();
  const people = usePeople();
  const requests = useLiveQuery(() => db.requests.filter(({ status }) => status === "pending").toArray(), [db]);
  const incoming = requests?.filter((request) => request.recipient === people.me) ?? [];
  const outgoing = requests?.filter((request) => request.sender === people.me) ?? [];
  const friends = useMemo(
    () =>
      people
        .friends()
        .map(({ user_id: id }): Pick<User, "id" | "nickname"> => people.user(id) ?? { id, nickname: "" })
        .toSorted((a, b) => people.nameOf(a.id).localeCompare(people.nameOf(b.id), i18n.language)),
    [people, i18n.language],
  );
  useKnown([
    ...friends.map(({ id }) => id),
    ...incoming.map(({ sender }) => sender),
    ...outgoing.map(({ recipient }) => recipient),
  ]);
  if (requests && friends.length + requests.length === 0) {
    return (
      <EmptyState icon={Users} title={t("contacts.empty")} text={t("contacts.emptyText")}>
        <Button mt="sm" onClick={onFind}>
          {t("contacts.find")}
        </Button>
      </EmptyState>
    );
  }
  return (
    <>
      <Requests title={t("contacts.incoming")} requests={incoming} received />
      <Requests title={t("contacts.outgoing")} requests={outgoing} />
      {friends.length > 0 && (
        <section aria-label={t("contacts.friends")}>
          <h2 className={classes.heading}>{t("contacts.friends")}</h2>
          {friends.map((user) => (
            <PersonRow key={user.id} user={user} to={`/contacts/${encodeURIComponent(user.id)}`} />
          ))}
        </section>
      )}
    </>
  );
}

interface RequestsProps {
  title: string;
  requests: readonly FriendRequest[];
  received?: boolean;
}

function Requests({ title, requests, received = false }: RequestsProps) {
  const { t } = useTranslation();
  const engine = useEngine();
  const people = usePeople();
  if (requests.length === 0) return null;
  const decide = (sender: string, action: "accept" | "reject") =>
    void attempt(() => engine.change(() => engine.api.decideFriendRequest(sender, action)));
  return (
    <section aria-label={title}>
      <h2 className={classes.heading}>{title}</h2>
      {requests.map(({ sender, recipient, message }) => {
        const id = received ? sender : recipient;
        return (
          <PersonRow
            key={id}
            user={people.user(id) ?? { id, nickname: "" }}
            text={received ? message || `@${id}` : t("contacts.waiting")}
            to={`/contacts/${encodeURIComponent(id)}`}
            {...(received && {
              actions: (
                <>
                  <IconButton
                    icon={Check}
                    color="green"
                    label={t("contacts.accept")}
                    onClick={() => decide(sender, "accept")}
                  />
                  <IconButton
                    icon={X}
                    color="red"
                    label={t("contacts.reject")}
                    onClick={() => decide(sender, "reject")}
                  />
                </>
              ),
            })}
          />
        );
      })}
    </section>
  );
}
