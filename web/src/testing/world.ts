/** A user's browser and its server, and all that can happen between them, for properties. */
import fc from "fast-check";
import type { Outgoing } from "@/core/model";
import { ServerModel, type Told } from "./serverModel";
import { Disk, Tab } from "./tabModel";

const CONVERSATIONS = ["c1", "c2", "c3"];
/** More steps than anything can need to come to rest. */
const REST = 10_000;
/** What can happen. The numbers choose among what there is at that moment. */
export type Step =
  | { do: "write" | "slip" | "move" | "pin" | "readElsewhere"; conversation: number }
  | { do: "send" | "read" | "scroll" | "command"; conversation: number; tab: number; part: number }
  | { do: "receive" | "lose" | "serve" | "connect" | "disconnect" | "reload"; tab: number }
  | { do: "compute" | "arrive" | "fail" | "discard"; tab: number; index: number }
  | { do: "restore" };

const conversation = fc.nat(CONVERSATIONS.length - 1);
const tab = fc.nat(1);
const part = fc.nat(9);
const index = fc.nat(5);
export const step: fc.Arbitrary<Step> = fc.oneof(
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

export class World {
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
