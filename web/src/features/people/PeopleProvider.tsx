import { useLiveQuery } from "dexie-react-hooks";
import { type ReactNode, useMemo } from "react";
import { useEngine } from "@/app/engine";
import { People, PeopleContext } from "./people";

/** Gives everything below it the people of this browser's database. */
export function PeopleProvider({ children }: { children: ReactNode }) {
  const { db, userId } = useEngine();
  const rows = useLiveQuery(
    () =>
      db.transaction("r", [db.users, db.relations], () => Promise.all([db.users.toArray(), db.relations.toArray()])),
    [db],
  );
  const people = useMemo(() => new People(userId, ...(rows ?? [[], []])), [userId, rows]);
  return <PeopleContext value={people}>{children}</PeopleContext>;
}
