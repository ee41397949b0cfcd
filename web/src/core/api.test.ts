import { describe, expect, it, vi } from "vitest";
import { memoryStorage } from "@/testing/storage";
import { Api } from "./api";
import { ApiError } from "./errors";
import { type SessionListener, Tokens } from "./tokens";
import type { Login, User } from "./types";

const user = { id: "ann" } as User;
const login = (token: string): Login => ({
  access_token: token,
  refresh_token: `refresh-${token}`,
  expires_in: 3600,
  device_id: "d",
  user,
});
const ok = (body: object) => Response.json(body);
const problem = (status: number, code: string, more: object = {}) =>
  Response.json({ code, detail: `about ${code}`, ...more }, { status });

const expired = () => problem(401, "token_expired");

/** An API whose server is a function of method, path and token. */
function apiOf(serve: (path: string, token: string, body: string) => Response | Promise<Response>) {
  const fetcher = vi.fn<typeof fetch>(async (input, init) => {
    const headers = new Headers(init?.headers);
    const token = headers.get("Authorization")?.replace("Bearer ", "") ?? "";
    return serve(String(input).replace("/api/v1/", ""), token, String(init?.body ?? ""));
  });
  const tokens = new Tokens(memoryStorage());
  tokens.accept(login("old"));
  return { api: new Api(tokens, "", fetcher), tokens, fetcher };
}

describe("the API", () => {
  it("throws a refusal as the server worded it", async () => {
    const { api } = apiOf(() => problem(429, "rate_limited", { retry: true, retry_after_ms: 1500, field: "q" }));
    await expect(api.searchUsers("x")).rejects.toMatchObject({
      code: "rate_limited",
      message: "about rate_limited",
      status: 429,
      retry: true,
      retryAfterMs: 1500,
      field: "q",
    });
  });

  it("says that there is no server, and that a proxy's answer is none", async () => {
    const down = apiOf(() => Promise.reject(new TypeError("connection refused")));
    await expect(down.api.me()).rejects.toMatchObject({ code: "unavailable", retry: true, status: 0 });
    const proxy = apiOf(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
    await expect(proxy.api.me()).rejects.toMatchObject({ code: "unavailable", retry: true, status: 502 });
  });

  it("renews an expired token once, unseen, for all requests at a time", async () => {
    const { api, tokens, fetcher } = apiOf((path, token, body) => {
      if (path === "auth/refresh") {
        expect(JSON.parse(body)).toEqual({ refresh_token: "refresh-old" });
        return ok(login("new"));
      }
      return token === "new" ? ok(user) : problem(401, "token_expired");
    });
    await expect(Promise.all([api.me(), api.me(), api.me()])).resolves.toEqual([user, user, user]);
    expect(fetcher.mock.calls.filter(([input]) => String(input).endsWith("auth/refresh"))).toHaveLength(1);
    expect(tokens.session?.accessToken).toBe("new");
  });

  it("uses what another tab has renewed", async () => {
    const { api, tokens } = apiOf((_, token) => {
      if (token === "new") return ok(user);
      tokens.accept(login("new"));
      return problem(401, "token_revoked");
    });
    await expect(api.me()).resolves.toEqual(user);
  });

  it("ends the session when the login is over, and tells why", async () => {
    const { api, tokens } = apiOf(() => problem(401, "token_revoked"));
    const heard = vi.fn<SessionListener>();
    tokens.subscribe(heard);
    await expect(api.me()).rejects.toBeInstanceOf(ApiError);
    expect(tokens.session).toBeNull();
    expect(heard).toHaveBeenCalledExactlyOnceWith(null, "token_revoked");
  });

  it("ends the session when its refresh token is refused, but not when there is no answer", async () => {
    const refused = apiOf((path) => (path === "auth/refresh" ? problem(401, "refresh_reused") : expired()));
    await expect(refused.api.me()).rejects.toMatchObject({ code: "refresh_reused" });
    expect(refused.tokens.session).toBeNull();
    const silent = apiOf((path) => (path === "auth/refresh" ? Promise.reject(new TypeError("gone")) : expired()));
    await expect(silent.api.me()).rejects.toMatchObject({ code: "unavailable" });
    expect(silent.tokens.session).not.toBeNull();
  });

  it("keeps the session when only a password was wrong", async () => {
    const { api, tokens } = apiOf(() => problem(401, "wrong_credentials"));
    await expect(api.changePassword("a", "b")).rejects.toMatchObject({ code: "wrong_credentials" });
    expect(tokens.session).not.toBeNull();
  });

  it("tells other tabs of a login and a logout", async () => {
    const storage = memoryStorage();
    const [here, there] = [new Tokens(storage), new Tokens(storage)];
    const heard = vi.fn<SessionListener>();
    there.subscribe(heard);
    here.accept(login("a"));
    await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith(expect.objectContaining({ userId: "ann" }), ""));
    here.clear("token_revoked");
    await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith(null, "token_revoked"));
    here.close();
    there.close();
  });

  it("escapes what goes into a path", async () => {
    const { api, fetcher } = apiOf(() => ok({}));
    await api.block("a/b?c");
    expect(fetcher.mock.calls[0]?.[0]).toBe("/api/v1/blocks/a%2Fb%3Fc");
  });
});
