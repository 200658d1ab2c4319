// What a guarded function does, and what it does not.

import { AlreadyExecuted, ApprovalPending, Client, Denied, GateUnavailable, NotExecutable, Refused, Unrecorded } from "countersign";
import { setTimeout as sleep } from "node:timers/promises";

import { Gate, check, finish, thrown } from "./gate.mjs";

const house = await Gate.open();
const gate = new Client({ url: house.url, key: house.key, agent: "billing", session: "run-7", waitS: 30 });
/** What reaches the other side is all that was executed. */
const bank = [];
const refund = gate.guarded(
  async ({ order, amount, tags, note }) => {
    bank.push({ order, amount, ...(tags && { tags }), ...(note && { note }) });
    if (order === "time-out") throw new DOMException("no answer", "TimeoutError");
    if (order === "refused") throw Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    if (order === "broken") throw new Error("no such order");
    return { id: `re_${bank.length}` };
  },
  { tool: "payments/refund", category: "payment" },
);
const last = () => bank.at(-1);

const given = { order: "o-1", amount: 20, tags: ["a"], note: undefined };
const answer = refund(given);
given.amount = 400;
check("an allowed call returns what it returns", JSON.stringify(await answer) === '{"id":"re_1"}');
check("with the arguments as they were, whatever became of them since", last().amount === 20 && !("note" in last()), last());
const row = await house.last();
const story = JSON.stringify(await house.json("action", "story", row.action));
check("it is on record: payload, answer, session", row.state === "succeeded" && story.includes("o-1") && story.includes("re_1") && story.includes("run-7"), row);

const big = 12345678901234567890123n;
await refund({ order: "o-big", amount: 1, tags: [big, 0.1, 2n] });
check("exact numbers arrive as they were", last().tags[0] === big && last().tags[1] === 0.1 && last().tags[2] === 2n, last());
check("and are on record so", (await house.must("--json", "action", "story", (await house.last()).action)).includes("12345678901234567890123"));

const denied = await thrown(gate.guard("payments/transfer", { amount: 1 }, () => bank.push("transfer"), { category: "payment" }));
check("what no rule permits does not run", denied instanceof Denied && denied.action && last() !== "transfer", denied);
const count = bank.length;
for (const [name, value] of [["a Date", new Date()], ["NaN", Number.NaN], ["a function", () => 0], ["a Map", new Map()], ["a lone surrogate", "\ud800"]]) {
  const error = await thrown((async () => refund({ order: "o", amount: 1, tags: [value] }))());
  check(`nor ${name}, which JSON does not hold`, error instanceof TypeError && bank.length === count, error);
}
const endless = { order: "o", amount: 1 };
endless.tags = endless;
check("nor what has no end", (await thrown(refund(endless))) instanceof TypeError);

let held = refund({ order: "o-2", amount: 700 });
await house.approve(await house.waiting());
check("a large one waits, and runs once it is approved", (await held).id && last().order === "o-2", last());
held = thrown(refund({ order: "o-no", amount: 700 }));
await house.deny(await house.waiting());
check("a denied one does not", (await held) instanceof Denied && last().order === "o-2", await held);

held = refund({ order: "o-3", amount: 800, tags: [1n, 5] });
await house.edit(await house.waiting(), '{"order":"o-3","amount":70,"tags":[10,9007199254740993]}');
await held;
check("the function gets what the reviewer made of it, in numbers of its own kinds", last().amount === 70 && last().tags[0] === 10n && last().tags[1] === 9007199254740993n, last());
const asked = (payload) => {
  if (payload.amount > 600) throw new RangeError("too much for it");
};
held = thrown(refund({ order: "o-4", amount: 800 }, { check: asked }));
const edited = await house.waiting();
await house.edit(edited, '{"order":"o-4","amount":650}');
check("what does not fit the function does not run", (await held) instanceof NotExecutable && last().order === "o-3", await held);
check("and is on record as failed", (await house.state(edited)) === "failed");

const pending = await thrown(refund({ order: "o-5", amount: 900 }, { waitS: 0 }));
check("who does not wait is told that it waits", pending instanceof ApprovalPending && pending.action && last().order === "o-3", pending);
await house.approve(pending.action);
await refund({ order: "o-5", amount: 900 }, { waitS: 0 });
check("the same call again redeems the approval", last().order === "o-5" && (await house.state(pending.action)) === "succeeded");
check("once: the next one waits anew", (await thrown(refund({ order: "o-5", amount: 900 }, { waitS: 0 }))) instanceof ApprovalPending);
const other = await thrown(refund({ order: "o-5", amount: 901 }, { waitS: 0 }));
check("and another payload is another action", other instanceof ApprovalPending && other.action !== pending.action, other);

const go = await gate.decide("payments/refund", { order: "o-6", amount: 1 }, { category: "payment", requestId: "fixed" });
check("one request id is executed once", (await thrown(gate.decide("payments/refund", { order: "o-6", amount: 1 }, { category: "payment", requestId: "fixed" }))) instanceof AlreadyExecuted);
const replayed = await thrown(gate.decide("payments/refund", { order: "o-6", amount: 2 }, { category: "payment", requestId: "fixed" }));
check("and names no other one", replayed instanceof Refused && replayed.problemName === "request_replayed", replayed);
go.succeeded({ ok: true }, "bank-77");
await gate.settle(go);
check("the other side's id finds it", (await house.json("action", "show", "bank-77")).action === go.id);

const proposed = await gate.propose("payments/refund", { order: "o-7", amount: 2 }, { category: "payment" });
check("the verbs by themselves: proposed", proposed.state === "authorized", proposed);
const mismatch = await thrown(gate.start(proposed.action, { attempt: "a", payload: { order: "o-7", amount: 3 } }));
check("another payload is refused", mismatch instanceof Refused && mismatch.problemName === "mismatch", mismatch);
check("the proposed one is started", (await gate.start(proposed.action, { attempt: "a", payload: { order: "o-7", amount: 2 } })).state === "executing");
check("asking again with the same attempt gets the same", (await gate.start(proposed.action, { attempt: "a", payload: { order: "o-7", amount: 2 } })).state === "executing");
check("with another one nothing", (await thrown(gate.start(proposed.action, { attempt: "b", payload: { order: "o-7", amount: 2 } }))) instanceof Refused);
check("and finished", (await gate.finish(proposed.action, { attempt: "a", outcome: "succeeded" })).state === "succeeded");
const given_up = await gate.propose("payments/refund", { order: "o-8", amount: 2 }, { category: "payment" });
check("one is given up", (await gate.cancel(given_up.action)).state === "closed");
check("and is never started", (await thrown(gate.start(given_up.action, { attempt: "a", payload: { order: "o-8", amount: 2 } }))) instanceof Refused);

for (const [order, state] of [["broken", "failed"], ["time-out", "unknown"], ["refused", "failed"]]) {
  const error = await thrown(refund({ order, amount: 1 }));
  check(`${order}: the error goes on, and ${state} is on record`, error && !error.action && (await house.last()).state === state, error);
}

for (const { action } of await house.json("review", "list")) await house.deny(action);
let reached = bank.length;
const abort = new AbortController();
held = thrown(refund({ order: "o-9", amount: 900 }, { signal: abort.signal }));
const left = await house.waiting();
abort.abort(new Error("stopped"));
check("who gives up while it waits gets the reason", (await held).message === "stopped", await held);
check("it is closed, and nothing ran", (await house.state(left)) === "closed" && bank.length === reached);
check("who has given up before asks for nothing", (await thrown(refund({ order: "o-10", amount: 1 }, { signal: abort.signal }))).message === "stopped" && bank.length === reached);

const twenty = await Promise.all(Array.from({ length: 20 }, (_, n) => gate.guard("notes/write", { text: `n${n}` }, ({ text }) => text.toUpperCase(), { category: "write" })));
check("twenty at once, each by itself", twenty.every((text, n) => text === `N${n}`));
const wrong = new Client({ url: house.url, key: "cs_agent_wrong", agent: "billing" });
check("a wrong key gets nothing", (await thrown(wrong.decide("notes/write", {}, { category: "write" }))) instanceof Refused);

/** Loses the first answer to each path: the same request again must get the same answer. */
const seen = new Set();
const lossy = async (url, init) => {
  const response = await fetch(url, init);
  const path = `${init.method} ${new URL(url).pathname}`;
  if (seen.has(path)) return response;
  seen.add(path);
  await response.arrayBuffer();
  throw new TypeError("fetch failed");
};
reached = bank.length;
const unlucky = new Client({ url: house.url, key: house.key, agent: "billing", fetch: lossy });
await unlucky.guard("payments/refund", { order: "o-lost", amount: 3 }, (payload) => bank.push(payload), { category: "payment" });
check("an answer that is lost is asked for again, and it runs once", bank.length === reached + 1 && seen.size === 2, [...seen]);

let ran = 0;
const lost = await thrown(gate.guard("notes/write", { text: "x" }, async () => {
  ran += 1;
  await house.end("SIGKILL");
  return "done";
}, { category: "write" }));
check("a gate that dies meanwhile leaves the result, and says that it is not on record", lost instanceof Unrecorded && lost.result === "done", lost);
check("without a gate nothing runs", (await thrown(gate.guard("notes/write", { text: "y" }, () => (ran += 1), { category: "write" }))) instanceof GateUnavailable && ran === 1);
await house.serve();
await sleep(100);
await house.end();
const verdict = await house.run("verify", house.at("published"), "--trust", house.at("trust"));
check("the evidence of all that verifies", verdict.code === 0, verdict.stdout + verdict.stderr);
await house.close();
finish();
