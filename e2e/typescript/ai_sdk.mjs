// Tools of the AI SDK under the gate, called by a scripted model through the real framework. AI=ai or ai7.

import { Client, Denied, NotExecutable, Refused } from "countersign";
import { guardTools } from "countersign/ai-sdk";
import { z } from "zod";

import { Gate, check, finish } from "./gate.mjs";

const { AI } = process.env;
const { generateText, jsonSchema, stepCountIs, isStepCount, tool } = await import(AI);
const mocks = await import(`${AI}/test`);
const Model = mocks.MockLanguageModelV4 ?? mocks.MockLanguageModelV3;
const stopWhen = (isStepCount ?? stepCountIs)(3);

const house = await Gate.open();
const gate = new Client({ url: house.url, key: house.key, agent: "billing", waitS: 30 });
const done = [];
const tools = {
  refund: tool({
    description: "Pays back",
    inputSchema: z.object({ order: z.string(), amount: z.number() }),
    execute: async (input, { toolCallId }) => {
      if (input.order === "broken") throw new Error("no such order");
      done.push({ ...input, toolCallId });
      return { id: `re_${done.length}` };
    },
  }),
  transfer: tool({ inputSchema: jsonSchema({ type: "object" }), execute: async (input) => done.push(input) }),
  // What its schema makes of a model's arguments is neither what the model wrote, nor all of what it gets.
  remit: tool({
    inputSchema: z.object({ amount: z.coerce.number(), order: z.string().default("o-none"), to: z.string().transform((text) => text.toUpperCase()) }),
    execute: async (input) => done.push(input),
  }),
  write: tool({
    inputSchema: z.object({ text: z.string() }),
    async *execute({ text }) {
      yield "half";
      done.push({ text });
      yield text.toUpperCase();
    },
  }),
};
const options = { server: "payments", each: { refund: { category: "payment" }, transfer: { category: "payment" }, remit: { tool: "payments/refund", category: "payment" }, write: { tool: "notes/write", category: "write" } } };
const guarded = guardTools(gate, tools, options);

const usage = { inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 1, text: 1, reasoning: 0 } };
const finishOf = (unified) => ({ unified, raw: unified });
let calls = 0;
/** The model calls one tool, and then says that it is done; what it was told is in its second prompt. */
async function call(toolName, input, { using = guarded, ...more } = {}) {
  const model = new Model({
    doGenerate: async ({ prompt }) => {
      const answered = prompt.some((message) => message.role === "tool");
      const content = answered
        ? [{ type: "text", text: "done" }]
        : [{ type: "tool-call", toolCallId: `call_${(calls += 1)}`, toolName, input: typeof input === "string" ? input : JSON.stringify(input) }];
      return { content, finishReason: finishOf(answered ? "stop" : "tool-calls"), usage, warnings: [] };
    },
  });
  const result = await generateText({ model, tools: using, prompt: "x", stopWhen, ...more });
  const told = model.doGenerateCalls.at(-1).prompt.flatMap((message) => (message.role === "tool" ? message.content : []));
  const part = result.steps[0].content.find((one) => ["tool-result", "tool-error"].includes(one.type));
  return { part, told: JSON.stringify(told[0]?.output) };
}
const last = () => done.at(-1);

let held;
let said = await call("refund", { order: "o-1", amount: 20 });
check("allowed: it runs, with what the model asked for", said.part.type === "tool-result" && said.part.output.id === "re_1" && last().amount === 20, said);
check("it is told its call's id, and so is the record", last().toolCallId === "call_1" && (await house.must("--json", "action", "story", (await house.last()).action)).includes("call_1"));
check("what it returns is on record", (await house.last()).state === "succeeded");
said = await call("write", { text: "abc" });
check("of a tool that yields, the last result counts", said.part.output === "ABC" && last().text === "abc", said);

said = await call("remit", { amount: "20", to: "x", more: 1 });
const remitted = '{"amount":20,"order":"o-none","to":"X"}';
check("it gets what its schema makes of the arguments", JSON.stringify(last()) === remitted, last());
check("and that is what was judged", JSON.stringify(await house.payload()) === remitted, await house.payload());
let asked;
held = call("remit", { amount: "900", to: "x" });
check("converted before policy looks: a large one waits", (await house.payload((asked = await house.waiting()))).amount === 900);
await house.edit(asked, '{"amount":7,"to":"X"}');
said = await held;
check("an edit that leaves something for the schema to fill in does not run", said.part.error instanceof NotExecutable && JSON.stringify(last()) === remitted, said);

said = await call("transfer", { amount: 1 });
check("denied: it does not run", said.part.type === "tool-error" && said.part.error instanceof Denied && last().order === "o-none", said);
check("and the model is told so", said.told.includes("Denied"), said.told);

held = call("refund", { order: "o-2", amount: 700 });
await house.approve(await house.waiting());
said = await held;
check("held, then approved: it runs", said.part.type === "tool-result" && last().order === "o-2", said);

const impatient = guardTools(gate, tools, { ...options, waitS: 0 });
said = await call("refund", { order: "o-3", amount: 900 }, { using: impatient });
check("held longer than it waits: pending, and the model is told what to do", said.part.type === "tool-error" && said.told.includes("call it again with the same arguments") && last().order === "o-2", said.told);
await house.approve(said.part.error.action);
said = await call("refund", { order: "o-3", amount: 900 }, { using: impatient });
check("the identical call redeems the approval", said.part.type === "tool-result" && last().order === "o-3", said);
said = await call("refund", { order: "o-3", amount: 900 }, { using: impatient });
check("once", said.part.type === "tool-error" && last().order === "o-3" && done.filter((one) => one.order === "o-3").length === 1, said);
await house.deny(said.part.error.action);

held = call("refund", { order: "o-4", amount: 800 });
await house.edit(await house.waiting(), '{"order":"o-4","amount":70}');
said = await held;
check("edited: it runs with what the reviewer made of it", said.part.type === "tool-result" && last().order === "o-4" && last().amount === 70, said);
held = call("refund", { order: "o-5", amount: 800 });
const edited = await house.waiting();
await house.edit(edited, '{"order":5,"amount":70}');
said = await held;
check("an edit that the tool's schema does not take does not run", said.part.error instanceof NotExecutable && last().order === "o-4" && (await house.state(edited)) === "failed", said);

said = await call("refund", { order: "broken", amount: 1 });
check("the tool's own error goes its way, and is on record", said.part.error.message === "no such order" && (await house.last()).state === "failed", said);
check("what the schema refuses reaches neither gate nor tool", (await call("refund", { order: "o-6" })).part.type === "tool-error" && last().order === "o-4");

/** Somebody between agent and gate who changes the payload of a start. */
const tampering = (url, init) => fetch(url, { ...init, body: url.endsWith("/start") ? init.body.replace("901", "109") : init.body });
const between = guardTools(new Client({ url: house.url, key: house.key, agent: "billing", waitS: 30, fetch: tampering }), tools, options);
held = call("refund", { order: "o-7", amount: 901 }, { using: between });
await house.approve(await house.waiting());
said = await held;
check("another payload than the authorized one is refused", said.part.error instanceof Refused && said.part.error.problemName === "mismatch" && last().order === "o-4", said);

const abort = new AbortController();
held = call("refund", { order: "o-8", amount: 902 }, { abortSignal: abort.signal }).catch((error) => error);
const left = await house.waiting();
abort.abort();
await held;
check("a run that is aborted gives the action up", (await house.state(left)) === "closed" && last().order === "o-4");

for (const [name, wrong] of [["a tool that runs elsewhere", { tools: { far: tool({ inputSchema: z.object({}) }) }, options: { server: "x" } }], ["an option for no tool", { tools, options: { server: "x", each: { refnd: {} } } }]]) {
  let error;
  try {
    guardTools(gate, wrong.tools, wrong.options);
  } catch (found) {
    error = found;
  }
  check(`${name} is not taken for guarded`, error instanceof TypeError, error);
}

await house.end("SIGKILL");
said = await call("refund", { order: "o-9", amount: 1 });
check("without a gate nothing runs, and the model is told so", said.part.type === "tool-error" && said.told.includes("Not executed") && last().order === "o-4", said);
await house.close();
finish();
