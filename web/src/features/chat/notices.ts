/** System entries in words. */
import type { TFunction } from "i18next";
import type { Notice } from "@/core";
import type { People } from "@/features/people/people";

/** The content of a system entry; null when it is none that this client understands. */
export function parseNotice(content: string): Notice | null {
  try {
    const found = JSON.parse(content) as Partial<Notice> | null;
    if (typeof found?.action !== "string" || typeof found.actor !== "string" || !Array.isArray(found.users))
      return null;
    return { ...found, count: found.count ?? found.users.length } as Notice;
  } catch {
    return null;
  }
}

/** Whom a system entry names. */
export function namedInNotice(content: string): string[] {
  const notice = parseNotice(content);
  return notice ? [notice.actor, ...notice.users.slice(0, SHOWN)] : [];
}

/** People named in one line; of more their number is told. */
const SHOWN = 3;

export function noticeText(content: string, people: People, t: TFunction): string {
  const notice = parseNotice(content);
  if (!notice) return t("system.other");
  const name = (id: string, you: string) => (id === people.me ? you : people.nameOf(id));
  const named = notice.users.slice(0, SHOWN).map((id) => name(id, t("system.you")));
  const more = notice.count - named.length;
  const values = {
    actor: name(notice.actor, t("common.you")),
    users: named.join(", ") + (more > 0 ? ` +${more}` : ""),
  };
  switch (notice.action) {
    case "joined":
      return t(notice.users.includes(notice.actor) ? "system.joined" : "system.invited", values);
    case "created":
    case "kicked":
    case "left":
    case "transferred":
    case "dissolved":
      return t(`system.${notice.action}`, values);
    case "updated":
      return updatedText(notice.changes ?? {}, values, t);
    default:
      return t("system.other");
  }
}

function updatedText(changes: NonNullable<Notice["changes"]>, values: { actor: string }, t: TFunction): string {
  if (typeof changes.name === "string") return t("system.renamed", { ...values, value: changes.name });
  if (typeof changes.mute_all === "boolean")
    return t(changes.mute_all ? "system.mutedAll" : "system.unmutedAll", values);
  return t("system.updated", values);
}
