// What an adapter hands to a tool is what was judged, edited or not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkBySchema } from "../dist/adapters/schema.js";

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

test("what a schema makes is no JSON: no edit fits it", async () => {
  await assert.rejects(checkBySchema({ "~standard": { validate: () => ({ value: { at: new Date(0) } }) } }, { at: "x" }), TypeError);
});
