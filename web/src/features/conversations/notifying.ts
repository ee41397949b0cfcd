/** Whether this browser shows notifications: what the user chose here, and what the browser allows. */

const STORED = "resonance-notifications";

/** Browsers of phones have the interface, too, but leave it to service workers. */
export function supported(): boolean {
  if (!("Notification" in window)) return false;
  // Where nothing was allowed yet, this shows nothing.
  return Notification.permission === "granted" || notify("", {}) !== null;
}

/** Show a notification; `null` where the browser lets no page do that. */
export function notify(title: string, options: NotificationOptions): Notification | null {
  try {
    return new Notification(title, options);
  } catch {
    return null;
  }
}

export function wanted(): boolean {
  return localStorage.getItem(STORED) === "on" && supported() && Notification.permission === "granted";
}

/** Turn notifications on or off; returns whether they are on, which the browser may refuse. */
export async function choose(on: boolean): Promise<boolean> {
  const granted = on && supported() && (await Notification.requestPermission()) === "granted";
  localStorage.setItem(STORED, granted ? "on" : "off");
  return granted;
}

const LOOKING = "resonance.looking";

/** Let the other pages of this browser know that this one is looked at, while it is. Returns how to end that. */
export function tellLooking(): () => void {
  let release: (() => void) | undefined;
  const changed = () => {
    release?.();
    release = undefined;
    if (document.visibilityState !== "visible") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    release = resolve;
    // Only secure pages have locks, and only those may notify.
    void navigator.locks?.request(LOOKING, { mode: "shared" }, () => promise);
  };
  changed();
  document.addEventListener("visibilitychange", changed);
  return () => {
    document.removeEventListener("visibilitychange", changed);
    release?.();
  };
}

/** Whether any page of this browser is looked at. */
export async function looking(): Promise<boolean> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.some(({ name }) => name === LOOKING);
}
