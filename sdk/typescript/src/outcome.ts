// What an error says of the effect.

/** Before a connection stands nothing has left. */
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];
/** The connection broke, or the answer did not come in time. */
const SILENT_CODES = /^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_.*)$/;
const SILENT_NAMES = ["AbortError", "TimeoutError"];

/**
 * `unknown` for a time-out, a broken connection or something aborted, which say nothing of the effect; else `failed`: the other side
 * refused, or it was not sent.
 */
export function outcomeOf(error: unknown): "failed" | "unknown" {
  const seen = new Set<unknown>();
  for (let one = error; one instanceof Error && !seen.has(one); one = one.cause) {
    seen.add(one);
    const code = "code" in one ? String(one.code) : "";
    if (NOT_SENT.includes(code)) return "failed";
    if (SILENT_NAMES.includes(one.name) || SILENT_CODES.test(code)) return "unknown";
  }
  // fetch says no more than this where the connection broke.
  return error instanceof TypeError && error.message === "fetch failed" ? "unknown" : "failed";
}

/** An error as the record has it. */
export const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
