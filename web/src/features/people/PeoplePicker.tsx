import { CloseButton, TextInput } from "@mantine/core";
import { Check, Search } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useKnown } from "@/app/engine";
import type { User } from "@/core";
import { PersonRow } from "./PersonRow";
import classes from "./PeoplePicker.module.css";
import { usePeople } from "./people";
import { usePeopleSearch } from "./usePeopleSearch";

interface Props {
  /** Who was picked so far; `undefined`: picking one is all. */
  picked?: readonly string[];
  onPick: (userId: string) => void;
  /** Who is not offered. */
  without?: ReadonlySet<string>;
  /** Nothing of the dialog comes before it, so one can type at once. */
  first?: boolean;
}

/** Finds people by name; before anything is typed, friends are offered. */
export function PeoplePicker({ picked, onPick, without, first = true }: Props) {
  const { t } = useTranslation();
  const people = usePeople();
  const [query, setQuery] = useState("");
  const { users, pending } = usePeopleSearch(query);
  const friends = people.friends().map((relation) => relation.user_id);
  useKnown(picked ? [...friends, ...picked] : friends);
  const offered: Pick<User, "id" | "nickname">[] = query.trim()
    ? users
    : friends.map((id) => people.user(id) ?? { id, nickname: "" });
  const shown = offered.filter(({ id }) => id !== people.me && !without?.has(id));
  return (
    <div>
      {picked && picked.length > 0 && (
        <ul className={classes.picked}>
          {picked.map((id) => (
            <li key={id}>
              {people.nameOf(id)}
              <CloseButton
                size="xs"
                aria-label={t("newChat.removeOne", { name: people.nameOf(id) })}
                onClick={() => onPick(id)}
              />
            </li>
          ))}
        </ul>
      )}
      <TextInput
        data-autofocus={first || undefined}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        label={t("newChat.find")}
        leftSection={<Search size={16} aria-hidden />}
        autoComplete="off"
      />
      <div className={`${classes.found} scroll`} aria-live="polite">
        {shown.map((user) => (
          <PersonRow
            key={user.id}
            user={user}
            onClick={() => onPick(user.id)}
            {...(picked && { selected: picked.includes(user.id) })}
            note={picked?.includes(user.id) && <Check size={18} aria-hidden />}
          />
        ))}
        {shown.length === 0 && (
          <p className={classes.hint}>
            {query.trim() && !pending ? t("common.noMatchText", { query: query.trim() }) : t("newChat.findText")}
          </p>
        )}
      </div>
    </div>
  );
}
