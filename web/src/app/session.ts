/** The login of this browser and the engine that serves it: one as long as the other, and both outlive any component. */
import { useSyncExternalStore } from "react";
import { Api, Engine, Tokens } from "@/core";

const tokens = new Tokens();
export const api = new Api(tokens);

interface Session {
  /** Of whoever is logged in; null for nobody. */
  engine: Engine | null;
  /** Why the last login ended: a code of the catalogue, "" when the user wanted it so. */
  ending: string;
}

let session: Session = { engine: null, ending: "" };
const listeners = new Set<() => void>();

function follow(ending: string): void {
  const userId = tokens.session?.userId ?? "";
  const before = session.engine;
  if (userId === (before?.userId ?? "")) return;
  session = { engine: userId ? new Engine(api, userId) : null, ending };
  session.engine?.start();
  void before?.stop();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

tokens.subscribe((_, reason) => follow(reason));
follow("");

export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => session);
}
