import { describe, expect, it } from "vitest";
import { ME } from "@/testing/serverModel";
import { message, outgoing, page, piece, synced, view } from "@/testing/values";
import { type Action, emptyState } from "./model";
import { reduce } from "./reducer";
import { missing, older } from "./rows";
import type { ConversationView } from "./types";

/** The conversation `c`, and whether a sync is wanted, after these. */
function after(...actions: Action[]) {
  let state = emptyState(ME);
  let sync = false;
  for (const action of actions) ({ state, sync } = reduce(state, action));
  const row = state.conversations.get("c");
  if (!row) throw new Error("there is no conversation");
  return { row, state, sync };
}

const command = (asked: string, answer: ConversationView): Action => ({
  type: "view",
  asked,
  epoch: "e",
  view: answer,
});

describe("what comes late", () => {
  it("is an answer to a command from before a sync: it shows nothing, and asks for the truth", () => {
    const pinned = { pinned: true };
    const { row, sync } = after(...synced(view("c", 1, pinned)), command("before", view("c", 1)));
    expect([row.view.membership.pinned, sync]).toEqual([true, true]);
    expect(after(...synced(view("c", 1)), command("t", view("c", 1, pinned))).row.view.membership.pinned).toBe(true);
  });

  it("is a sync from before a command that changed members: the command counts", () => {
    const late: Action = {
      type: "sync",
      asked: "t",
      epoch: "e",
      page: page([view("c", 1)], { full: false, token: "u" }),
    };
    const changed = command("t", view("c", 1, {}, { version: 2, name: "new" }));
    expect(after(...synced(view("c", 1)), changed, late).row.view.name).toBe("new");
  });

  it("are entries of a window that was closed: they are not shown any more", () => {
    const { row } = after(...synced(view("c", 4, { min_seq: 4 })), { type: "push", message: message(4) }, piece(1, 3));
    expect([row.first, row.last]).toEqual([4, 4]);
  });

  it("is the ack of a message that was discarded: it is on the server, and fetched from there", () => {
    const none = { messageId: "2", ordinal: 2, createdAt: 0, code: "", error: "", retry: false };
    const ack: Action = { type: "ack", ack: { ...none, key: "k", conversationId: "c", seq: 2 } };
    const send: Action = { type: "send", message: outgoing("k") };
    const start = [...synced(view("c", 1)), piece(1, 1), send];
    expect(missing(after(...start, { type: "discard", key: "k" }, ack).row)).toEqual({ conversationId: "c", begin: 2 });
    expect(missing(after(...start, ack).row)).toBeNull();
  });

  it("is the end of a window: a pull that finds less than was announced asks for the truth", () => {
    const push: Action = { type: "push", message: message(5) };
    const { sync } = after(...synced(view("c", 1)), piece(1, 1), push, piece(2, 1, { windowEnd: 1, goal: 5 }));
    expect(sync).toBe(true);
  });
});

describe("what is missing", () => {
  it("is fetched from the gap on, or only at the end when it is much", () => {
    const start = [...synced(view("c", 1)), piece(1, 1)];
    expect(missing(after(...start, { type: "push", message: message(501) }).row)).toEqual({
      conversationId: "c",
      begin: 2,
    });
    expect(missing(after(...start, { type: "push", message: message(502) }).row)).toEqual({
      conversationId: "c",
      before: 0,
    });
  });

  it("is nothing where nothing was looked at, and before the beginning of the window", () => {
    const unseen = after(...synced(view("c", 900))).row;
    expect([missing(unseen), older(unseen)]).toEqual([null, { conversationId: "c", before: 0 }]);
    expect(older(after(...synced(view("c", 3)), piece(1, 3)).row)).toBeNull();
    expect(older(after(...synced(view("c", 3)), piece(2, 3)).row)).toEqual({ conversationId: "c", before: 2 });
  });
});
