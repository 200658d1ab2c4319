// What an adapter hands to a tool is what was judged, edited or not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { guardTools } from "../dist/adapters/ai-sdk.js";
import { guardTool } from "../dist/adapters/openai-agents.js";
import { checkBySchema } from "../dist/adapters/schema.js";
import { GateUnavailable, Unrecorded } from "../dist/index.js";

/** Fills in a currency, converts an amount, drops what it does not know; as a Standard Schema and as the AI SDK's. */
const made = ({ amount, currency = "EUR" }) => ({ amount: Number(amount), currency });
const SCHEMAS = {
  "a Standard Schema": { "~standard": { validate: (value) => (value.amount === undefined ? { issues: [{}] } : { value: made(value) }) } },
  "the AI SDK's": { validate: async (value) => (value.amount === undefined ? { success: false } : { success: true, value: made(value) }) },
  "a lazy one": () => ({ validate: (value) => (value.amount === undefined ? { success: false } : { success: true, value: made(value) }) }),
};
for (const [name, schema] of Object.entries(SCHEMAS)) {
  test(`an edit fits ${name} only where it makes nothing else of it`, async () => {
    await checkBySchema(schema, { currency: "USD", amount: 1 });
    for (const edit of [{ currency: "USD" }, { amount: 1 }, { amount: "1", currency: "USD" }, { amount: 1, currency: "USD", to: "x" }]) {
      await assert.rejects(checkBySchema(schema, edit), TypeError, JSON.stringify(edit));
    }
  });
}

test("nor one that the schema fills in where it stands", async () => {
  const validate = (value) => ({ success: true, value: Object.assign(value, { currency: "EUR" }) });
  await checkBySchema({ validate }, { currency: "EUR" });
  await assert.rejects(checkBySchema({ validate }, { amount: 1 }), TypeError);
});

test("what a schema makes is no JSON: no edit fits it", async () => {
  await assert.rejects(checkBySchema({ "~standard": { validate: () => ({ value: { at: new Date(0) } }) } }, { at: "x" }), TypeError);
});

test("of a tool that ran, the model is never told that nothing was executed", async () => {
  /** Lets everything go ahead, or nothing. */
  const gate = (goes) => ({ guard: async (_tool, payload, run) => (goes ? run(payload) : Promise.reject(new GateUnavailable("away"))) });
  const through = async (goes, thrown) => {
    const execute = () => Promise.reject(thrown());
    const ai = await guardTools(gate(goes), { t: { execute } }, { server: "s" }).t.execute({}).catch((error) => error.message);
    const agents = guardTool(gate(goes), (options) => options, { server: "s" })({ name: "t", execute });
    return [ai, await agents.execute({}).catch((error) => error.message)];
  };
  for (const told of await through(false, () => new Error("x"))) assert.equal(told, "Not executed: away");
  for (const told of await through(true, () => new GateUnavailable("away"))) assert.equal(told, "away");
  for (const told of await through(true, () => new Unrecorded("x", "id", null, null))) assert.match(told, /^It was executed/);
});
