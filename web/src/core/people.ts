/** Profiles of people who are named somewhere: fetched once a connection, because no sync tells of those who are no friends. */
import type { Api } from "./api";
import type { Database } from "./db";

/** Profiles that one request may ask for. */
const BATCH = 100;

export interface PeopleOptions {
  db: Database;
  api: Api;
  /** Run something that nobody waits for. */
  run(work: () => Promise<unknown>): void;
}

export class People {
  readonly #options: PeopleOptions;
  readonly #asked = new Set<string>();
  readonly #wanted = new Set<string>();
  #busy = false;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** Fetch the profiles of those who were not asked for since the connection was made. */
  know(userIds: readonly string[]): void {
    for (const id of userIds) if (id && !this.#asked.has(id)) this.#wanted.add(id);
    if (this.#wanted.size === 0 || this.#busy) return;
    this.#busy = true;
    this.#options.run(() => this.#fetchAll());
  }

  /** Profiles may have changed while nobody told. */
  connected(): void {
    const again = [...this.#asked];
    this.#asked.clear();
    this.know(again);
  }

  async #fetchAll(): Promise<void> {
    try {
      // Everybody whom this tick names is asked for at once.
      await Promise.resolve();
      while (this.#wanted.size > 0) {
        const ids = [...this.#wanted].slice(0, BATCH);
        for (const id of ids) {
          this.#wanted.delete(id);
          this.#asked.add(id);
        }
        const users = await this.#options.api.users(ids);
        await this.#options.db.users.bulkPut(users);
      }
    } finally {
      this.#busy = false;
    }
  }
}
