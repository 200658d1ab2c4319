// Tools of the OpenAI Agents SDK under the gate, called by a scripted model through the real runner.

import { Agent, Runner, setTracingDisabled, tool } from "@openai/agents";
import { Client } from "countersign";
import { guardTool } from "countersign/openai-agents";
import { z } from "zod";

import { Gate, check, finish } from "./gate.mjs";

setTracingDisabled(true);
const house = await Gate.open();
const gate = new Client({ url: house.url, key: house.key, agent: "billing", waitS: 30 });
const done = [];
const last = () => done.at(-1);
const refundOptions = {
  name: "refund",
  description: "Pays back",
  parameters: z.object({ order: z.string(), amount: z.number() }),
  execute: async (input, _context, details) => {
    if (input.order === "broken") throw new Error("no such order");
    done.push({ ...input, callId: details?.toolCall?.callId });
    return { id: `re_${done.length}` };
  },
};
const refundAs = (more = {}, client = gate, options = {}) =>
  guardTool(client, tool, { server: "payments", category: "payment", ...more })({ ...refundOptions, ...options });
const transfer = guardTool(gate, tool, { server: "payments", category: "payment" })({ name: "transfer", description: "Moves money", strict: false, parameters: { type: "object", properties: {}, required: [], additionalProperties: true }, execute: async (input) => done.push(input) });

/** What its schema makes of a model's arguments is neither what the model wrote, nor all of what it gets. */
const remit = guardTool(gate, tool, { server: "payments", category: "payment" })({
  ...refundOptions,
  parameters: z.object({ amount: z.coerce.number(), order: z.string().default("o-none") }),
});

let calls = 0;
/** The model calls one tool, and then says that it is done; what it was told is in its second input. */
async function call(name, input, tools = [refundAs(), transfer], options = {}) {
  let told;
  const model = {
    getResponse: async (request) => {
      const answer = request.input.find?.((item) => item.type === "function_call_result");
      if (answer) told = typeof answer.output === "string" ? answer.output : JSON.stringify(answer.output);
      const output = answer
        ? [{ type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "done" }] }]
        : [{ type: "function_call", callId: `call_${(calls += 1)}`, name, status: "completed", arguments: JSON.stringify(input) }];
      return { usage: { requests: 1, inputTokens: 1, outputTokens: 1, totalTokens: 2, add() {} }, output };
    },
    async *getStreamedResponse() {},
  };
  const agent = new Agent({ name: "billing", model, tools });
  const result = await new Runner({ tracingDisabled: true }).run(agent, "x", options);
  return { told: told ?? "", final: result.finalOutput };
}

let said = await call("refund", { order: "o-1", amount: 20 });
check("allowed: it runs, with what the model asked for", said.told.includes("re_1") && last().amount === 20 && said.final === "done", said);
check("it is told its call's id, and so is the record", last().callId === "call_1" && (await house.must("--json", "action", "story", (await house.last()).action)).includes("call_1"));
check("what it returns is on record", (await house.last()).state === "succeeded");

said = await call("refund", { amount: "21", more: 1 }, [remit]);
check("it gets what its schema makes of the arguments", last().amount === 21 && last().order === "o-none" && !("more" in last()), said);
check("and that is what was judged", JSON.stringify(await house.payload()) === '{"amount":21,"order":"o-none"}', await house.payload());
let held = call("refund", { amount: "900" }, [remit]);
const asked = await house.waiting();
check("converted before policy looks: a large one waits", (await house.payload(asked)).amount === 900);
await house.edit(asked, '{"amount":7}');
said = await held;
check("an edit that leaves something for the schema to fill in does not run", said.told.includes("Not executed") && last().amount === 21, said);

said = await call("transfer", { amount: 1 });
check("denied: it does not run, and the model is told so", said.told.includes("Denied") && last().order === "o-none", said);

held = call("refund", { order: "o-2", amount: 700 });
await house.approve(await house.waiting());
said = await held;
check("held, then approved: it runs", said.told.includes("re_3") && last().order === "o-2", said);

const impatient = [refundAs({ waitS: 0 })];
said = await call("refund", { order: "o-3", amount: 900 }, impatient);
check("held longer than it waits: pending, and the model is told what to do", said.told.includes("call it again with the same arguments") && last().order === "o-2", said);
await house.approve(await house.waiting());
said = await call("refund", { order: "o-3", amount: 900 }, impatient);
check("the identical call redeems the approval", said.told.includes("re_4") && last().order === "o-3", said);
said = await call("refund", { order: "o-3", amount: 900 }, impatient);
check("once", said.told.includes("call it again") && done.length === 4, said);
await house.deny(await house.waiting());

held = call("refund", { order: "o-4", amount: 800 });
await house.edit(await house.waiting(), '{"order":"o-4","amount":70}');
said = await held;
check("edited: it runs with what the reviewer made of it", last().order === "o-4" && last().amount === 70, said);
held = call("refund", { order: "o-5", amount: 800 });
const edited = await house.waiting();
await house.edit(edited, '{"order":5,"amount":70}');
said = await held;
check("an edit that the tool's schema does not take does not run", said.told.includes("Not executed") && last().order === "o-4" && (await house.state(edited)) === "failed", said);

said = await call("refund", { order: "broken", amount: 1 });
check("the tool's own error goes its way through the SDK, and is on record", said.told.includes("An error occurred") && (await house.last()).state === "failed", said);

/** Somebody between agent and gate who changes the payload of a start. */
const tampering = (url, init) => fetch(url, { ...init, body: url.endsWith("/start") ? init.body.replace("901", "109") : init.body });
held = call("refund", { order: "o-7", amount: 901 }, [refundAs({}, new Client({ url: house.url, key: house.key, agent: "billing", waitS: 30, fetch: tampering }))]);
await house.approve(await house.waiting());
said = await held;
check("another payload than the authorized one is refused", said.told.includes("Not executed") && last().order === "o-4", said);

held = call("refund", { order: "o-8", amount: 902 }, [refundAs({}, gate, { timeoutMs: 1_500 })]);
const left = await house.waiting();
said = await held;
check("a tool that times out while it waits gives the action up", said.told.includes("timed out") && last().order === "o-4", said);
check("it is closed, and never runs", (await house.state(left)) === "closed" && (await house.run("review", "approve", left, "--yes", "--reason", "late")).code !== 0 && last().order === "o-4");

await house.end("SIGKILL");
said = await call("refund", { order: "o-9", amount: 1 });
check("without a gate nothing runs, and the model is told so", said.told.includes("Not executed") && last().order === "o-4", said);
await house.close();
finish();
