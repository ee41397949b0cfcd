/** Exponential backoff with full jitter, so that clients that failed together do not return together. */
export class Backoff {
  /** How many failures there were in a row. */
  failures = 0;
  readonly #base: number;
  readonly #cap: number;
  readonly #random: () => number;

  /** Delays are uniform in [0, min(cap, base * 2^failures)] milliseconds. */
  constructor(base = 250, cap = 30_000, random: () => number = Math.random) {
    this.#base = base;
    this.#cap = cap;
    this.#random = random;
  }

  /** Count a failure and return the delay in milliseconds. */
  failed(): number {
    const limit = Math.min(this.#cap, this.#base * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    return this.#random() * limit;
  }

  succeeded(): void {
    this.failures = 0;
  }
}
