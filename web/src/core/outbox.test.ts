import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ME } from "@/testing/serverModel";
import { outgoing, synced, view } from "@/testing/values";
import { Applier } from "./applier";
import { Database, forget } from "./db";
import { Outbox } from "./outbox";
import type { Action } from "./model";
import type { ClientPacket } from "./packets";

let db: Database;
let applier: Applier;

beforeEach(() => {
  db = new Database(ME);
  applier = new Applier({ db, applied: () => undefined, failed: () => undefined, dropped: () => undefined });
});

afterEach(async () => {
  await applier.close();
  db.close();
  await forget(ME);
});

const dispatch = (action: Action) => applier.dispatch(action);

/** An outbox whose server says yes to every message as soon as it comes; and what it was sent, as it is. */
function connected(): { sent: string[]; outbox: Outbox } {
  const sent: string[] = [];
  const transmit = (packet: ClientPacket) => {
    if (packet.kind !== "chat") return true;
    const { key, conversationId } = packet;
    sent.push(key);
    const ids = { messageId: key, seq: sent.length, ordinal: sent.length, createdAt: 1 };
    setTimeout(() => outbox.acked({ key, conversationId, ...ids, code: "", error: "", retry: false }));
    return true;
  };
  const outbox = new Outbox({ db, transmit, dispatch, run: (work) => void work() });
  outbox.connected(16);
  return { sent, outbox };
}

describe("the outbox", () => {
  it("sends no message again that is acknowledged", async () => {
    for (const action of synced(view("c", 0))) await dispatch(action);
    const { sent, outbox } = connected();
    const keys = ["a", "b", "c", "d", "e"];
    for (const key of keys) {
      await dispatch({ type: "send", message: outgoing(key) });
      outbox.flush();
      await expect.poll(() => db.outgoing.count()).toBe(0);
    }
    outbox.disconnected();
    expect(sent).toEqual(keys);
  });
});
