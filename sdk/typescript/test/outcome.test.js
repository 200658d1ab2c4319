// What an error says of the effect: `failed` is only what surely was refused or not sent, or what the application says itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApprovalPending, Denied, GateUnavailable, NotExecutable, Refused, Unrecorded, outcomeOf } from "../dist/index.js";

const error = (message, members = {}, cause) => Object.assign(new Error(message, cause && { cause }), members);
const named = (name, message = "x") => error(message, { name });
const coded = (code) => error("x", { code });
const fetched = (cause) => new TypeError("fetch failed", { cause });
class APIConnectionError extends Error {}

const FAILED = {
  "an application's own error": error("no such order"),
  "one of its own class": new (class OrderError extends Error {})("no such order"),
  "a refused connection": coded("ECONNREFUSED"),
  "a refused connection of fetch": fetched(coded("ECONNREFUSED")),
  "a name that there is not": fetched(coded("ENOTFOUND")),
  "every address refused": Object.assign(new AggregateError([coded("ECONNREFUSED"), coded("ECONNREFUSED")]), { code: "ECONNREFUSED" }),
  "an HTTP refusal": error("x", { status: 403 }),
  "an HTTP refusal that a client wraps": error("x", { code: "ERR_BAD_REQUEST", response: { status: 422 } }),
  "a nested call that was denied": error("x", {}, new Denied("no")),
  "one that waits": new ApprovalPending("later"),
  "one that does not fit": new NotExecutable("x", "id", { cause: new TypeError("x") }),
};
const UNKNOWN = {
  "a request that MCP gave up": error("MCP error -32001: Request timed out", { code: -32001 }),
  "the same in a code only": coded(-32001),
  "gRPC: deadline exceeded": coded(4),
  "gRPC: unavailable": coded(14),
  "fetch in a browser": new TypeError("Failed to fetch"),
  "fetch in Node": new TypeError("fetch failed"),
  "fetch in Firefox": new TypeError("NetworkError when attempting to fetch resource."),
  "fetch, broken meanwhile": fetched(coded("UND_ERR_SOCKET")),
  "a text as the cause": error("x", {}, "socket hang up"),
  "connections reset": new AggregateError([coded("ECONNRESET")]),
  "one refused, one reset": new AggregateError([coded("ECONNREFUSED"), coded("ECONNRESET")]),
  "refused at last, reset before": Object.assign(new AggregateError([coded("ECONNRESET")]), { code: "ECONNREFUSED" }),
  "an abort": AbortSignal.abort().reason,
  "an abort as the cause": error("refund failed", {}, named("AbortError")),
  "a time-out below": error("refund failed", {}, error("x", {}, new DOMException("x", "TimeoutError"))),
  "a network below": error("refund failed", {}, new TypeError("Failed to fetch")),
  "a time-out in words": error("Query read timeout"),
  "a connection in words": error("Connection terminated unexpectedly"),
  "a connection in a class's name": new APIConnectionError("x"),
  "an answer that cannot be read": new SyntaxError("Unexpected end of JSON input"),
  "a defect after the effect": new TypeError("Cannot read properties of undefined"),
  "a server's defect": error("x", { statusCode: 500 }),
  "a server's defect, as the AWS SDK has it": error("x", { $metadata: { httpStatusCode: 503 } }),
  "a gateway that waited": error("x", { status: 504 }),
  "a server that waited": error("x", { status: 408 }),
  "a code that says nothing here": coded("23505"),
  "a lost record": new Unrecorded("x", "id", null, null),
  "a gate that is not reached": new GateUnavailable("x"),
  "a refusal after the effect, perhaps": new Refused({ type: "/problems/x" }),
  "a text": "no",
  "nothing": undefined,
  "one that cannot be read": Object.defineProperty(new Error("x"), "cause", { get: () => { throw new Error("y"); } }),
};
for (const [expected, cases] of [["failed", FAILED], ["unknown", UNKNOWN]]) {
  for (const [name, given] of Object.entries(cases)) test(`${name}: ${expected}`, () => assert.equal(outcomeOf(given), expected));
}

test("what goes round, or on and on, comes to an end", () => {
  const loop = new Error("x");
  loop.cause = loop;
  assert.equal(outcomeOf(loop), "failed");
  let deep = new Error("x");
  for (let level = 0; level < 100_000; level += 1) deep = new Error("x", { cause: deep });
  assert.equal(outcomeOf(deep), "unknown");
});
