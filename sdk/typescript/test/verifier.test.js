// The verifier stands by itself. The vectors: verify_vectors.js; its verdicts beside the Rust one's: e2e/typescript.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import * as verify from "../src/verify/verify.js";

test("the verifier imports nothing but its own files: a browser runs it as it stands", () => {
  const folder = new URL("../src/verify/", import.meta.url);
  const files = readdirSync(folder);
  assert.ok(files.length >= 10);
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), "utf8");
    for (const [, from] of text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"/gm)) {
      assert.ok(from.startsWith("./") && files.includes(from.slice(2)), `${file} imports ${from}`);
    }
    assert.doesNotMatch(text, /\bimport\(["'][^./]|\brequire\(|\bprocess\.|\bBuffer\b|node:|\beval\b|new Function/, file);
  }
});

test("nothing is checked of what is nothing", async () => {
  const empty = await verify.verifyStory('{"records":[]}', [], null);
  assert.ok(!verify.passed(empty) && !verify.failed(empty));
  for (const text of ["", "{}", "[]", '{"records":[1]}', '{"records":{}}', '{"records":[],"records":[]}']) {
    assert.ok(verify.failed(await verify.verifyStory(text, [], null)), text);
  }
  assert.ok(!verify.passed({ verdicts: [] }));
});
