import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLargeEmoji, piecesOf } from "./links";

const links = (content: string) => piecesOf(content).flatMap((piece) => (piece.href ? [piece.href] : []));

describe("links in text", () => {
  it.each([
    ["see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]],
    ["(www.example.org)", ["https://www.example.org/"]],
    ["https://en.example.org/wiki/Seq_(disambiguation)", ["https://en.example.org/wiki/Seq_(disambiguation)"]],
    ["看https://example.org/中文，好吗", ["https://example.org/%E4%B8%AD%E6%96%87"]],
    ["javascript:alert(1) data:text/html,x ftp://example.org", []],
    ["http:// https://", []],
    ["nothing here", []],
  ])("%s", (content, expected) => {
    expect(links(content)).toEqual(expected);
  });

  it("loses nothing, and links nothing but http", () => {
    const near = fc.constantFrom("https://", "http://a.b", "www.", "(", ")", ".", " ", "\n", "<b>", "javascript:", "a");
    fc.assert(
      fc.property(fc.array(fc.oneof(near, fc.string())), (parts) => {
        const content = parts.join("");
        const pieces = piecesOf(content);
        expect(pieces.map((piece) => piece.text).join("")).toBe(content);
        for (const { href } of pieces) if (href) expect(href).toMatch(/^https?:\/\//);
      }),
    );
  });
});

describe("large emoji", () => {
  it.each([
    ["👍", true],
    ["👩‍👩‍👧 🎉", true],
    ["👍👍👍👍", false],
    ["ok 👍", false],
    ["12", false],
    ["", false],
  ])("%s: %s", (content, expected) => {
    expect(isLargeEmoji(content)).toBe(expected);
  });
});
