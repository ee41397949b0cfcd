import { createEvent, fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { MAX_TEXT } from "@/gen/catalogue";
import { show } from "@/testing/render";
import { Composer } from "./Composer";

type Told = (text: string) => void;

function composer(draft = "", accepted = true) {
  const onSend = vi.fn<(text: string) => Promise<boolean>>(() => Promise.resolve(accepted));
  const told = { onDraft: vi.fn<Told>(), onTyping: vi.fn<() => void>(), onSend };
  show(<Composer draft={draft} {...told} />);
  return { ...told, box: screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Write a message" }) };
}

describe("the composer", () => {
  it("sends on Enter, trimmed, and is empty then", async () => {
    const { box, onSend, onDraft } = composer();
    await userEvent.type(box, " hello {Enter}");
    expect(onSend).toHaveBeenCalledExactlyOnceWith("hello");
    expect(box.value).toBe("");
    expect(onDraft).toHaveBeenLastCalledWith("");
  });

  it("begins a line on Shift+Enter", async () => {
    const { box, onSend } = composer();
    await userEvent.type(box, "one{Shift>}{Enter}{/Shift}two");
    expect(onSend).not.toHaveBeenCalled();
    expect(box.value).toBe("one\ntwo");
  });

  it("leaves Enter to an input method that composes", async () => {
    const { box, onSend } = composer();
    await userEvent.type(box, "ni");
    // Safari says that the composing is over before it tells of the Enter that ended it; 229 is all that is left of it.
    for (const composing of [{ isComposing: true }, { keyCode: 229 }]) {
      const enter = createEvent.keyDown(box, { key: "Enter", ...composing });
      fireEvent(box, enter);
      expect(onSend).not.toHaveBeenCalled();
      expect(enter.defaultPrevented).toBe(false);
    }
  });

  it("sends nothing that is empty", async () => {
    const { box, onSend } = composer();
    await userEvent.type(box, "  {Enter}");
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Send" }).disabled).toBe(true);
  });

  it("says by how much a text is too long for the server, as the server counts, and keeps it", async () => {
    const long = "🎻".repeat(MAX_TEXT);
    const { box, onSend } = composer(long);
    expect(screen.queryByRole("alert")).toBeNull();
    fireEvent.change(box, { target: { value: `${long}ab` } });
    expect(screen.getByRole("alert").textContent).toContain("2");
    await userEvent.type(box, "{Enter}");
    expect(onSend).not.toHaveBeenCalled();
    expect(box.value).toBe(`${long}ab`);
  });

  it("gives back what could not be queued", async () => {
    const { box, onDraft } = composer("precious", false);
    await userEvent.type(box, "{Enter}");
    await expect.poll(() => box.value).toBe("precious");
    expect(onDraft).toHaveBeenLastCalledWith("precious");
  });

  it("begins with the draft, and tells of every change", async () => {
    const { box, onDraft } = composer("unfin");
    expect(box.value).toBe("unfin");
    await userEvent.type(box, "ished");
    expect(onDraft).toHaveBeenLastCalledWith("unfinished");
  });

  it("says that somebody types, but not at every key", async () => {
    const { box, onTyping } = composer();
    await userEvent.type(box, "a few words");
    expect(onTyping).toHaveBeenCalledOnce();
  });
});
