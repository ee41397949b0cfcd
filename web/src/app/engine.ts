/** What components get from the engine: itself, what is ephemeral, and what they do with its errors. */
import { createContext, use, useEffect } from "react";
import { useStore } from "zustand";
import type { Engine, Live } from "@/core";

export const EngineContext = createContext<Engine | null>(null);

export function useEngine(): Engine {
  const engine = use(EngineContext);
  if (engine === null) throw new Error("nobody is logged in here");
  return engine;
}

/** What is true only now; `select` must return the same value for the same state. */
export function useLive<T>(select: (live: Live) => T): T {
  return useStore(useEngine().live, select);
}

/** Have the profiles of these people fetched. */
export function useKnown(userIds: readonly string[]): void {
  const engine = useEngine();
  const wanted = userIds.join(" ");
  useEffect(() => {
    if (wanted) engine.know(wanted.split(" "));
  }, [engine, wanted]);
}
