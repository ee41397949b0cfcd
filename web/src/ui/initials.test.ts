import { describe, expect, it } from "vitest";
import { colorOf, initialsOf } from "./initials";

describe("a picture drawn from a name", () => {
  it.each([
    ["ann", "A"],
    ["Ann Lee", "AL"],
    ["ann.lee-smith", "AS"],
    ["张小明", "小明"],
    ["王", "王"],
    ["🎉", "?"],
    ["", "?"],
  ])("%s is %s", (name, expected) => {
    expect(initialsOf(name)).toBe(expected);
  });

  it("has a hue for every id", () => {
    for (const id of ["", "ann", "张小明"]) {
      expect(colorOf(id)).toBeGreaterThanOrEqual(0);
      expect(colorOf(id)).toBeLessThan(360);
    }
  });
});
