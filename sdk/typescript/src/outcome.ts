// What an error says of the effect. Whatever it does not say for sure is unknown: an effect that nobody knows of must not be repeated.

import { ApprovalPending, CountersignError, Denied, NotExecutable } from "./errors.js";
import type { Outcome } from "./wire.js";

type Failure = Exclude<Outcome, "succeeded">;
type Members = { readonly [name: string]: unknown };

/** Before a connection stands nothing has left. */
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"];
/** Client errors that refuse nothing: the server, or somebody between, gave up waiting. */
const WAITED = [408, 499];
/** Nobody throws these to say no: they are defects, what `fetch` says of a network, or an answer that could not be read. */
const UNINTENDED = ["TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError", "AggregateError", "SuppressedError"];
/** Libraries that say so in words only. */
const SILENT = /timed?[ _-]?out|deadline ?exceeded|abort|cancel\w*error|connection|socket|network|disconnect|terminated/i;
const MOST_ERRORS = 100;

/**
 * `failed` where an error, with all that is in its `cause` and `errors`, surely says that the other side refused or that nothing was
 * sent, or is an error of the application's own; else `unknown`.
 */
export function outcomeOf(error: unknown): Failure {
  try {
    return judge(error, new Set());
  } catch {
    return "unknown";
  }
}

function judge(error: unknown, seen: Set<unknown>): Failure {
  if (typeof error !== "object" || error === null || seen.size >= MOST_ERRORS) return "unknown";
  if (error instanceof CountersignError) {
    // Any other one may come after the effect.
    return error instanceof Denied || error instanceof ApprovalPending || error instanceof NotExecutable ? "failed" : "unknown";
  }
  seen.add(error);
  const members = error as Members;
  const below = [members["cause"], ...list(members["errors"])].filter((one) => one !== undefined && one !== null && !seen.has(one));
  const own = ownWord(members);
  if (own === "unknown" || below.some((one) => judge(one, seen) === "unknown")) return "unknown";
  return own ?? (below.length > 0 || isIntended(members) ? "failed" : "unknown");
}

/** What an error by itself says of the effect, if anything. */
function ownWord(error: Members): Failure | undefined {
  const [status, code] = [statusOf(error), error["code"] ?? undefined];
  if (NOT_SENT.includes(code as string)) return "failed";
  if (status !== undefined) return status >= 400 && status < 500 && !WAITED.includes(status) ? "failed" : "unknown";
  const words = [error["name"], error.constructor?.name, error["message"]].join(" ");
  return code !== undefined || SILENT.test(words) ? "unknown" : undefined;
}

/** The HTTP status that an error carries, as clients and SDKs write it. */
function statusOf(error: Members): number | undefined {
  const { response, $metadata } = error as { response?: Members; $metadata?: Members };
  return [error["status"], error["statusCode"], response?.["status"], $metadata?.["httpStatusCode"]].find((one) => typeof one === "number");
}

/** Whether somebody made this error to say what went wrong. */
const isIntended = (error: Members): boolean => typeof error["message"] === "string" && !UNINTENDED.includes(String(error["name"]));

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** An error as the record has it. */
export function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "an error that says nothing";
  }
}
