/** Short words to the user: what went wrong, and what was done. */
import { notifications } from "@mantine/notifications";
import { asApiError } from "@/core/errors";
import i18n from "@/i18n";

/** A refusal in the user's language where it has words for it, else in the server's. */
export function errorText(error: unknown): string {
  const { code, status, message } = asApiError(error);
  return codeText(status === 0 && code === "unavailable" ? "network" : code, message);
}

export function codeText(code: string, otherwise: string): string {
  const key = `errors.${code}`;
  return i18n.exists(key) ? i18n.t(key as "errors.network") : otherwise;
}

export function sayError(error: unknown): void {
  notifications.show({ color: "red", title: i18n.t("common.failed"), message: errorText(error), autoClose: 6000 });
}

export function say(message: string): void {
  notifications.show({ message, autoClose: 2500 });
}

/** Do something, and say so when it does not work. Returns whether it did. */
export async function attempt(work: () => Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await work();
  } catch (error) {
    sayError(error);
    return false;
  }
  if (done) say(done);
  return true;
}
