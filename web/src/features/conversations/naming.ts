/** What a conversation is called, and what its last line says. */
import type { TFunction } from "i18next";
import type { Conversation, ConversationView, Message } from "@/core";
import { noticeText } from "@/features/chat/notices";
import type { People } from "@/features/people/people";

export function titleOf(view: ConversationView, people: People): string {
  const { peer } = view;
  if (peer !== null) return people.nameOf(peer.id, peer.nickname);
  return view.name || view.group_id || view.conversation_id;
}

/** Whether the user may still see new entries of it. */
export function isOpen({ view }: Conversation): boolean {
  return view.membership.status === "normal" && view.status === "normal";
}

/** Whose names the lines of a list need. */
export function namedIn(rows: readonly Conversation[]): string[] {
  const ids = rows.flatMap(({ view, lastMessage }) => [
    ...(view.peer ? [view.peer.id] : []),
    ...(lastMessage && view.kind !== "single" ? [lastMessage.sender_id] : []),
  ]);
  return [...new Set(ids.filter((id) => id !== ""))].toSorted();
}

/** A message in one line. */
export function previewOf(message: Message, view: ConversationView, people: People, t: TFunction): string {
  if (message.type === "system") return noticeText(message.content, people, t);
  const text =
    message.type === "text" ? message.content.replaceAll(/\s+/g, " ") : t("chat.unsupported", { type: message.type });
  if (message.sender_id === people.me) return t("list.you", { text });
  return view.kind === "single" ? text : t("list.from", { name: people.nameOf(message.sender_id), text });
}
