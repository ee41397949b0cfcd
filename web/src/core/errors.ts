/** Refusals, from the server's one catalogue (docs/http.md, "Refusals"). */
import { CODES } from "@/gen/catalogue";

/** A code of the catalogue; a server that is newer than this client may say others. */
export type Code = keyof typeof CODES;

/** Why a request was not done, or might not have been. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** What to decide by. */
  readonly code: Code | (string & {});
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The request's field that is wrong, "" when none is. */
  readonly field: string;
  /** Whether the very same request may succeed later. */
  readonly retry: boolean;
  /** How long to wait before; 0 when it is not about waiting. */
  readonly retryAfterMs: number;

  constructor(
    code: ApiError["code"],
    message: string,
    more: Partial<Pick<ApiError, "status" | "field" | "retry" | "retryAfterMs">> = {},
  ) {
    super(message);
    const known = isCode(code) ? CODES[code] : undefined;
    this.code = code;
    this.status = more.status ?? 0;
    this.field = more.field ?? "";
    this.retry = more.retry ?? known?.retry ?? false;
    this.retryAfterMs = more.retryAfterMs ?? 0;
  }
}

/** The refusal that a response is (RFC 9457), also one that a proxy on the way made. */
export async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null && "code" in body && typeof body.code === "string") {
    const problem = body as { code: string; detail?: string; field?: string; retry?: boolean; retry_after_ms?: number };
    return new ApiError(problem.code, problem.detail ?? problem.code, {
      status,
      field: problem.field ?? "",
      retry: problem.retry ?? false,
      retryAfterMs: problem.retry_after_ms ?? 0,
    });
  }
  const code = status >= 502 ? "unavailable" : status === 401 ? "unauthenticated" : "internal";
  return new ApiError(code, `the server answered ${status}`, { status });
}

/** Whatever was thrown, as a refusal. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("internal", error instanceof Error ? error.message : String(error), { retry: false });
}

function isCode(code: string): code is Code {
  return Object.hasOwn(CODES, code);
}
