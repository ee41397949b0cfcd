const WORD = /[\p{L}\p{N}]+/gu;
const WIDE = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;

/** One or two letters that stand for a name: "Ann Lee" is AL, "ann" is A, 张小明 is 小明 as names are shortened in Chinese. */
export function initialsOf(name: string): string {
  const words = name.normalize("NFC").match(WORD) ?? [];
  const first = words[0] ?? "?";
  if (WIDE.test(first)) return Array.from(first).slice(-2).join("");
  const letters = [first, words.length > 1 ? (words.at(-1) ?? "") : ""].map((word) => Array.from(word)[0] ?? "");
  return letters.join("").toLocaleUpperCase();
}

/** A hue of the colour circle, in degrees; the same for an id on every device. */
export function colorOf(id: string): number {
  let hash = 7;
  for (const letter of id) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return (hash * 47) % 360;
}
