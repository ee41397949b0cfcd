/** Whether this browser shows notifications: what the user chose here, and what the browser allows. */

const STORED = "resonance-notifications";

export function supported(): boolean {
  return "Notification" in window;
}

export function wanted(): boolean {
  return supported() && localStorage.getItem(STORED) === "on" && Notification.permission === "granted";
}

/** Turn notifications on or off; returns whether they are on, which the browser may refuse. */
export async function choose(on: boolean): Promise<boolean> {
  const granted = on && supported() && (await Notification.requestPermission()) === "granted";
  localStorage.setItem(STORED, granted ? "on" : "off");
  return granted;
}
