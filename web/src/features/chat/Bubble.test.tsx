import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { show } from "@/testing/render";
import { Bubble, type BubbleActions } from "./Bubble";
import type { ChatEntry } from "./rows";

const entry: ChatEntry = {
  key: "k1",
  seq: 1,
  sender: "me",
  kind: "text",
  content: "hello",
  at: new Date(2026, 2, 1, 12).getTime(),
  own: true,
  state: "sent",
};

const mock = () => vi.fn<() => void>();

function actions(): BubbleActions {
  return { copy: mock(), resend: mock(), discard: mock(), openUser: mock() };
}

function bubble(over: Partial<ChatEntry>, props: Partial<Parameters<typeof Bubble>[0]> = {}) {
  const all = { first: true, last: true, named: false, senderName: "Ann", actions: actions(), ...props };
  return { ...show(<Bubble entry={{ ...entry, ...over }} {...all} />), actions: all.actions };
}

describe("a message", () => {
  it("is written in the direction of its own language", () => {
    bubble({ content: "שלום!" });
    expect(screen.getByText("שלום!").closest("[dir]")?.getAttribute("dir")).toBe("auto");
  });

  it.each([
    ["sending", "Sending"],
    ["sent", "Sent"],
    ["read", "Read"],
    ["failed", "Not sent"],
  ] as const)("of one's own says that it is %s", (state, label) => {
    bubble({ state });
    expect(screen.getByRole("img", { name: label })).toBeTruthy();
  });

  it("says in a group by how many it was read", () => {
    bubble({ state: "read" }, { readers: 3 });
    expect(screen.getByRole("img", { name: "Read by 3" })).toBeTruthy();
  });

  it("is text, whatever is in it", () => {
    const content = '<img src=x onerror="alert(1)"> <script>alert(2)</script> &amp;';
    const { container } = bubble({ content });
    expect(screen.getByText(content)).toBeTruthy();
    expect(container.querySelector("script, img[src]")).toBeNull();
  });

  it("tells in groups who sent it, once per run of messages", () => {
    bubble({ own: false, sender: "ann" }, { named: true });
    expect(screen.getByText("Ann")).toBeTruthy();
  });

  it("that was refused says why, and can be sent again or given up", async () => {
    const { actions: done } = bubble({ state: "failed", error: "blocked" });
    expect(screen.getByRole("alert").textContent).toContain("does not accept messages from you");
    await userEvent.click(screen.getByRole("button", { name: "Send again" }));
    await userEvent.click(screen.getByRole("button", { name: "Discard" }));
    expect(done.resend).toHaveBeenCalledOnce();
    expect(done.discard).toHaveBeenCalledOnce();
  });

  it("of a kind that this client does not know says so", () => {
    bubble({ kind: "hologram" });
    expect(screen.getByText("[hologram]")).toBeTruthy();
  });
});
