/** The REST API, typed (docs/http.md; a server's /docs has every field). Refusals are thrown as `ApiError`. */
import { ApiError, asApiError, problemOf } from "./errors";
import type { Session, Tokens } from "./tokens";
import type {
  ConversationSettings,
  ConversationView,
  Device,
  Friend,
  FriendRequest,
  GroupChanges,
  JoinRequest,
  Login,
  Member,
  MessagePage,
  NewGroup,
  Presence,
  Reader,
  ReadState,
  Relation,
  RequestStatus,
  Role,
  SyncPage,
  User,
} from "./types";

/** Milliseconds a request may take. */
const TIMEOUT = 20_000;
/** A token that ends sooner than this is renewed before it is used for a connection. */
const EARLY_MS = 30_000;
/** What a platform is called on the wire: 5 is a browser. */
const WEB = 5;
/** What says that the login is over and no refresh helps. */
const OVER = new Set(["token_invalid", "token_revoked", "refresh_reused", "user_disabled"]);

type Query = Record<string, string | number | boolean | undefined>;
interface Options {
  query?: Query;
  body?: object;
}
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
const id = encodeURIComponent;

export class Api {
  readonly tokens: Tokens;
  readonly #base: string;
  readonly #fetch: typeof fetch;

  /** `base` is where the server is, "" for where the page came from. */
  constructor(tokens: Tokens, base = "", fetcher: typeof fetch = (...args) => fetch(...args)) {
    this.tokens = tokens;
    this.#base = `${base}/api/v1/`;
    this.#fetch = fetcher;
  }

  // ------------------------------------------------------------ accounts

  /** Create an account and log in. */
  async register(account: {
    username: string;
    password: string;
    nickname?: string;
    invitation?: string;
  }): Promise<User> {
    return this.#enter("auth/register", account);
  }

  async login(username: string, password: string): Promise<User> {
    return this.#enter("auth/login", { username, password });
  }

  /** End this login, in all tabs. Without an answer the server is left to find out when the token ends. */
  async logout(): Promise<void> {
    const token = this.tokens.session?.accessToken ?? "";
    this.tokens.clear();
    if (token) await this.#request("POST", "auth/logout", {}, token).catch(() => undefined);
  }

  /** Ends the caller's other devices. */
  changePassword = (oldPassword: string, newPassword: string) =>
    this.#call<object>("POST", "auth/password", { body: { old_password: oldPassword, new_password: newPassword } });
  devices = async () => (await this.#call<{ devices: Device[] }>("GET", "auth/devices")).devices;
  revokeDevice = (deviceId: string) => this.#call<object>("DELETE", `auth/devices/${id(deviceId)}`);

  // ------------------------------------------------------------ people

  me = () => this.#call<User>("GET", "users/me");
  updateMe = (changes: { nickname?: string; avatar_url?: string; extra?: string }) =>
    this.#call<User>("PATCH", "users/me", { body: changes });
  user = (userId: string) => this.#call<User>("GET", `users/${id(userId)}`);
  users = async (userIds: string[]) =>
    (await this.#call<{ users: User[] }>("POST", "users/batch", { body: { user_ids: userIds } })).users;
  searchUsers = async (q: string, limit = 20) =>
    (await this.#call<{ users: User[] }>("GET", "users/search", { query: { q, limit } })).users;
  /** Of friends, up to 500; of others nothing is told. */
  presence = async (userIds: string[]) =>
    (await this.#call<{ presence: Presence[] }>("GET", "users/presence", { query: { ids: userIds.join(",") } }))
      .presence;

  friends = (cursor = "", limit = 100) =>
    this.#call<{ friends: Friend[]; cursor: string }>("GET", "friends", { query: { cursor, limit } });
  /** `accepted` when they are friends at once. */
  requestFriend = async (userId: string, message = "") =>
    (await this.#call<{ status: RequestStatus }>("POST", "friends/requests", { body: { user_id: userId, message } }))
      .status;
  friendRequests = async (direction: "received" | "sent" = "received") =>
    (await this.#call<{ requests: FriendRequest[] }>("GET", "friends/requests", { query: { direction } })).requests;
  decideFriendRequest = (sender: string, action: "accept" | "reject") =>
    this.#call<object>("PUT", `friends/requests/${id(sender)}`, { body: { action } });
  removeFriend = (userId: string) => this.#call<object>("DELETE", `friends/${id(userId)}`);
  setRemark = (userId: string, remark: string) =>
    this.#call<object>("PATCH", `friends/${id(userId)}`, { body: { remark } });
  blocks = async () => (await this.#call<{ blocks: Relation[] }>("GET", "blocks")).blocks;
  block = (userId: string) => this.#call<object>("PUT", `blocks/${id(userId)}`);
  unblock = (userId: string) => this.#call<object>("DELETE", `blocks/${id(userId)}`);

  // ------------------------------------------------------------ conversations

  conversations = (cursor = "", limit = 50) =>
    this.#call<{ conversations: ConversationView[]; cursor: string }>("GET", "conversations", {
      query: { cursor, limit },
    });
  conversation = (conversationId: string) => this.#call<ConversationView>("GET", `conversations/${id(conversationId)}`);
  /** The conversation with somebody; made when there is none. */
  openSingle = (userId: string) => this.#call<ConversationView>("POST", "conversations", { body: { user_id: userId } });
  setConversation = (conversationId: string, settings: ConversationSettings) =>
    this.#call<ConversationView>("PATCH", `conversations/${id(conversationId)}/settings`, { body: settings });
  /** The newest entries before a seq (0: of all), up to 200. */
  history = (conversationId: string, beforeSeq: number, limit: number) =>
    this.#call<MessagePage>("GET", `conversations/${id(conversationId)}/messages`, {
      query: { before_seq: beforeSeq, limit },
    });
  /** The first entries from a seq on, up to 500. */
  range = (conversationId: string, begin: number, limit: number) =>
    this.#call<MessagePage>("GET", `conversations/${id(conversationId)}/messages`, { query: { begin, limit } });
  /** 0: to the end. */
  markRead = (conversationId: string, seq = 0) =>
    this.#call<ReadState>("POST", `conversations/${id(conversationId)}/read`, { body: { seq } });
  /** Up to 500 members whose pointer is at or after `seq`. */
  readers = async (conversationId: string, seq: number) =>
    (await this.#call<{ readers: Reader[] }>("GET", `conversations/${id(conversationId)}/readers`, { query: { seq } }))
      .readers;
  /** Everything of the caller's that changed since the token; "" for everything. */
  sync = (token: string, limit = 500) => this.#call<SyncPage>("GET", "sync", { query: { token, limit } });

  // ------------------------------------------------------------ groups

  createGroup = (group: NewGroup) => this.#call<ConversationView>("POST", "groups", { body: group });
  updateGroup = (groupId: string, changes: GroupChanges) =>
    this.#call<ConversationView>("PATCH", `groups/${id(groupId)}`, { body: changes });
  dissolveGroup = (groupId: string) => this.#call<object>("DELETE", `groups/${id(groupId)}`);
  /** `pending` where an admin has to approve. */
  joinGroup = async (groupId: string, message = "") =>
    (await this.#call<{ status: RequestStatus }>("POST", `groups/${id(groupId)}/join`, { body: { message } })).status;
  leaveGroup = (groupId: string) => this.#call<object>("POST", `groups/${id(groupId)}/leave`);
  members = (groupId: string, cursor = "", limit = 100) =>
    this.#call<{ members: Member[]; total: number; cursor: string }>("GET", `groups/${id(groupId)}/members`, {
      query: { cursor, limit },
    });
  /** Returns those who were no members before. */
  invite = async (groupId: string, userIds: string[]) =>
    (await this.#call<{ added: string[] }>("POST", `groups/${id(groupId)}/members`, { body: { user_ids: userIds } }))
      .added;
  kick = (groupId: string, userId: string) =>
    this.#call<object>("DELETE", `groups/${id(groupId)}/members/${id(userId)}`);
  setRole = (groupId: string, userId: string, role: Exclude<Role, "owner">) =>
    this.#call<object>("PUT", `groups/${id(groupId)}/members/${id(userId)}/role`, { body: { role } });
  transferGroup = (groupId: string, userId: string) =>
    this.#call<object>("PUT", `groups/${id(groupId)}/owner`, { body: { user_id: userId } });
  /** 0 seconds end it. */
  muteMember = (groupId: string, userId: string, seconds: number) =>
    this.#call<object>("PUT", `groups/${id(groupId)}/members/${id(userId)}/mute`, { body: { seconds } });
  joinRequests = async (groupId: string) =>
    (await this.#call<{ requests: JoinRequest[] }>("GET", `groups/${id(groupId)}/requests`)).requests;
  decideJoin = (groupId: string, userId: string, action: "accept" | "reject") =>
    this.#call<object>("PUT", `groups/${id(groupId)}/requests/${id(userId)}`, { body: { action } });

  // ------------------------------------------------------------ tokens

  /** An access token that is good for a while; `unauthenticated` is thrown when nobody is logged in. */
  async accessToken(): Promise<string> {
    const { session } = this.tokens;
    if (session === null) throw new ApiError("unauthenticated", "nobody is logged in", { status: 401 });
    if (session.expiresAt - Date.now() > EARLY_MS) return session.accessToken;
    return (await this.refresh(session.accessToken)).accessToken;
  }

  /** Renew the tokens, unless another request or tab has since `stale` was current. */
  refresh(stale: string): Promise<Session> {
    return this.tokens.refresh(stale, (refreshToken) =>
      this.#request<Login>("POST", "auth/refresh", { body: { refresh_token: refreshToken } }, ""),
    );
  }

  async #enter(path: string, account: object): Promise<User> {
    const body = { ...account, platform: WEB, device_name: deviceName() };
    const login = await this.#request<Login>("POST", path, { body }, "");
    this.tokens.accept(login);
    return login.user;
  }

  /** A request as the user: renewed once when the token is over, repeated when another tab has renewed it. */
  async #call<T>(method: Method, path: string, options: Options = {}): Promise<T> {
    const token = this.tokens.session?.accessToken ?? "";
    try {
      return await this.#request<T>(method, path, options, token);
    } catch (error) {
      const again = await this.#renewed(asApiError(error), token);
      if (again === null) throw error;
      return this.#request<T>(method, path, options, again);
    }
  }

  /** The token to try again with; null when that would not help. */
  async #renewed(error: ApiError, used: string): Promise<string | null> {
    const { session } = this.tokens;
    if (error.status !== 401 && error.code !== "user_disabled") return null;
    if (session === null || !used) return null;
    if (session.accessToken !== used) return session.accessToken;
    if (error.code === "token_expired") return (await this.refresh(used)).accessToken;
    if (OVER.has(error.code)) this.tokens.clear(error.code);
    return null;
  }

  async #request<T>(method: Method, path: string, { query, body }: Options, token: string): Promise<T> {
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT), cache: "no-store" };
    if (body) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await this.#fetch(this.#base + path + search(query), init);
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw new ApiError(
        late ? "deadline" : "unavailable",
        late ? "no answer in time" : "the server cannot be reached",
      );
    }
    if (!response.ok) throw await problemOf(response);
    try {
      return (await response.json()) as T;
    } catch {
      throw new ApiError("unavailable", "the answer broke off");
    }
  }
}

function search(query: Query = {}): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return set.length === 0 ? "" : `?${new URLSearchParams(set.map(([name, value]) => [name, String(value)]))}`;
}

/** What the list of devices calls this browser. */
function deviceName(): string {
  const agent = globalThis.navigator?.userAgent ?? "";
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(agent)?.[1] ?? "Browser";
  const system = /(Windows|Android|iPhone|iPad|Mac OS|Linux)/.exec(agent)?.[1] ?? "";
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system ? `${name}, ${system}` : name;
}
