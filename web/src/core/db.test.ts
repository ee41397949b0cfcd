import { liveQuery } from "dexie";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ME } from "@/testing/serverModel";
import { step, World } from "@/testing/world";
import { Database, forget } from "./db";
import type { Action } from "./model";
import { message, outgoing, page, piece, synced, view } from "@/testing/values";

const open = new Set<Database>();
function database(): Database {
  const db = new Database(ME);
  open.add(db);
  return db;
}

afterEach(async () => {
  for (const db of open) db.close();
  open.clear();
  await forget(ME);
});

describe("the database", () => {
  it("does what the reducer does, in batches, from two tabs", { timeout: 120_000 }, async () => {
    expect.hasAssertions();
    const steps = fc.array(step, { maxLength: 80, size: "max" });
    await fc.assert(
      fc.asyncProperty(
        steps,
        steps,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (before, after, sizes) => {
          const world = new World();
          for (const one of [...before, { do: "restore" } as const, ...after]) world.run(one);
          world.rest();
          const tabs = [database(), database()];
          await replay(world.disk.applied, tabs, sizes);
          await checkTables(tabs, world);
          for (const tab of tabs) tab.close();
          await forget(ME);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("shows the newest entries without a gap", async () => {
    const db = database();
    await db.apply([
      ...synced(view("c", 0)),
      ...[1, 2, 3, 5].map((seq) => ({ type: "push" as const, message: message(seq) })),
    ]);
    expect((await db.tail("c", 10)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect((await db.tail("c", 2)).map(({ seq }) => seq)).toEqual([2, 3]);
    await db.apply([{ type: "push", message: message(4) }]);
    expect((await db.tail("c", 10)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it("keeps unsent messages in the order of sending until they come back", async () => {
    const db = database();
    await db.apply([
      ...synced(view("c", 0)),
      ...["b", "a", "c"].map((key) => ({ type: "send" as const, message: outgoing(key) })),
    ]);
    expect((await db.unsent("c")).map(({ key }) => key)).toEqual(["a", "b", "c"]);
    await db.apply([{ type: "push", message: message(1, { sender_id: ME, client_msg_id: "a" }) }]);
    expect((await db.unsent("c")).map(({ key }) => key)).toEqual(["b", "c"]);
  });

  it("lists pinned conversations first, then the latest", async () => {
    const db = database();
    await db.apply(synced(view("a", 5), view("b", 1, { pinned: true }), view("c", 9)));
    expect((await db.list()).map(({ id }) => id)).toEqual(["b", "c", "a"]);
    expect(await db.unread()).toBe(15);
  });

  it("forgets what a sync of everything does not name", async () => {
    const db = database();
    await db.apply(synced(view("a", 1), view("b", 1)));
    await db.apply([{ type: "sync", asked: "t", epoch: "e", page: page([view("b", 2)]) }]);
    expect((await db.list()).map(({ id, visibleSeq }) => [id, visibleSeq])).toEqual([["b", 2]]);
  });

  it("keeps drafts and unsent messages when the server's store is another one", async () => {
    const db = database();
    await db.apply([...synced(view("c", 3)), { type: "send", message: outgoing("k") }]);
    await db.setDraft("c", "not yet");
    await db.apply([{ type: "ready", epoch: "other" }]);
    expect([await db.list(), await db.draft("c"), await db.outgoing.count()]).toEqual([[], "not yet", 1]);
    await db.setDraft("c", "");
    expect(await db.drafts.count()).toBe(0);
  });

  it("drops the oldest entries of a long conversation", async () => {
    const db = database();
    await db.apply([...synced(view("c", 5000)), piece(1, 5000)]);
    await db.trim();
    expect(await db.messages.count()).toBe(2000);
    expect((await db.tail("c", 5000)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 2000 }, (_, index) => 3001 + index),
    );
  });

  it("tells one tab what another one has written", async () => {
    const [here, there] = [database(), database()];
    await here.apply(synced(view("c", 0)));
    const seen = new Promise<void>((resolve) => {
      const subscription = liveQuery(() => there.unsent("c")).subscribe((rows) => {
        if (rows.length === 0) return;
        subscription.unsubscribe();
        resolve();
      });
    });
    await here.apply([{ type: "send", message: outgoing("k") }]);
    await expect(seen).resolves.toBeUndefined();
  });
});

/** Apply everything in order, in batches of these sizes, by one tab after the other. */
async function replay(actions: readonly Action[], tabs: Database[], sizes: number[]): Promise<void> {
  let begin = 0;
  for (let turn = 0; begin < actions.length; turn += 1) {
    const end = begin + (sizes[turn % sizes.length] ?? 1);
    await tabs[turn % tabs.length]?.apply(actions.slice(begin, end));
    begin = end;
  }
}

function inOrder<V>(rows: Iterable<V>): string[] {
  return [...rows].map((row) => JSON.stringify(row)).toSorted();
}

async function checkTables(tabs: Database[], { disk: { state } }: World): Promise<void> {
  for (const db of tabs) {
    expect(inOrder(await db.conversations.toArray())).toEqual(inOrder(state.conversations.values()));
    expect(inOrder(await db.messages.toArray())).toEqual(inOrder(state.messages.values()));
    expect(inOrder(await db.outgoing.toArray())).toEqual(inOrder(state.outgoing.values()));
    expect(inOrder(await db.pointers.toArray())).toEqual(inOrder(state.pointers.values()));
    expect(await db.readMeta()).toMatchObject(state.meta);
  }
}
