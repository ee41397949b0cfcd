import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { User } from "@/core";
import { People } from "@/features/people/people";
import i18n, { startLanguage } from "@/i18n";
import { noticeText } from "./notices";

await startLanguage();
const user = (id: string, nickname: string) => ({ id, nickname }) as User;
const people = new People("me", [user("ann", "Ann"), user("bob", "Bob"), user("cid", "Cid")], []);
const text = (notice: object) => noticeText(JSON.stringify(notice), people, i18n.t);

describe("a system entry", () => {
  it.each([
    [{ action: "created", actor: "ann", users: [], count: 0 }, "Ann created the group"],
    [{ action: "joined", actor: "ann", users: ["ann"], count: 1 }, "Ann joined"],
    [{ action: "joined", actor: "ann", users: ["bob", "me"], count: 2 }, "Ann added Bob, you"],
    [{ action: "joined", actor: "ann", users: ["bob", "cid", "dan", "eve"], count: 9 }, "Ann added Bob, Cid, dan +6"],
    [{ action: "kicked", actor: "me", users: ["bob"], count: 1 }, "You removed Bob"],
    [{ action: "transferred", actor: "ann", users: ["bob"], count: 1 }, "Ann made Bob the owner"],
    [
      { action: "updated", actor: "ann", users: [], count: 0, changes: { name: "Choir" } },
      "Ann named the group “Choir”",
    ],
    [
      { action: "updated", actor: "ann", users: [], count: 0, changes: { mute_all: true } },
      "Ann let only admins write",
    ],
    [
      { action: "updated", actor: "ann", users: [], count: 0, changes: { history: "full" } },
      "Ann changed the group’s settings",
    ],
    [{ action: "something newer", actor: "ann", users: [], count: 0 }, "The group changed"],
  ])("is worded", (notice, expected) => {
    expect(text(notice)).toBe(expected);
  });

  it("never breaks the page", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        expect(noticeText(content, people, i18n.t)).not.toBe("");
      }),
    );
  });
});
