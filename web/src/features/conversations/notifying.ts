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
