import { useLive } from "@/app/engine";

const NOBODY: Readonly<Record<string, number>> = {};

/** Who is typing in a conversation. */
export function useTyping(conversationId: string): string[] {
  return Object.keys(useLive((live) => live.typing[conversationId] ?? NOBODY));
}
