/** What a member may do, so that nothing is offered that the server refuses (docs/http.md, "Groups"). */
import type { ConversationView, Membership, Role } from "@/core";

const RANK: Record<Role, number> = { member: 0, admin: 1, owner: 2 };

export interface Rights {
  /** Change the group and let people in. */
  manage: boolean;
  own: boolean;
  invite: boolean;
}

export function rightsIn({ membership, join_approval: approval, status }: ConversationView): Rights {
  const rank = membership.status === "normal" && status === "normal" ? RANK[membership.role] : -1;
  return { manage: rank >= 1, own: rank === 2, invite: rank >= (approval ? 1 : 0) };
}

/** Whether one outranks another: kicking and muting need that. */
export function outranks(view: ConversationView, other: Pick<Membership, "role">): boolean {
  return rightsIn(view).manage && RANK[view.membership.role] > RANK[other.role];
}
