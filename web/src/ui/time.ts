/** Times as people say them, in the language of the page. Everything takes milliseconds UTC. */

const DAY = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : language, options);
    formats.set(key, found);
  }
  return found;
}

/** The start of the local day that holds a time; days are compared by it. */
export function dayOf(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** How many local days ago: 0 today, 1 yesterday. Rounded, because a day with a clock change has no 24 hours. */
export function daysAgo(ms: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(ms)) / DAY);
}

export function clock(ms: number, language: string): string {
  return format(language, { hour: "2-digit", minute: "2-digit" }).format(ms);
}

/** Date and time in full, for tooltips. */
export function full(ms: number, language: string): string {
  return format(language, { dateStyle: "full", timeStyle: "short" }).format(ms);
}

export function date(ms: number, language: string): string {
  return format(language, { dateStyle: "medium" }).format(ms);
}

/** A day as a heading; the caller words today and yesterday. */
export function dayName(ms: number, now: number, language: string): string {
  const year: Intl.DateTimeFormatOptions =
    new Date(ms).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return format(language, { weekday: "long", month: "long", day: "numeric", ...year }).format(ms);
}

/** As short as a list allows: a clock today, a weekday this week, else a date. */
export function brief(ms: number, now: number, language: string): string {
  const days = daysAgo(ms, now);
  if (days <= 0) return clock(ms, language);
  if (days < 7) return format(language, { weekday: "short" }).format(ms);
  if (days < 300) return format(language, { month: "short", day: "numeric" }).format(ms);
  return format(language, { year: "2-digit", month: "2-digit", day: "2-digit" }).format(ms);
}

const STEPS: readonly [limit: number, unit: Intl.RelativeTimeFormatUnit, size: number][] = [
  [3_600_000, "minute", 60_000],
  [DAY, "hour", 3_600_000],
  [30 * DAY, "day", DAY],
  [365 * DAY, "month", 30 * DAY],
  [Infinity, "year", 365 * DAY],
];

/** "5 minutes ago". */
export function ago(ms: number, now: number, language: string): string {
  const passed = Math.max(0, now - ms);
  const [, unit, size] = STEPS.find(([limit]) => passed < limit) ?? (["", "year", 365 * DAY] as const);
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.floor(passed / size), unit);
}
