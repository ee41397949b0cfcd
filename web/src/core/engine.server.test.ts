// @vitest-environment node
import { liveQuery } from "dexie";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Server } from "@/testing/server";
import { memoryStorage } from "@/testing/storage";
import { Api, Engine, Tokens } from "./index";
import type { Message } from "./types";

/** Milliseconds that anything here may take. */
const SOON = 20_000;
const server = new Server();

beforeAll(() => server.start(), 60_000);
afterAll(() => server.remove());

/** A browser of somebody who has just registered. */
class Browser {
  readonly engine: Engine;

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  static async of(name: string): Promise<Browser> {
    const api = new Api(new Tokens(memoryStorage()), server.url);
    const user = await api.register({
      username: `${name}-${crypto.randomUUID().slice(0, 8)}`,
      password: "correct horse",
    });
    return Browser.on(api, user.id);
  }

  /** A page of this user: a new one, as after a reload. */
  static on(api: Api, userId: string): Browser {
    const engine = new Engine(api, userId, { url: `${server.url.replace("http", "ws")}/ws` });
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

  /** Wait until the conversation shows as many entries, and return them. */
  shows(conversation: string, count: number): Promise<Message[]> {
    return this.until(
      () => this.engine.db.tail(conversation, 10_000),
      (messages) => messages.length === count,
    );
  }

  async connection(state: string): Promise<void> {
    if (this.engine.live.getState().connection === state) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not ${state} but ${JSON.stringify(this.engine.live.getState())}`)),
        SOON,
      );
      const end = this.engine.live.subscribe(({ connection }) => {
        if (connection !== state) return;
        clearTimeout(timer);
        end();
        resolve();
      });
    });
  }
}

const texts = (messages: Message[]) => messages.map((message) => message.content);
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, index) => index + from);

describe("with a real server", () => {
  it("brings messages to the other one, and tells the sender that they were read", { timeout: 60_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    await Promise.all([ann.connection("online"), bob.connection("online")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    await ann.engine.send(conversation, "hello");
    await bob.until(
      () => bob.engine.db.conversations.get(conversation),
      (row) => row?.unread === 1 && row.lastMessage?.content === "hello",
    );
    await bob.engine.open(conversation);
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

  it("returns to exactly what was sent while it was away", { timeout: 60_000 }, async () => {
    const [ann, bob] = await Promise.all([Browser.of("ann"), Browser.of("bob")]);
    const conversation = await ann.engine.openWith(bob.engine.userId);
    await ann.engine.send(conversation, "0");
    await bob.until(
      () => bob.engine.db.conversations.get(conversation),
      (row) => row?.visibleSeq === 1,
    );
    await bob.engine.open(conversation);
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

  it("loses, doubles and reorders nothing when the server is killed", { timeout: 120_000 }, async () => {
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
});
