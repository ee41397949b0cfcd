import { describe, expect, it } from "vitest";
import type { ConversationView, Role } from "@/core";
import { outranks, rightsIn } from "./rights";

function view(role: Role, over: { status?: string; approval?: boolean; dissolved?: boolean } = {}) {
  return {
    membership: { role, status: over.status ?? "normal" },
    join_approval: over.approval ?? false,
    status: over.dissolved ? "dissolved" : "normal",
  } as ConversationView;
}

describe("what a group offers", () => {
  it("goes by rank", () => {
    expect(rightsIn(view("member"))).toEqual({ manage: false, own: false, invite: true });
    expect(rightsIn(view("admin"))).toEqual({ manage: true, own: false, invite: true });
    expect(rightsIn(view("owner"))).toEqual({ manage: true, own: true, invite: true });
  });

  it("lets members invite only where nobody has to approve", () => {
    expect(rightsIn(view("member", { approval: true })).invite).toBe(false);
    expect(rightsIn(view("admin", { approval: true })).invite).toBe(true);
  });

  it.each([{ status: "left" }, { status: "kicked" }, { dissolved: true }])("is nothing to who is out: %j", (over) => {
    expect(rightsIn(view("owner", over))).toEqual({ manage: false, own: false, invite: false });
  });

  it.each([
    ["owner", "admin", true],
    ["owner", "member", true],
    ["admin", "member", true],
    ["admin", "admin", false],
    ["admin", "owner", false],
    ["member", "member", false],
  ] as const)("%s over %s: %s", (role, other, expected) => {
    expect(outranks(view(role), { role: other })).toBe(expected);
  });
});
