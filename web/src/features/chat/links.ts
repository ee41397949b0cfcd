/** Finds links in what people write. The result is pieces of text; nothing here is ever HTML. */

export interface Piece {
  /** Where it begins in the content. */
  at: number;
  text: string;
  /** Where a link leads: always http or https, whatever was written. */
  href?: string;
}

const CANDIDATE =
  /\bhttps?:\/\/[^\s<>"'`，。；：！？、（）《》【】「」“”]+|\bwww\.[^\s<>"'`，。；：！？、（）《》【】「」“”]+/giu;
const TRAILING = /[.,;:!?)\]}*_~]+$/u;

function trimmed(found: string): string {
  const end = found.match(TRAILING)?.[0] ?? "";
  const link = found.slice(0, found.length - end.length);
  // a closing bracket belongs to the link when it was opened in it: …/wiki/Seq_(disambiguation)
  const open = link.split("(").length - link.split(")").length;
  return open > 0 && end.startsWith(")") ? `${link})` : link;
}

function target(link: string): string | undefined {
  const url = URL.parse(/^www\./i.test(link) ? `https://${link}` : link);
  return url && (url.protocol === "https:" || url.protocol === "http:") && url.hostname ? url.href : undefined;
}

export function piecesOf(content: string): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const match of content.matchAll(CANDIDATE)) {
    const link = trimmed(match[0]);
    const href = target(link);
    if (!href) continue;
    if (match.index > done) pieces.push({ at: done, text: content.slice(done, match.index) });
    pieces.push({ at: match.index, text: link, href });
    done = match.index + link.length;
  }
  if (done < content.length || pieces.length === 0) pieces.push({ at: done, text: content.slice(done) });
  return pieces;
}

const EMOJI_ONLY = /^(?:\p{RGI_Emoji}|\s){1,12}$/v;

/** Whether a message is one to three emoji and nothing else: those are shown large. */
export function isLargeEmoji(content: string): boolean {
  if (content.length > 40 || !EMOJI_ONLY.test(content)) return false;
  return Array.from(content.matchAll(/\p{RGI_Emoji}/gv)).length <= 3;
}
