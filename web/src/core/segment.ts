/** The unbroken piece of a log that is here, and how it grows. Pure. */
import { MAX_AHEAD } from "./model";

export interface Segment {
  first: number;
  last: number;
  ahead: number[];
}

export function isEmpty({ first, last }: Segment): boolean {
  return last < first;
}

/**
 * Take that every visible entry of [begin, end] is here now.
 *
 * A piece that touches the segment extends it. Of two that do not touch the later one counts, but for a single entry,
 * which waits ahead of the gap.
 */
export function extend(segment: Segment, begin: number, end: number): Segment {
  if (end < begin) return segment;
  if (isEmpty(segment)) return absorb({ first: begin, last: end, ahead: segment.ahead });
  const { first, last, ahead } = segment;
  if (begin <= last + 1 && end >= first - 1) {
    return absorb({ first: Math.min(first, begin), last: Math.max(last, end), ahead });
  }
  if (end < first) return segment;
  if (begin === end) return hold(segment, begin);
  return absorb({ first: begin, last: end, ahead });
}

/** Keep only what lies in the window [min, max]. */
export function clamp(segment: Segment, min: number, max: number): Segment {
  const first = Math.max(segment.first, min);
  const last = Math.min(segment.last, max);
  const ahead = segment.ahead.filter((seq) => seq >= min && seq <= max);
  return last < first ? absorb({ first: min, last: min - 1, ahead }) : absorb({ first, last, ahead });
}

function hold(segment: Segment, seq: number): Segment {
  if (segment.ahead.includes(seq) || segment.ahead.length >= MAX_AHEAD) return segment;
  return { ...segment, ahead: [...segment.ahead, seq].toSorted((a, b) => a - b) };
}

/** Move the end over the entries that follow without a gap. */
function absorb({ first, last, ahead }: Segment): Segment {
  let end = last;
  for (const seq of ahead) if (seq === end + 1) end = seq;
  return { first, last: end, ahead: ahead.filter((seq) => seq > end) };
}
