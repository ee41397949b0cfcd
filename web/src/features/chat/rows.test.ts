import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChatEntry, rowsOf } from "./rows";

const NOON = new Date(2026, 2, 1, 12).getTime();

function entry(seq: number, over: Partial<ChatEntry> = {}): ChatEntry {
  const own = over.sender === "me";
  return { key: `k${seq}`, seq, sender: "ann", kind: "text", content: "x", at: NOON, own, state: "sent", ...over };
}

const shape = (entries: ChatEntry[], readSeq: number | null = null) =>
  rowsOf(entries, { complete: true, readSeq }).map((row) =>
    row.kind === "message" ? `${row.first ? "[" : ""}${row.entry.seq}${row.last ? "]" : ""}` : row.kind,
  );

describe("rows of a history", () => {
  it("groups what one sender says within minutes", () => {
    const later = NOON + 6 * 60_000;
    const entries = [entry(1), entry(2), entry(3, { sender: "me" }), entry(4), entry(5, { at: later })];
    expect(shape(entries)).toEqual(["start", "day", "[1", "2]", "[3]", "[4]", "[5]"]);
  });

  it("separates days, and groups never span them", () => {
    const midnight = new Date(2026, 2, 2).getTime();
    expect(shape([entry(1, { at: midnight - 1 }), entry(2, { at: midnight })])).toEqual([
      "start",
      "day",
      "[1]",
      "day",
      "[2]",
    ]);
  });

  it("sets the divider before the first message of somebody else that was not read", () => {
    const entries = [entry(1), entry(2, { kind: "system" }), entry(3, { sender: "me" }), entry(4), entry(5)];
    expect(shape(entries, 1)).toEqual(["start", "day", "[1]", "system", "[3]", "new", "[4", "5]"]);
    expect(shape(entries, 5)).not.toContain("new");
    // The first one that was not read may be earlier than what is loaded.
    const loaded = rowsOf(entries.slice(2), { complete: false, readSeq: 1 });
    expect(loaded.map((row) => row.kind)).not.toContain("new");
    expect(shape(entries, null)).not.toContain("new");
  });

  it("shows every entry once, in order, with keys of its own", () => {
    const any = fc.record({
      sender: fc.constantFrom("me", "ann", "bob"),
      kind: fc.constantFrom("text", "system"),
      at: fc.integer({ min: NOON, max: NOON + 3 * 86_400_000 }),
    });
    fc.assert(
      fc.property(fc.array(any), fc.option(fc.nat(30)), fc.boolean(), (overs, readSeq, complete) => {
        const at = overs.map((over) => over.at).toSorted((a, b) => a - b);
        const entries = overs.map((over, index) => entry(index + 1, { ...over, at: at[index] ?? NOON }));
        const rows = rowsOf(entries, { complete, readSeq });
        expect(rows.flatMap((row) => ("entry" in row ? [row.entry] : []))).toEqual(entries);
        expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
        const messages = rows.flatMap((row) => (row.kind === "message" ? [row] : []));
        expect(messages.filter((row) => row.first).length).toBe(messages.filter((row) => row.last).length);
      }),
    );
  });
});
