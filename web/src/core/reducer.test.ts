import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ME, ServerModel, type Told } from "@/testing/serverModel";
import { Disk, Tab } from "@/testing/tabModel";
import type { ConversationView } from "./types";
import { messageId, type Outgoing } from "./model";

const CONVERSATIONS = ["c1", "c2", "c3"];
/** More steps than anything can need to come to rest. */
const REST = 10_000;
/** Rounds of a property, many more with RESONANCE_SOAK. */
const rounds = (count: number) => ({ numRuns: process.env.RESONANCE_SOAK ? count * 30 : count });

/** What can happen. The numbers choose among what there is at that moment. */
type Step =
  | { do: "write" | "slip" | "move" | "pin" | "readElsewhere"; conversation: number }
  | { do: "send" | "read" | "scroll" | "command"; conversation: number; tab: number; part: number }
  | { do: "receive" | "lose" | "serve" | "connect" | "disconnect" | "reload"; tab: number }
  | { do: "compute" | "arrive" | "fail" | "discard"; tab: number; index: number }
  | { do: "restore" };

const conversation = fc.nat(CONVERSATIONS.length - 1);
const tab = fc.nat(1);
const part = fc.nat(9);
const index = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("write" as const), conversation }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("move" as const, "pin", "readElsewhere", "slip"), conversation }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("send" as const, "read", "scroll", "command"),
      conversation,
      tab,
      part,
    }),
  },
  { weight: 9, arbitrary: fc.record({ do: fc.constantFrom("receive" as const, "serve", "connect"), tab }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("lose" as const, "disconnect", "reload"), tab }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constantFrom("compute" as const, "arrive"), tab, index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("fail" as const, "discard"), tab, index }) },
);

class World {
  readonly disk = new Disk();
  readonly server = new ServerModel(CONVERSATIONS, (told, from) => this.#tell(told, from));
  readonly tabs: readonly Tab[];
  /** The keys of everything sent, in order. */
  readonly sent: string[] = [];
  readonly discarded = new Set<string>();
  restored = false;
  #holder: Tab | undefined;

  constructor(tabs = 2) {
    const may = (one: Tab) => this.#sender() === one;
    this.tabs = Array.from({ length: tabs }, (_, number) => new Tab(this.disk, this.server, number, may));
    for (const one of this.tabs) one.connect();
  }

  /** The tab that may send, as by a lock that is held as long as its connection. */
  #sender(): Tab | undefined {
    if (!this.#holder?.ready) this.#holder = this.tabs.find((one) => one.ready);
    return this.#holder;
  }

  #tell(told: Told, from: number | null): void {
    for (const [number, one] of this.tabs.entries()) if (number !== from) one.tell(told);
  }

  run(one: Step): void {
    if (one.do === "restore") return this.#restore();
    const id = "conversation" in one ? (CONVERSATIONS[one.conversation] ?? "") : "";
    const at = "tab" in one ? this.tabs[one.tab] : undefined;
    switch (one.do) {
      case "write":
      case "slip":
      case "move":
      case "pin":
        return this.server[one.do](id);
      case "readElsewhere":
        return void this.server.read(id, Number.MAX_SAFE_INTEGER, null);
      case "send":
        return at && this.#send(at, id);
      case "read": {
        const end = this.disk.state.conversations.get(id)?.last ?? 0;
        return at?.do({ type: "read", conversationId: id, seq: Math.ceil((end * one.part) / 9) });
      }
      case "scroll":
      case "command":
        return at?.[one.do](id);
      case "discard":
        return at && this.#discard(at, one.index);
      case "compute":
      case "arrive":
      case "fail":
        return at?.[one.do](one.index);
      default:
        return at?.[one.do]();
    }
  }

  #send(at: Tab, conversationId: string): void {
    const key = `${String(this.sent.length).padStart(4, "0")}/${conversationId}/text ${this.sent.length}`;
    this.sent.push(key);
    const row = { key, conversationId, type: "text" as const, content: `text ${this.sent.length - 1}`, extra: "" };
    const message: Outgoing = { ...row, createdAt: 0, state: "queued", code: "", error: "" };
    at.do({ type: "send", message });
  }

  #discard(at: Tab, chosen: number): void {
    const key = [...this.disk.state.outgoing.keys()][chosen];
    if (key === undefined) return;
    // It may be on the server already: then it stays there.
    this.discarded.add(key);
    at.do({ type: "discard", key });
  }

  #restore(): void {
    this.restored = true;
    this.server.restore();
    for (const one of this.tabs) one.disconnect();
  }

  /** Everybody connects once more, and whatever is under way comes to its end. */
  rest(): void {
    for (const one of this.tabs) one.disconnect();
    for (const one of this.tabs) one.connect();
    for (let count = 0; !this.tabs.every((one) => one.idle); count += 1) {
      if (count > REST) throw new Error("it does not come to rest");
      for (const one of this.tabs) {
        one.receive();
        one.serve();
        one.compute(0);
        one.arrive(0);
        one.pursue();
      }
    }
  }
}

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
  it("of pushes, pulls, acks, lost connections and reloads, in one tab or two", () => {
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

  it("also when the server's store is replaced by an older one", () => {
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

  it("and merging the same again changes nothing", () => {
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
