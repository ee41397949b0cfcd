import { afterEach, describe, expect, it, vi } from "vitest";
import { choose, notify, supported, wanted } from "./notifying";

/** A browser whose pages may not make notifications, as on phones; `new` throws there. */
function phone(permission: NotificationPermission) {
  class Illegal {
    static readonly permission = permission;
    static readonly requestPermission = () => Promise.resolve("granted");
    constructor() {
      throw new TypeError("Illegal constructor");
    }
  }
  vi.stubGlobal("Notification", Illegal);
}

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

describe("notifications on a phone", () => {
  it("are not supported, whatever the browser would allow", async () => {
    phone("default");
    expect(supported()).toBe(false);
    expect(await choose(true)).toBe(false);
    expect(wanted()).toBe(false);
  });

  it("break nothing where they were allowed before", () => {
    phone("granted");
    expect(notify("Ann", {})).toBeNull();
  });
});
