import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ME } from "@/testing/serverModel";
import { step, World } from "@/testing/world";
import { messageId } from "./model";
import type { ConversationView } from "./types";

/** Milliseconds, on a machine that does other things, too. */
const TIMEOUT = process.env.RESONANCE_SOAK ? 1_800_000 : 60_000;
/** Rounds of a property, many more with RESONANCE_SOAK. */
const rounds = (count: number) => ({ numRuns: process.env.RESONANCE_SOAK ? count * 30 : count });

function check(world: World): void {
  const { state } = world.disk;
  expect([...state.conversations.keys()].toSorted()).toEqual(world.server.ids);
  for (const id of world.server.ids) checkConversation(world, id);
  expect([...state.outgoing.values()].filter((row) => row.state === "queued")).toEqual([]);
}

/** At no moment is there a gap in what is shown, or an entry that the user must not see by what is known. */
function checkShown({ disk: { state }, server }: World): void {
  for (const { id, first, last, view } of state.conversations.values()) {
    const { min_seq: min, max_seq: max } = view.membership;
    if (first <= last) expect([first >= min, last <= (max ?? last)]).toEqual([true, true]);
    for (let seq = first; seq <= last; seq += 1) {
      if (state.messages.get(messageId(id, seq))?.message_id !== server.entry(id, seq)?.message_id) {
        throw new Error(`${id} shows a gap or another entry at ${seq}`);
      }
    }
  }
}

function checkConversation({ disk: { state }, server, sent, discarded, restored }: World, id: string): void {
  const row = state.conversations.get(id);
  if (!row) throw new Error(`${id} is missing`);
  const view = server.view(id);
  expect(settings(row.view)).toEqual(settings(view));
  const { membership, visible_seq: visibleSeq, last_message: lastMessage, unread_count: unread } = view;
  expect(row).toMatchObject({
    visibleSeq,
    lastMessage,
    unread,
    readSeq: membership.read_seq,
    pendingRead: 0,
    ahead: [],
  });
  if (row.first <= row.last) {
    expect([row.last, row.first >= membership.min_seq]).toEqual([visibleSeq, true]);
    const seqs = Array.from({ length: row.last - row.first + 1 }, (_, count) => row.first + count);
    const shown = seqs.map((seq) => state.messages.get(messageId(id, seq)));
    expect(shown).toEqual(server.entries(id).filter((entry) => entry.seq >= row.first));
  }
  // Each message is there once, in the order of sending, or was refused. A store that was restored has lost some.
  const wanted = sent.filter((key) => key.split("/")[1] === id && state.outgoing.get(key)?.state !== "failed");
  const keys = server.keys(id);
  expect(wanted).toEqual(expect.arrayContaining(keys));
  if (restored) return;
  const kept = (all: string[]) => all.filter((key) => !discarded.has(key));
  expect(kept(keys).toSorted()).toEqual(kept(wanted));
  const straight = (all: string[]) => kept(all).filter((key) => !server.refused.has(key));
  expect(straight(keys)).toEqual(straight(wanted));
}

/** What of a view does not follow from the entries and pointers: those are fresher in the row than in its view. */
function settings(view: ConversationView): unknown {
  const { visible_seq: _v, unread_count: _u, last_message: _l, updated_at: _t, membership, ...rest } = view;
  const { read_seq: _r, ...member } = membership;
  return { ...rest, member };
}

describe("any interleaving ends in the server's state", () => {
  it("of pushes, pulls, acks, lost connections and reloads, in one tab or two", { timeout: TIMEOUT }, () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 }), fc.array(step, { maxLength: 150, size: "max" }), (tabs, steps) => {
        const world = new World(tabs);
        for (const one of steps) {
          world.run(one);
          checkShown(world);
        }
        world.rest();
        check(world);
      }),
      rounds(1500),
    );
  });

  it("also when the server's store is replaced by an older one", { timeout: TIMEOUT }, () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80, size: "max" }),
        fc.array(step, { maxLength: 80, size: "max" }),
        (before, after) => {
          const world = new World();
          for (const one of [...before, { do: "restore" } as const, ...after]) world.run(one);
          world.rest();
          check(world);
        },
      ),
      rounds(1000),
    );
  });

  it("and merging the same again changes nothing", { timeout: TIMEOUT }, () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const world = new World();
        for (const one of steps) world.run(one);
        world.rest();
        const before = world.disk.state;
        for (const id of world.server.ids) {
          const { token: asked, epoch } = world.disk.state.meta;
          world.disk.apply({ type: "view", asked, epoch, view: world.server.view(id) });
          for (const message of world.server.entries(id).slice(-3)) world.disk.apply({ type: "push", message });
        }
        expect(shownOf(world)).toEqual(shownOf(world, before));
        check(world);
      }),
      rounds(500),
    );
  });
});

function shownOf(world: World, state = world.disk.state): unknown {
  expect(state.userId).toBe(ME);
  return [...state.conversations.values()].map(({ id, visibleSeq, unread, readSeq }) => ({
    id,
    visibleSeq,
    unread,
    readSeq,
  }));
}
