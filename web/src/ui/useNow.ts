import { useSyncExternalStore } from "react";

const EVERY = 30_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of listeners) one();
  }, EVERY);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, in ms, as it passes: every half minute is often enough for "5 minutes ago". */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
