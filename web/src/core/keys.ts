/**
 * Keys for messages: UUIDv7 (RFC 9562, 5.7), rising within one tab also when the clock stands still or goes back, so
 * that the order of keys is the order of sending.
 */
const COUNTERS = 4096;

export class Keys {
  readonly #clock: () => number;
  /** Milliseconds and counter of the last key: their order is the order of the keys. */
  #ms = 0;
  #counter = 0;

  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  /** A key that is greater than every one before. */
  next(): string {
    const random = crypto.getRandomValues(new Uint8Array(9));
    this.#advance(random[8] ?? 0);
    const time = hex(this.#ms, 12);
    const variant = hex(0x80 | ((random[0] ?? 0) & 0x3f), 2);
    const rest = [...random.subarray(1, 8)].map((byte) => hex(byte, 2)).join("");
    const counter = hex(this.#counter, 3);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}${rest.slice(0, 2)}-${rest.slice(2)}`;
  }

  #advance(random: number): void {
    const now = Math.floor(this.#clock());
    if (now > this.#ms) {
      this.#ms = now;
      this.#counter = random;
      return;
    }
    this.#counter += 1;
    if (this.#counter === COUNTERS) {
      this.#ms += 1;
      this.#counter = 0;
    }
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
