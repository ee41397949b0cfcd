/**
 * The core of the web client: everything below the components.
 *
 * ```ts
 * const tokens = new Tokens();                         // the login, shared by all tabs
 * const api = new Api(tokens);                         // REST; refusals are thrown as ApiError
 * const me = await api.login("ann", "correct horse");  // or api.register(…); tokens.session says who is logged in
 * const engine = new Engine(api, me.id);
 * engine.start();                                      // stop() ends it; logout() also deletes what is kept here
 * ```
 *
 * Data is read by live queries of `engine.db` (dexie-react-hooks' useLiveQuery), and nowhere else:
 *
 * - `db.list()`: the conversations in their order: `Conversation`, its `view` as the server has it, and fresher than it
 *   `lastMessage`, `unread`, `readSeq`, `visibleSeq`;
 * - `db.tail(id, count)`: the newest entries of what is here, ascending, without gaps. Show more by a greater `count`; once
 *   it returns fewer than asked for, `engine.loadOlder(id)` fetches more and says whether there is still more;
 *   `older(conversation) === null` says that the beginning is here; `db.since(id, seq)` is the same from a seq on;
 * - `db.unsent(id)`: own messages on their way (`queued`) or refused (`failed`, with `code`); shown after the entries;
 *   `key` is the later entry's `client_msg_id`;
 * - `db.readers(id)`: how far others have read; `db.users`, `db.relations` (friends and blocks), `db.requests`;
 * - `db.draft(id)`, `db.setDraft(id, text)`; `db.unread()` and `db.received()` for badges.
 *
 * What is true only now is in `engine.live` (a zustand store): `connection`, `retryAt`, `reason`, `presence`, `typing`.
 *
 * What the user does: `engine.send`, `resend`, `discard`, `markRead`, `typing`, `open` (which conversation is looked at),
 * `openWith` (somebody), `know` (whose profiles are wanted), and for everything else `api`. A command that answers with a conversation is run by
 * `engine.command(() => api.createGroup(…))`, so that what it did shows at once; one about friends, requests or blocks by
 * `engine.change(() => api.block(…))`.
 */
export { Api } from "./api";
export { activity, Database, type Draft } from "./db";
export { Engine, type EngineOptions } from "./engine";
export { ApiError, asApiError, type Code } from "./errors";
export type { ConnectionState, Live, LivePresence, LiveStore } from "./live";
export type { Conversation, Outgoing, Pointer } from "./model";
export { older } from "./rows";
export { isEmpty } from "./segment";
export { type Session, Tokens } from "./tokens";
export type * from "./types";
