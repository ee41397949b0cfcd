/** Who is who: profiles and what stands between the user and them, as this browser knows it. */
import { createContext, use } from "react";
import type { Relation, User } from "@/core";

export class People {
  /** The user's own id. */
  readonly me: string;
  readonly #users: ReadonlyMap<string, User>;
  readonly #relations: ReadonlyMap<string, Relation>;

  constructor(me: string, users: readonly User[], relations: readonly Relation[]) {
    this.me = me;
    this.#users = new Map(users.map((user) => [user.id, user]));
    this.#relations = new Map(relations.map((relation) => [relation.user_id, relation]));
  }

  user(id: string): User | undefined {
    return this.#users.get(id);
  }

  relation(id: string): Relation | undefined {
    return this.#relations.get(id);
  }

  /** What to call somebody: the user's own name for them, else theirs, else the id. */
  nameOf(id: string, otherwise?: string): string {
    return this.#relations.get(id)?.remark || this.#users.get(id)?.nickname || otherwise || id;
  }

  friends(): Relation[] {
    return [...this.#relations.values()].filter((relation) => relation.is_friend);
  }

  blocked(): Relation[] {
    return [...this.#relations.values()].filter((relation) => relation.blocked);
  }
}

export const PeopleContext = createContext(new People("", [], []));

export function usePeople(): People {
  return use(PeopleContext);
}
