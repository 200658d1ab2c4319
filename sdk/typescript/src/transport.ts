// One request to the gate: strict JSON both ways, with limits on time and size; sent again only where that is safe.

import { GateUnavailable } from "./errors.js";
import { type Json, type JsonObject, canonical, parse } from "./verify/json.js";

/** Pauses before asking again, in milliseconds. Every request carries its own ids, so asking again gets the same answer. */
export const BRIEF: readonly number[] = [50, 200, 500];
/** An outcome that is lost stays unknown for good, so it is tried longer. */
export const PATIENT: readonly number[] = [50, 100, 200, 400, 800, 1_600, 3_200];
const PASSING = [429, 502, 503, 504];
const MOST_ANSWER = 16 << 20;

export interface Request {
  method: "GET" | "POST";
  path: string;
  body?: JsonObject;
  /** How long the answer may be held back, in seconds. */
  holdS?: number;
  /** Ends a GET at once. What changes something is let come to its answer: what became of it must be known. */
  signal?: AbortSignal | undefined;
  pauses?: readonly number[];
}

export interface Answer {
  status: number;
  /** `undefined` where it is no strict JSON. */
  body: Json | undefined;
}

export interface Connection {
  url: string;
  key: string;
  timeoutMs: number;
  fetch: typeof fetch;
}

/** Sends a request until there is an answer. Throws `GateUnavailable`, or the signal's reason. */
export async function send(connection: Connection, request: Request): Promise<Answer> {
  const pauses = request.pauses ?? BRIEF;
  for (let tries = 0; ; tries += 1) {
    const pause = pauses[tries];
    try {
      const answer = await once(connection, request);
      if (!PASSING.includes(answer.status) || pause === undefined) return answer;
    } catch (error) {
      request.signal?.throwIfAborted();
      if (pause === undefined) throw new GateUnavailable("the gate cannot be reached", undefined, { cause: error });
    }
    request.signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function once({ url, key, timeoutMs, fetch }: Connection, request: Request): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs + (request.holdS ?? 0) * 1_000);
  const ends = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  const headers = { authorization: `Bearer ${key}`, accept: "application/json" };
  const response = await fetch(url + request.path, {
    method: request.method,
    headers: request.body ? { ...headers, "content-type": "application/json" } : headers,
    ...(request.body && { body: canonical(request.body) }),
    // The key goes to the gate and nowhere else.
    redirect: "error",
    signal: ends,
  });
  const bytes = await read(response);
  try {
    return { status: response.status, body: parse(bytes, { bytes: MOST_ANSWER, depth: 128 }) };
  } catch {
    return { status: response.status, body: undefined };
  }
}

async function read(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MOST_ANSWER) throw new Error("the answer is too long");
    parts.push(part);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
