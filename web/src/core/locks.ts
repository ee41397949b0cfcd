/**
 * Taking turns with other tabs, by the Web Locks API.
 *
 * Browsers have it only where the page is secure (HTTPS or localhost). Elsewhere turns are taken within this tab alone; what
 * several tabs then do at the same time has to be harmless, and is: keys make sending twice one message, and the server
 * forgives two tabs that renew their tokens at once.
 */
const chains = new Map<string, Promise<unknown>>();

/** Run `work` while nobody else runs anything of this name. An aborted wait rejects. */
export async function alone<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const locks: LockManager | null | undefined = globalThis.navigator?.locks;
  if (!locks) return inThisTab(name, work, signal);
  let result: { value: T } | undefined;
  await locks.request(name, signal ? { signal } : {}, async () => {
    result = { value: await work() };
  });
  if (!result) throw new Error(`the lock ${name} was taken away`);
  return result.value;
}

function inThisTab<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const before = chains.get(name) ?? Promise.resolve();
  const turn = before.then(() => {
    signal?.throwIfAborted();
    return work();
  });
  const done = turn
    .catch(() => undefined)
    .then(() => {
      if (chains.get(name) === done) chains.delete(name);
    });
  chains.set(name, done);
  return turn;
}
