/** What the server's JSON says, named as there (docs/http.md). Times are ms UTC; ids of 64 bits are strings. */

export type Role = "member" | "admin" | "owner";
export type ConversationKind = "single" | "group" | "open";
export type RecvOpt = "normal" | "no_notify" | "not_recv";
export type History = "full" | "since_join";
export type MessageKind = "text" | "image" | "video" | "audio" | "file" | "custom";
export type MembershipStatus = "normal" | "left" | "kicked";
export type RequestStatus = "pending" | "accepted" | "rejected";

export interface User {
  id: string;
  username: string;
  nickname: string;
  avatar_url: string;
  extra: string;
  kind: "human" | "bot" | "guest" | "system";
  is_guest: boolean;
  is_admin: boolean;
  created_at: number;
  updated_at: number;
}

/** A login: its tokens, and who one is. */
export interface Login {
  access_token: string;
  refresh_token: string;
  /** Life of the access token in seconds. */
  expires_in: number;
  device_id: string;
  user: User;
}

/** A message or system entry (`type` is `system`). */
export interface Message {
  conversation_id: string;
  seq: number;
  message_id: string;
  sender_id: string;
  type: MessageKind | "system";
  /** Text, also for other types; of a system entry JSON: see `Notice`. */
  content: string;
  extra: string;
  client_msg_id: string;
  /** Countable messages so far: unread is the difference of two ordinals. */
  ordinal: number;
  created_at: number;
}

/** The content of a system entry, as JSON. */
export interface Notice {
  action: string;
  actor: string;
  /** Whom it is about, the first ones. */
  users: string[];
  count: number;
  changes?: Record<string, string | number | boolean>;
}

/** Somebody's membership; [min_seq, max_seq] is what they may see, null: still open. */
export interface Membership {
  user_id: string;
  role: Role;
  status: MembershipStatus;
  min_seq: number;
  max_seq: number | null;
  read_seq: number;
  pinned: boolean;
  recv_opt: RecvOpt;
  muted_until: number;
  nickname: string;
  inviter: string;
  joined_at: number;
}

export interface Member extends Membership {
  user: User | null;
}

/** A conversation as its caller sees it. */
export interface ConversationView {
  conversation_id: string;
  group_id: string;
  kind: ConversationKind;
  name: string;
  avatar_url: string;
  introduction: string;
  owner_id: string;
  status: "normal" | "dissolved";
  history: History;
  max_members: number;
  join_approval: boolean;
  mute_all: boolean;
  member_count: number;
  version: number;
  created_at: number;
  updated_at: number;
  visible_seq: number;
  unread_count: number;
  last_message: Message | null;
  peer: User | null;
  membership: Membership;
}

/** Messages in ascending seq, and the range that the caller may see (end below begin: none). */
export interface MessagePage {
  conversation_id: string;
  messages: Message[];
  begin: number;
  end: number;
}

/** What stands between the caller and somebody; both false: nothing any more. */
export interface Relation {
  user_id: string;
  is_friend: boolean;
  blocked: boolean;
  remark: string;
  updated_at: number;
}

export interface Presence {
  user_id: string;
  online: boolean;
  platforms: number[];
  /** 0 for never, or when the caller may not know. */
  last_seen_at: number;
}

export interface Friend {
  user: User;
  remark: string;
  blocked: boolean;
  presence: Presence;
  updated_at: number;
}

export interface FriendRequest {
  sender: string;
  recipient: string;
  message: string;
  status: RequestStatus;
  created_at: number;
  updated_at: number;
}

export interface JoinRequest {
  user_id: string;
  message: string;
  status: RequestStatus;
  created_at: number;
  updated_at: number;
}

export interface SyncPage {
  full: boolean;
  conversations: ConversationView[];
  friends: Relation[];
  requests: FriendRequest[];
  users: User[];
  token: string;
  more: boolean;
}

export interface Device {
  id: string;
  platform: number;
  name: string;
  current: boolean;
  created_at: number;
  used_at: number;
  expires_at: number;
}

export interface Reader {
  user_id: string;
  read_seq: number;
}

export interface ReadState {
  conversation_id: string;
  read_seq: number;
  visible_seq: number;
  unread_count: number;
}

/** A message that is stored for good. */
export interface Sent {
  message_id: string;
  conversation_id: string;
  seq: number;
  ordinal: number;
  client_msg_id: string;
  created_at: number;
}

export interface NewGroup {
  name: string;
  members?: string[];
  group_id?: string;
  introduction?: string;
  history?: History;
  join_approval?: boolean;
}

/** What is missing stays. */
export interface GroupChanges {
  name?: string;
  avatar_url?: string;
  introduction?: string;
  history?: History;
  max_members?: number;
  join_approval?: boolean;
  mute_all?: boolean;
}

export interface ConversationSettings {
  pinned?: boolean;
  recv_opt?: RecvOpt;
  nickname?: string;
}
