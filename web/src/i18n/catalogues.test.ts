import { expect, it } from "vitest";
import en from "./en.json";
import zh from "./zh.json";

type Catalogue = Record<string, Record<string, string>>;

const base = (key: string) => key.replace(/_(one|other)$/, "");
const keys = (catalogue: Catalogue) =>
  new Set(
    Object.entries(catalogue).flatMap(([part, texts]) => Object.keys(texts).map((key) => `${part}.${base(key)}`)),
  );
const fields = (text = "") => new Set(text.match(/\{\{\w+\}\}/g));

it("says everything in both languages", () => {
  expect(keys(zh)).toEqual(keys(en));
});

it("names the same values in both languages", () => {
  for (const [part, texts] of Object.entries(zh as Catalogue)) {
    for (const [key, text] of Object.entries(texts)) {
      expect(fields(text), `${part}.${key}`).toEqual(fields((en as Catalogue)[part]?.[key]));
    }
  }
});

it("leaves no English in Chinese", () => {
  const english = Object.entries(zh as Catalogue).flatMap(([part, texts]) =>
    Object.entries(texts)
      .filter(([, text]) => !/\p{Script=Han}/u.test(text.replace(/\{\{\w+\}\}/g, "")))
      .map(([key]) => `${part}.${key}`),
  );
  expect(english).toEqual(
    ["list.you", "list.from", "chat.unsupported", "notify.title"].filter((key) => english.includes(key)),
  );
});
