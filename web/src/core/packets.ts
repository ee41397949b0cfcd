/** Native packets (docs/websocket.md) as small values: protobuf in binary frames, out and in. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Ack, type PushMessage, type WsPacket, WsPacketSchema } from "@/gen/resonance/gateway/v1/packet_pb";
import type { Signal as SignalMessage } from "@/gen/resonance/signal/v1/signal_pb";
import type { Message } from "./types";

/** Something that happened and is no message; none of it is state. */
export type Signal =
  | { kind: "presence"; userId: string; online: boolean; lastSeenAt: number }
  | { kind: "typing"; conversationId: string; userId: string }
  | { kind: "receipt"; conversationId: string; userId: string; readSeq: number }
  | { kind: "conversation"; conversationId: string; action: string; actor: string; userIds: string[] }
  | { kind: "friend"; action: string; userId: string; message: string }
  | { kind: "profile"; userId: string };

/** What became of a message: stored when `code` is "", else refused. */
export interface Acked {
  key: string;
  conversationId: string;
  messageId: string;
  seq: number;
  ordinal: number;
  createdAt: number;
  code: string;
  error: string;
  retry: boolean;
}

export type ServerPacket =
  | { kind: "ready"; userId: string; epoch: string; serverTime: number; pingIntervalS: number; maxInFlight: number }
  | { kind: "push"; message: Message }
  | { kind: "ack"; ack: Acked }
  | { kind: "readAck"; ref: string; conversationId: string; readSeq: number; unread: number }
  | { kind: "signal"; signal: Signal }
  | { kind: "fault"; ref: string; code: string; message: string; retry: boolean }
  | { kind: "goingAway"; jitterMs: number }
  | { kind: "syncHint" }
  | { kind: "pulse" };

export type ClientPacket =
  | { kind: "pulse" }
  | { kind: "chat"; key: string; conversationId: string; type: string; content: string; extra: string }
  | { kind: "read"; ref: string; conversationId: string; seq: number }
  | { kind: "typing"; conversationId: string };

export function encode(packet: ClientPacket): Uint8Array<ArrayBuffer> {
  return toBinary(WsPacketSchema, create(WsPacketSchema, bodyOf(packet)));
}

function bodyOf(packet: ClientPacket): MessageInitShape<typeof WsPacketSchema> {
  switch (packet.kind) {
    case "pulse":
      return { payload: { case: "pulse", value: {} } };
    case "chat": {
      const { key, conversationId, type, content, extra } = packet;
      const value = { sessionId: conversationId, type, content, extra, clientMsgId: key };
      return { seq: key, payload: { case: "chat", value } };
    }
    case "read": {
      const value = { sessionId: packet.conversationId, seqId: BigInt(packet.seq) };
      return { seq: packet.ref, payload: { case: "read", value } };
    }
    case "typing":
      return { payload: { case: "typing", value: { sessionId: packet.conversationId } } };
  }
}

/** What the server says; null for what only a newer server knows. Throws on bytes that are no packet. */
export function decode(bytes: Uint8Array): ServerPacket | null {
  return packetOf(fromBinary(WsPacketSchema, bytes));
}

function packetOf({ payload }: WsPacket): ServerPacket | null {
  switch (payload.case) {
    case "ready": {
      const { userId, storeEpoch: epoch, serverTimeMs, pingIntervalS, maxInFlight } = payload.value;
      return { kind: "ready", userId, epoch, serverTime: Number(serverTimeMs), pingIntervalS, maxInFlight };
    }
    case "push":
      return { kind: "push", message: messageOf(payload.value) };
    case "ack":
      return { kind: "ack", ack: ackedOf(payload.value) };
    case "readAck": {
      const { refSeq: ref, sessionId: conversationId, readSeq, unread } = payload.value;
      return { kind: "readAck", ref, conversationId, readSeq: Number(readSeq), unread: Number(unread) };
    }
    case "signal": {
      const signal = signalOf(payload.value);
      return signal && { kind: "signal", signal };
    }
    case "fault": {
      const { refSeq: ref, code, message, retry } = payload.value;
      return { kind: "fault", ref, code, message, retry };
    }
    case "goingAway":
      return { kind: "goingAway", jitterMs: payload.value.jitterMs };
    case "syncHint":
    case "pulse":
      return { kind: payload.case };
    default:
      return null;
  }
}

const TYPES = new Set<string>(["text", "image", "video", "audio", "file", "custom", "system"]);

function messageOf(push: PushMessage): Message {
  return {
    conversation_id: push.sessionId,
    seq: Number(push.seqId),
    message_id: push.msgId.toString(),
    sender_id: push.fromUsername,
    type: TYPES.has(push.type) ? (push.type as Message["type"]) : "custom",
    content: push.content,
    extra: push.extra,
    client_msg_id: push.clientMsgId,
    ordinal: Number(push.ordinal),
    created_at: Number(push.timeMs) || Number(push.timestamp) * 1000,
  };
}

function ackedOf(ack: Ack): Acked {
  return {
    key: ack.refSeq || ack.clientMsgId,
    conversationId: ack.sessionId,
    messageId: ack.msgId.toString(),
    seq: Number(ack.seqId),
    ordinal: Number(ack.ordinal),
    createdAt: Number(ack.timeMs),
    code: ack.code,
    error: ack.error,
    retry: ack.retry,
  };
}

function signalOf({ kind }: SignalMessage): Signal | null {
  switch (kind.case) {
    case "presence": {
      const { userId, online, lastSeenAt } = kind.value;
      return { kind: "presence", userId, online, lastSeenAt: Number(lastSeenAt) };
    }
    case "typing":
      return { kind: "typing", conversationId: kind.value.conversationId, userId: kind.value.userId };
    case "receipt": {
      const { conversationId, userId, readSeq } = kind.value;
      return { kind: "receipt", conversationId, userId, readSeq: Number(readSeq) };
    }
    case "conversationChanged": {
      const { conversationId, action, actor, userIds } = kind.value;
      return { kind: "conversation", conversationId, action, actor, userIds };
    }
    case "friendChanged":
      return { kind: "friend", action: kind.value.action, userId: kind.value.userId, message: kind.value.message };
    case "profileChanged":
      return { kind: "profile", userId: kind.value.userId };
    default:
      return null;
  }
}
