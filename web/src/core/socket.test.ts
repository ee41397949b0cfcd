import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WsPacketSchema } from "@/gen/resonance/gateway/v1/packet_pb";
import { ApiError } from "./errors";
import { Socket, type SocketEvents, type SocketOptions } from "./socket";

/** A WebSocket whose other end is the test. */
class FakeWebSocket extends EventTarget {
  static readonly OPEN = 1;
  static all: FakeWebSocket[] = [];
  readonly readyState = FakeWebSocket.OPEN;
  readonly url: string;
  readonly protocols: string[];
  readonly sent: Uint8Array[] = [];
  closed = false;
  binaryType = "";

  constructor(url: string, protocols: string[]) {
    super();
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.all.push(this);
  }

  static get last(): FakeWebSocket {
    const last = FakeWebSocket.all.at(-1);
    if (!last) throw new Error("nobody has connected");
    return last;
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }

  close(): void {
    this.closed = true;
  }

  ready(): void {
    const bytes = toBinary(
      WsPacketSchema,
      create(WsPacketSchema, { payload: { case: "ready", value: { userId: "ann" } } }),
    );
    this.receive(bytes);
  }

  receive(bytes: Uint8Array): void {
    this.dispatchEvent(new MessageEvent("message", { data: bytes.slice().buffer }));
  }

  die(code: number): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

function started(overrides: Partial<SocketOptions> = {}) {
  const events = {
    connecting: vi.fn<SocketEvents["connecting"]>(),
    packet: vi.fn<SocketEvents["packet"]>(),
    lost: vi.fn<SocketEvents["lost"]>(),
    over: vi.fn<SocketEvents["over"]>(),
  };
  const options = {
    url: "ws://localhost/ws",
    token: vi.fn<() => Promise<string>>(async () => "t.o.k"),
    refresh: vi.fn<() => Promise<void>>(async () => undefined),
    probe: vi.fn<() => Promise<void>>(async () => undefined),
    events,
    ...overrides,
  };
  const socket = new Socket(options);
  socket.start();
  return { socket, options, events };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  FakeWebSocket.all = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the socket", () => {
  it("sends its token as a subprotocol, never in the address", async () => {
    const { socket } = started();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.last.url).toBe("ws://localhost/ws");
    expect(FakeWebSocket.last.protocols).toEqual(["resonance.v1", "bearer.t.o.k"]);
    socket.stop();
  });

  it("sends nothing before it is ready", async () => {
    const { socket } = started();
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.send({ kind: "pulse" })).toBe(false);
    FakeWebSocket.last.ready();
    expect(socket.send({ kind: "pulse" })).toBe(true);
    socket.stop();
  });

  it.each([1006, 1012, 4001, 4002, 4003, 4004, 4005])("comes back after close code %i", async (code) => {
    const { socket, events } = started();
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.ready();
    FakeWebSocket.last.die(code);
    expect(events.lost).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(FakeWebSocket.all.length).toBeGreaterThan(1);
    socket.stop();
  });

  it.each([
    [4500, "token_invalid"],
    [4502, "token_revoked"],
    [4503, "token_revoked"],
    [4504, "user_disabled"],
  ])("is over after close code %i", async (code, reason) => {
    const { events } = started();
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.ready();
    FakeWebSocket.last.die(code);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(events.over).toHaveBeenCalledExactlyOnceWith(reason);
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  it.each([1002, 1003, 1007, 1009, 4505])("waits to be asked after close code %i", async (code) => {
    const { socket, events } = started();
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.ready();
    FakeWebSocket.last.die(code);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(events.lost).toHaveBeenCalledExactlyOnceWith(expect.any(String), 0);
    expect(FakeWebSocket.all).toHaveLength(1);
    socket.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.all).toHaveLength(2);
    socket.stop();
  });

  it("renews a token that expired, and connects at once", async () => {
    const { socket, options } = started();
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.ready();
    FakeWebSocket.last.die(4501);
    await vi.advanceTimersByTimeAsync(0);
    expect(options.refresh).toHaveBeenCalledExactlyOnceWith("t.o.k");
    expect(FakeWebSocket.all).toHaveLength(2);
    socket.stop();
  });

  it("asks why an upgrade was refused before it tries again", async () => {
    const probe = vi.fn<() => Promise<void>>(async () =>
      Promise.reject(new ApiError("token_revoked", "logged out", { status: 401 })),
    );
    const { events } = started({ probe });
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.die(1006);
    expect(probe).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(events.over).toHaveBeenCalledExactlyOnceWith("token_revoked");
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  it("tries again when the token could not be had for now", async () => {
    const token = vi
      .fn<() => Promise<string>>(async () => "t.o.k")
      .mockRejectedValueOnce(new ApiError("unavailable", "no server"));
    const { socket, events } = started({ token });
    await vi.advanceTimersByTimeAsync(0);
    expect(events.lost).toHaveBeenCalledExactlyOnceWith("unavailable", expect.any(Number));
    await vi.advanceTimersByTimeAsync(1000);
    expect(FakeWebSocket.all).toHaveLength(1);
    socket.stop();
  });

  it("asks a silent server, and leaves one that does not answer", async () => {
    const { socket, events } = started();
    await vi.advanceTimersByTimeAsync(0);
    const first = FakeWebSocket.last;
    first.ready();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(first.sent).toHaveLength(1);
    first.receive(toBinary(WsPacketSchema, create(WsPacketSchema, { payload: { case: "pulse", value: {} } })));
    await vi.advanceTimersByTimeAsync(19_000);
    expect(events.lost).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(9_001);
    expect(events.lost).toHaveBeenCalledOnce();
    expect(first.closed).toBe(true);
    socket.stop();
  });

  it("leaves a connection that does not become ready", async () => {
    const { socket, events } = started();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(events.lost).toHaveBeenCalledOnce();
    socket.stop();
  });

  it("goes with the network, and comes back with it", async () => {
    const { socket, events } = started();
    await vi.advanceTimersByTimeAsync(0);
    FakeWebSocket.last.ready();
    window.dispatchEvent(new Event("offline"));
    expect(events.lost).toHaveBeenCalledOnce();
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.all).toHaveLength(2);
    socket.stop();
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.all).toHaveLength(2);
  });
});
