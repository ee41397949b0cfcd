/** Applies actions to the database, in their order: a batch in one transaction, while the next one gathers. */
import type { Applied, Database } from "./db";
import { ApiError, asApiError } from "./errors";
import type { Action } from "./model";

/** Actions in one transaction, and actions that may wait for theirs; beyond, pushes are dropped and pulled later. */
const BATCH = 500;
const MAX_WAITING = 5000;

export interface ApplierOptions {
  db: Database;
  /** A batch has been applied. */
  applied(applied: Applied): void;
  /** The database does not do its work: the disk is full, or somebody has deleted it. */
  failed(): void;
  /** A push was dropped. */
  dropped(): void;
}

interface Waiting {
  action: Action;
  resolve?: (applied: Applied) => void;
  reject?: (error: unknown) => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  #closed = false;
  #queue: Waiting[] = [];
  /** While actions are applied. */
  #pumping: Promise<void> | null = null;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** Have an action applied, and learn what it did, with the others of its batch. */
  dispatch(action: Action): Promise<Applied> {
    return new Promise((resolve, reject) => this.#enqueue({ action, resolve, reject }));
  }

  /** Have an action applied. */
  post(action: Action): void {
    this.#enqueue({ action });
  }

  /** Take no more, and wait for the end of what was taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pumping;
  }

  #enqueue(waiting: Waiting): void {
    if (this.#closed) {
      waiting.reject?.(new ApiError("unavailable", "the engine was stopped"));
      return;
    }
    if (waiting.action.type === "push" && this.#queue.length >= MAX_WAITING) {
      this.#options.dropped();
      return;
    }
    this.#queue.push(waiting);
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // What else happens in this tick belongs to the same batch.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#applyBatch(this.#queue.splice(0, BATCH));
    this.#pumping = null;
  }

  async #applyBatch(batch: Waiting[]): Promise<void> {
    try {
      const applied = await this.#options.db.apply(batch.map(({ action }) => action));
      this.#options.applied(applied);
      for (const { resolve } of batch) resolve?.(applied);
    } catch (error) {
      this.#options.failed();
      for (const { reject } of batch) reject?.(asApiError(error));
    }
  }
}
