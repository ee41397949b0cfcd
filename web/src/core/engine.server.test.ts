// @vitest-environment node
import { Dexie, liveQuery } from "dexie";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Server } from "@/testing/server";
import { memoryStorage } from "@/testing/storage";
import { Api, type ConnectionState, Engine, type Live, Tokens } from "./index";
import type { Message } from "./types";

/** Milliseconds that anything here may take. */
const SOON = 50_000;
const server = new Server();

beforeAll(() => server.start(), 60_000);
afterAll(() => server.remove());

/** A browser of somebody who has just registered. */
class Browser {
  readonly engine: Engine;

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  static async of(name: string, url = server.url): Promise<Browser> {
    const api = new Api(new Tokens(memoryStorage()), url);
    const user = await api.register({
      username: `${name}-${crypto.randomUUID().slice(0, 8)}`,
      password: "correct horse",
    });
    return Browser.on(api, user.id, url);
  }

  /** A page of this user: a new one, as after a reload. */
  static on(api: Api, userId: string, url = server.url): Browser {
    const engine = new Engine(api, userId, { url: `${url.replace("http", "ws")}/ws` });
    engine.start();
    return new Browser(engine);
  }

  /** Wait until a query of the database is as wanted. */
  async until<T>(query: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
    let last: T | undefined;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        subscription.unsubscribe();
        reject(new Error(`it did not come to that: ${JSON.stringify(last)?.slice(0, 2000)}`));
      }, SOON);
      const subscription = liveQuery(query).subscribe((value) => {
        last = value;
        if (!wanted(value)) return;
        clearTimeout(timer);
        resolve(value);
        queueMicrotask(() => subscription.unsubscribe());
      });
    });
  }

  /** Wait until the conversation shows as many entries to somebody who has scrolled up, and return them. */
  async shows(conversation: string, count: number): Promise<Message[]> {
    await this.until(
      () => this.engine.db.conversations.get(conversation),
      (row) => row !== undefined && row.last >= count,
    );
    // Acks may overtake the very first pushes; what is before the first entry that was heard of comes by scrolling.
    await this.engine.loadOlder(conversation);
    return this.until(
      () => this.engine.db.tail(conversation, 10_000),
      (messages) => messages.length === count,
    );
  }

  /** Wait until what is true only now is as wanted. */
  async lives(wanted: (live: Live) => boolean): Promise<void> {
    const { live } = this.engine;
    if (wanted(live.getState())) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`it stays ${JSON.stringify(live.getState())}`)), SOON);
      const end = live.subscribe((state) => {
        if (!wanted(state)) return;
        clearTimeout(timer);
        end();
        resolve();
      });
    });
  }

  connection(state: ConnectionState): Promise<void> {
    return this.lives(({ connection }) => connection === state);
  }
}

/** A network in which no logout is ever answered. */
const mute: typeof fetch = (input, init) =>
  String(input).endsWith("auth/logout") ? new Promise(() => undefined) : fetch(input, init);
const texts = (messages: Message[]) => messages.map((message) => message.content);
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, index) => index + from);

describe("with a real server", () => {
  it("brings messages to the other one, and tells the sender that they were read", { timeout: 120_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    await Promise.all([ann.connection("online"), bob.connection("online")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    await ann.engine.send(conversation, "hello");
    await bob.until(
      () => bob.engine.db.conversations.get(conversation),
      (row) => row?.unread === 1 && row.lastMessage?.content === "hello",
    );
    bob.engine.open(conversation);
    expect(texts(await bob.shows(conversation, 1))).toEqual(["hello"]);
    await bob.engine.markRead(conversation, 1);
    await ann.until(
      () => ann.engine.db.readers(conversation),
      (readers) => readers.some((reader) => reader.userId === bob.engine.userId && reader.readSeq === 1),
    );
    await bob.engine.send(conversation, "and to you");
    expect(texts(await ann.shows(conversation, 2))).toEqual(["hello", "and to you"]);
    expect(await ann.engine.db.outgoing.count()).toBe(0);
    await Promise.all([ann.engine.stop(), bob.engine.stop()]);
  });

  it("returns to exactly what was sent while it was away", { timeout: 120_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    await ann.engine.send(conversation, "0");
    await bob.until(
      () => bob.engine.db.conversations.get(conversation),
      (row) => row?.visibleSeq === 1,
    );
    bob.engine.open(conversation);
    await bob.shows(conversation, 1);
    await bob.engine.stop();
    for (const number of numbers(200)) await ann.engine.send(conversation, String(number));
    await ann.until(
      () => ann.engine.db.outgoing.count(),
      (count) => count === 0,
    );

    const back = Browser.on(bob.engine.api, bob.engine.userId);
    expect(texts(await back.engine.db.tail(conversation, 10))).toEqual(["0"]);
    expect(texts(await back.shows(conversation, 201))).toEqual(["0", ...numbers(200).map(String)]);
    await back.connection("online");
    expect((await back.engine.db.conversations.get(conversation))?.unread).toBe(201);
    await Promise.all([ann.engine.stop(), back.engine.stop()]);
  });

  it("loses, doubles and reorders nothing when the server is killed", { timeout: 180_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    await Promise.all([ann.connection("online"), bob.connection("online")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    const write = async (who: Browser, from: number, to: number) => {
      for (const number of numbers(to - from + 1, from))
        await who.engine.send(conversation, `${who.engine.userId} ${number}`);
    };
    for (const round of [0, 1]) {
      const [from, middle, to] = [round * 100 + 1, round * 100 + 40, round * 100 + 100];
      await Promise.all([write(ann, from, middle), write(bob, from, middle)]);
      await server.kill();
      await Promise.all([write(ann, middle + 1, to), write(bob, middle + 1, to), ann.connection("offline")]);
      await server.start();
    }
    for (const who of [ann, bob]) {
      const messages = await who.shows(conversation, 400);
      expect(messages.map((message) => message.seq)).toEqual(numbers(400));
      for (const sender of [ann, bob]) {
        const sent = messages.filter((message) => message.sender_id === sender.engine.userId);
        expect(texts(sent)).toEqual(numbers(200).map((number) => `${sender.engine.userId} ${number}`));
      }
      expect(
        await who.until(
          () => who.engine.db.outgoing.count(),
          (count) => count === 0,
        ),
      ).toBe(0);
    }
    await Promise.all([ann.engine.stop(), bob.engine.stop()]);
  });

  it("has two tabs of one user agree, and sends each message once, in order", { timeout: 120_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    const other = Browser.on(ann.engine.api, ann.engine.userId);
    await Promise.all([ann.connection("online"), other.connection("online"), bob.connection("online")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    const wanted = numbers(60).map(String);
    for (const [index, text] of wanted.entries()) await (index % 2 ? ann : other).engine.send(conversation, text);
    expect(texts(await bob.shows(conversation, 60)).toSorted()).toEqual(wanted.toSorted());
    for (const tab of [ann, other]) {
      expect(await tab.shows(conversation, 60)).toEqual(await bob.engine.db.tail(conversation, 60));
      expect(
        await tab.until(
          () => tab.engine.db.outgoing.count(),
          (count) => count === 0,
        ),
      ).toBe(0);
    }
    // The tab that sends goes: the other one takes over.
    await ann.engine.stop();
    await other.engine.send(conversation, "last");
    expect(texts(await bob.shows(conversation, 61)).at(-1)).toBe("last");
    await Promise.all([other.engine.stop(), bob.engine.stop()]);
  });

  it("refuses what the server refuses, and sends it again when asked to", { timeout: 120_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    await bob.engine.api.block(ann.engine.userId);
    const key = await ann.engine.send(conversation, "hello?");
    const failed = await ann.until(
      () => ann.engine.db.unsent(conversation),
      ([row]) => row?.state === "failed",
    );
    expect(failed[0]).toMatchObject({ key, code: "blocked" });
    await bob.engine.api.unblock(ann.engine.userId);
    await ann.engine.resend(key);
    expect(texts(await ann.shows(conversation, 1))).toEqual(["hello?"]);
    await Promise.all([ann.engine.stop(), bob.engine.stop()]);
  });

  it("shows who types and who is online", { timeout: 120_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    const [annId, bobId] = [ann.engine.userId, bob.engine.userId];
    await ann.engine.api.requestFriend(bobId);
    await bob.engine.api.requestFriend(annId);
    await ann.until(
      () => ann.engine.db.relations.get(bobId),
      (relation) => relation?.is_friend === true,
    );
    const conversation = await ann.engine.openWith(bobId);
    await bob.until(
      () => bob.engine.db.conversations.get(conversation),
      (row) => row !== undefined,
    );
    await Promise.all([ann.connection("online"), bob.connection("online")]);
    ann.engine.typing(conversation);
    await bob.lives(({ typing }) => (typing[conversation]?.[annId] ?? 0) > Date.now());
    // They became friends while both were here: no signal of presence tells of that.
    await ann.lives(({ presence }) => presence[bobId]?.online === true);
    await bob.engine.stop();
    await ann.lives(({ presence }) => presence[bobId]?.online === false);
    expect(ann.engine.live.getState().presence[bobId]?.lastSeenAt).toBeGreaterThan(0);
    await ann.engine.stop();
  });

  it("knows of anybody whether they are online, whatever they are called", { timeout: 120_000 }, async () => {
    const ann = await Browser.of("ann");
    const api = new Api(new Tokens(memoryStorage()), server.url);
    const other = Browser.on(api, (await api.register({ username: "constructor", password: "correct horse" })).id);
    await Promise.all([ann.connection("online"), other.connection("online")]);
    await ann.engine.api.requestFriend("constructor");
    await other.engine.api.requestFriend(ann.engine.userId);
    await ann.lives(({ presence }) => presence["constructor"]?.online === true);
    expect(ann.engine.live.getState().presence).toHaveProperty("constructor");
    await Promise.all([ann.engine.stop(), other.engine.stop()]);
  });

  it("renews an access token that ends under an open page, unseen", { timeout: 120_000 }, async () => {
    const brief = new Server({ RESONANCE_AUTH__ACCESS_TTL: "2s" });
    await brief.start();
    const ann = await Browser.of("ann", brief.url);
    await ann.connection("online");
    const first = ann.engine.api.tokens.session?.accessToken;
    const states: string[] = [];
    ann.engine.live.subscribe(({ connection }) => states.push(connection));
    await ann.lives(
      ({ connection }) => connection === "online" && ann.engine.api.tokens.session?.accessToken !== first,
    );
    expect(states).not.toContain("offline");
    expect(states).not.toContain("signed-out");
    await ann.engine.stop();
    await brief.remove();
  });

  it("is signed out, and says why, when its device is ended elsewhere", { timeout: 120_000 }, async () => {
    const ann = await Browser.of("ann");
    await ann.connection("online");
    const [device] = await ann.engine.api.devices();
    await ann.engine.api.revokeDevice(device?.id ?? "");
    await ann.connection("signed-out");
    expect(ann.engine.live.getState().reason).toBe("token_revoked");
    expect(ann.engine.api.tokens.session).toBeNull();
    await ann.engine.stop();
  });

  it("leaves nothing behind after logging out", { timeout: 120_000 }, async () => {
    const ann = await Browser.of("ann");
    await ann.connection("online");
    await ann.engine.logout();
    expect(ann.engine.api.tokens.session).toBeNull();
    expect(await Dexie.exists(`resonance-${ann.engine.userId}`)).toBe(false);
  });

  it("waits for no answer before it forgets: by then somebody may have logged in again", async () => {
    const api = new Api(new Tokens(memoryStorage()), server.url, mute);
    const user = await api.register({ username: `ann-${crypto.randomUUID().slice(0, 8)}`, password: "correct horse" });
    const ann = Browser.on(api, user.id);
    await ann.connection("online");
    void ann.engine.logout();
    await expect.poll(() => Dexie.exists(`resonance-${user.id}`)).toBe(false);
  });
});
