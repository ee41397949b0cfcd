import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WsPacketSchema } from "@/gen/resonance/gateway/v1/packet_pb";
import { Keys } from "./keys";
import { decode, encode } from "./packets";

type Payload = NonNullable<MessageInitShape<typeof WsPacketSchema>["payload"]>;
const served = (payload: Payload) =>
  decode(toBinary(WsPacketSchema, create(WsPacketSchema, { payload } as MessageInitShape<typeof WsPacketSchema>)));

describe("packets", () => {
  it("keep text as it is, and ids of 64 bits exact", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (content, msgId) => {
        const packet = served({ case: "push", value: { content, msgId, seqId: 7n, type: "text", timeMs: 5n } });
        expect(packet).toMatchObject({ message: { content, message_id: msgId.toString(), seq: 7, created_at: 5 } });
      }),
    );
  });

  it("name a message by its key, so that the ack finds it", () => {
    const bytes = encode({ kind: "chat", key: "k", conversationId: "c", type: "text", content: "hi", extra: "" });
    const { seq, payload } = fromBinary(WsPacketSchema, bytes);
    expect(seq).toBe("k");
    expect(payload).toMatchObject({ case: "chat", value: { clientMsgId: "k", sessionId: "c", content: "hi" } });
    const ack = { refSeq: seq, msgId: 9n, seqId: 2n, sessionId: "c", clientMsgId: "k" };
    expect(served({ case: "ack", value: ack })).toMatchObject({ ack: { key: "k", messageId: "9", seq: 2, code: "" } });
  });

  it("pass over what only a newer server says", () => {
    expect(decode(new Uint8Array())).toBeNull();
    expect(served({ case: "signal", value: {} })).toBeNull();
    expect(served({ case: "push", value: { type: "hologram" } })).toMatchObject({ message: { type: "custom" } });
  });

  it("know every signal", () => {
    const kinds = [
      { case: "presence", value: { userId: "a", online: true, lastSeenAt: 3n } },
      { case: "typing", value: { conversationId: "c", userId: "a" } },
      { case: "receipt", value: { conversationId: "c", userId: "a", readSeq: 4n } },
      { case: "conversationChanged", value: { conversationId: "c", action: "role", userIds: ["a"] } },
      { case: "friendChanged", value: { action: "accepted", userId: "a" } },
      { case: "profileChanged", value: { userId: "a" } },
    ];
    const named = kinds.map((kind) => {
      const packet = served({ case: "signal", value: { kind } } as Payload);
      return packet?.kind === "signal" && packet.signal.kind;
    });
    expect(named).toEqual(["presence", "typing", "receipt", "conversation", "friend", "profile"]);
  });
});

describe("keys", () => {
  it("are UUIDs of version 7 that rise, whatever the clock does", () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 40), { minLength: 2 }), (times) => {
        let now = 0;
        const keys = new Keys(() => now);
        const made = times.map((time) => {
          now = time;
          return keys.next();
        });
        expect(made.toSorted()).toEqual(made);
        expect(new Set(made).size).toBe(made.length);
        for (const key of made) expect(key).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
      }),
    );
  });

  it("rise also when more are made in a millisecond than the counter holds", () => {
    const keys = new Keys(() => 1_700_000_000_000);
    const made = Array.from({ length: 10_000 }, () => keys.next());
    expect(made.toSorted()).toEqual(made);
  });
});
