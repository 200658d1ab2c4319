// Whatever a gate answers that is not exactly a go-ahead means no.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { inspect } from "node:util";
import { after, before, test } from "node:test";

import { guardTools } from "../dist/adapters/ai-sdk.js";
import { guardTool } from "../dist/adapters/openai-agents.js";
import { AlreadyExecuted, ApprovalPending, Client, Denied, GateUnavailable, Refused, Unrecorded } from "../dist/index.js";

const ACTION = "019b7c00-0000-7000-8000-000000000001";
const OTHER = "019b7c00-0000-7000-8000-000000000002";
let url;
let requests;
/** What the gate answers: `(method, path, body) => [status, body]`, a body that is no text being written as JSON. */
let answer;

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", async () => {
    const said = body === "" ? {} : JSON.parse(body);
    requests.push({ line: `${request.method} ${request.url}`, body: said, key: request.headers.authorization });
    const [status, content, headers] = (await answer(said, `${request.method} ${request.url}`)) ?? [];
    if (status === undefined) return;
    response.writeHead(status, headers);
    response.end(typeof content === "string" ? content : JSON.stringify(content));
  });
});
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close().closeAllConnections());

const view = (state, more = {}) => ({ action: ACTION, state, message: "said", ...more });
const going = ({ start_if_allowed: start, attempt = start?.attempt }) => view("executing", { execution: { attempt, match: "exact" } });
/** Guards a call, and tells what was thrown and how often the function ran. */
async function guard(given, options = {}) {
  answer = given;
  requests = [];
  let ran = 0;
  const client = new Client({ url, key: "cs_secret", agent: "a", timeoutMs: 300, waitS: 0 });
  const run = () => {
    ran += 1;
    return "done";
  };
  const error = await client.guard("s/t", { n: 1 }, run, options).then(() => null, (found) => found);
  return { error, ran, paths: requests.map((one) => one.line) };
}

test("a go-ahead for this very attempt, and nothing less, runs the function", async () => {
  const { error, ran, paths } = await guard((body) => [201, going(body)]);
  assert.equal(error, null);
  assert.equal(ran, 1);
  assert.deepEqual(paths, ["POST /v1/actions", `POST /v1/actions/${ACTION}/finish`]);
  assert.equal(requests[0].key, "Bearer cs_secret");
  assert.deepEqual(requests[0].body.payload, { n: 1 });
});

const NO = {
  "no JSON": [200, "yes", GateUnavailable],
  "an empty answer": [200, "", GateUnavailable],
  "a member twice": [200, (body) => JSON.stringify(going(body)).replace("{", '{"state":"denied",'), GateUnavailable],
  "a byte order mark": [200, (body) => `\ufeff${JSON.stringify(going(body))}`, GateUnavailable],
  "a list": [200, [], GateUnavailable],
  "a state that nobody knows": [200, view("approved"), GateUnavailable],
  "no state": [200, { action: ACTION }, GateUnavailable],
  "no id": [200, (body) => ({ ...going(body), action: undefined }), GateUnavailable],
  "an id that is a path": [200, (body) => ({ ...going(body), action: "../admin" }), GateUnavailable],
  "somebody else's attempt": [200, view("executing", { execution: { attempt: "x", match: "exact" } }), AlreadyExecuted],
  "an execution without an attempt": [200, view("executing"), AlreadyExecuted],
  "an edit that was not shown": [200, (body) => ({ ...going(body), execution: { attempt: body.start_if_allowed?.attempt, match: "edited" } }), GateUnavailable],
  "an edit that is no object": [200, view("authorized", { authorization: { payload: [1] } }), GateUnavailable],
  "an end": [200, view("succeeded"), AlreadyExecuted],
  "a denial": [200, view("denied"), Denied],
  "a closed one": [200, view("closed"), Denied],
  "one that waits": [200, view("waiting"), ApprovalPending],
  "a problem": [403, { type: "/problems/forbidden", detail: "no" }, Refused],
  "a go-ahead with the wrong status": [500, going, GateUnavailable],
  "a problem with a good status": [200, { type: "/problems/x" }, GateUnavailable],
  "a redirect": [307, "", GateUnavailable, { location: "http://127.0.0.1:9/" }],
  "a long answer": [200, () => `"${"x".repeat(17 << 20)}"`, GateUnavailable],
  "busy, again and again": [503, "", GateUnavailable],
};
for (const [name, [status, content, kind, headers]] of Object.entries(NO)) {
  test(`${name} means no`, async () => {
    const { error, ran } = await guard((body) => [status, typeof content === "function" ? content(body) : content, headers]);
    assert.ok(error instanceof kind, inspect(error));
    assert.equal(ran, 0);
  });
}

test("no answer in time means no", async () => {
  const { error, ran, paths } = await guard(() => null);
  assert.ok(error instanceof GateUnavailable);
  assert.equal(ran, 0);
  assert.equal(paths.length, 4);
  const ids = new Set(requests.map((one) => `${one.body.request_id} ${one.body.start_if_allowed.attempt}`));
  assert.equal(ids.size, 1, "asked again under the same ids");
});

test("a start that is answered for another action, or not confirmed, means no", async () => {
  for (const told of [(body) => ({ ...going(body), action: OTHER }), () => view("authorized"), () => view("executing", { execution: { attempt: "x" } })]) {
    const { error, ran } = await guard((body, line) => [200, line.endsWith("/start") ? told(body) : view("authorized", { authorization: {} })]);
    assert.ok(error instanceof GateUnavailable, inspect(error));
    assert.equal(ran, 0);
  }
});

test("an edit is started and run as it was authorized, an empty one too", async () => {
  answer = (body, line) => [200, line.endsWith("/actions") ? view("authorized", { authorization: { payload: {} } }) : view("executing", { execution: { attempt: body.attempt, match: "edited" } })];
  requests = [];
  const client = new Client({ url, key: "k", agent: "a" });
  assert.deepEqual(await client.guard("s/t", { n: 1 }, (payload) => payload), {});
  assert.deepEqual(requests[1].body.payload, {});
});

test("what the function does to its payload changes nothing on record, and what it throws is what is thrown", async () => {
  answer = (body) => [200, going(body)];
  requests = [];
  const client = new Client({ url, key: "k", agent: "a" });
  const payload = { n: 1 };
  await client.guard("s/t", payload, (args, action) => {
    args.n = 2;
    action.succeeded({ n: action.payload.n });
  });
  assert.deepEqual(requests[1].body.response, { n: 1 });
  assert.deepEqual(payload, { n: 1 });
  const lost = await guard((body, line) => (line.endsWith("/finish") ? [409, { type: "/problems/x" }] : [200, going(body)]));
  assert.ok(lost.error instanceof Unrecorded);
  assert.equal(lost.error.result, "done");
  assert.equal(lost.ran, 1);
});

test("a signal that ends between decision and execution ends in a record that it was not executed", async () => {
  const abort = new AbortController();
  const { error, ran } = await guard((body, line) => {
    if (line.endsWith("/actions")) abort.abort(new Error("stopped"));
    return [200, going(body)];
  }, { signal: abort.signal });
  assert.equal(error.message, "stopped");
  assert.equal(ran, 0);
  assert.equal(requests.at(-1).body.outcome, "failed");
});

test("a key does not show where a client is printed", () => {
  const client = new Client({ url, key: "cs_secret", agent: "a" });
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client), /cs_secret/);
});

const recorded = () => requests.filter((one) => one.line.endsWith("/finish")).map((one) => one.body.outcome);
/** Runs a function that the gate lets go ahead, and tells what was thrown. */
const executed = (run, options = {}) => {
  answer = (body) => [200, going(body)];
  requests = [];
  return new Client({ url, key: "k", agent: "a" }).guard("s/t", { n: 1 }, run, options).then(() => null, (error) => error);
};

test("whatever it returns or throws, what came of it is on record", async () => {
  const throwing = () => {
    throw new Error("no");
  };
  const [endless, nothing] = [{}, Object.create(null)];
  endless.self = endless;
  nothing.self = nothing;
  for (const result of [1n, endless, nothing, "\ud800", { toJSON: throwing, toString: throwing, f: throwing }, { get a() { return throwing(); } }, Symbol("s"), undefined]) {
    assert.equal(await executed(() => result), null);
    assert.deepEqual(recorded(), ["succeeded"]);
  }
  const mute = Object.defineProperty(new Error("x"), "message", { get: throwing });
  for (const error of [nothing, mute, undefined, "\ud800", new Proxy({}, { get: (_, name) => name !== "then" && throwing() })]) {
    assert.equal(await executed(() => Promise.reject(error)), error);
    assert.deepEqual(recorded(), ["unknown"]);
  }
  for (const outcomeOf of [throwing, () => "done", () => undefined]) {
    assert.equal((await executed(() => throwing(), { outcomeOf })).message, "no");
    assert.deepEqual(recorded(), ["unknown"]);
  }
});

test("what threw and is not on record says that it was executed", async () => {
  answer = (body, line) => (line.endsWith("/finish") ? [409, { type: "/problems/x" }] : [200, going(body)]);
  const own = new Error("no such order");
  const error = await new Client({ url, key: "k", agent: "a" }).guard("s/t", { n: 1 }, () => Promise.reject(own)).catch((found) => found);
  assert.ok(error instanceof Unrecorded && error.cause === own, inspect(error));
  const client = new Client({ url, key: "k", agent: "a" });
  const action = await client.decide("s/t", { n: 1 });
  action.succeeded("done");
  const lost = await client.settle(action).catch((found) => found);
  assert.ok(lost instanceof Unrecorded && lost.result === "done", inspect(lost));
});

test("what does not fit is on record as not executed, whatever the caller says of errors", async () => {
  answer = (body, line) => [200, line.endsWith("/actions") ? view("authorized", { authorization: { payload: {} } }) : view("executing", { execution: { attempt: body.attempt, match: "edited" } })];
  requests = [];
  const check = () => Promise.reject(new Error("no"));
  const error = await new Client({ url, key: "k", agent: "a" }).guard("s/t", { n: 1 }, () => 1, { check, outcomeOf: () => "succeeded" }).catch((found) => found);
  assert.equal(error.name, "NotExecutable");
  assert.deepEqual(recorded(), ["failed"]);
});

test("a generator is refused before anything is asked; one that is returned is not taken for done", async () => {
  let ran = 0;
  function* lazy() {
    ran += 1;
  }
  async function* slow() {
    ran += 1;
  }
  const client = new Client({ url, key: "k", agent: "a" });
  for (const run of [lazy, slow]) {
    assert.throws(() => client.guarded(run, { tool: "s/t" }), TypeError);
    assert.throws(() => guardTool(client, (options) => options, { server: "s" })({ name: "t", execute: run }), TypeError);
    assert.ok((await executed(run)) instanceof TypeError);
    assert.deepEqual(requests, []);
    for (const returning of [() => run(), async () => run()]) {
      assert.ok((await executed(returning)) instanceof TypeError);
      assert.deepEqual(recorded(), ["unknown"]);
    }
  }
  assert.throws(() => guardTools(client, { t: { execute: lazy } }, { server: "s" }), TypeError);
  assert.equal(ran, 0);
  await executed(() => new Promise((resolve) => setImmediate(resolve)).then(() => assert.deepEqual(recorded(), [])));
  assert.deepEqual(recorded(), ["succeeded"]);
});
