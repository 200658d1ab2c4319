#!/usr/bin/env node
// Checks the evidence format's test vectors with this package's verifier.
//
//   node sdk/typescript/verify_vectors.js docs/vectors
//
// Vault entries are not checked: the verifier holds no keys. Exit code 0 where everything holds, 1 where not, 2 for a wrong call.

import { webcrypto } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";

import { digestOf, fromBase64url, leafHash, nodeHash, sha256, toBase64, toBase64url, utf8 } from "./src/verify/bytes.js";
import { isKnown, readEnvelope, sealsWrongly } from "./src/verify/envelope.js";
import { canonical, isObject, parse } from "./src/verify/json.js";
import { Action, matchesOf } from "./src/verify/lifecycle.js";
import { checkInclusion, readCheckpoint, readNote, readProof, readVkey } from "./src/verify/log.js";
import { Disclosures, readDisclosure } from "./src/verify/sealing.js";
import { checkSignature, statementOf } from "./src/verify/signature.js";
import { readTrust, requireTrusted } from "./src/verify/trust.js";
import { verifyProof } from "./src/verify/verify.js";

let [passed, failed] = [0, 0];
const check = (name, holds) => {
  if (holds) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${name}`);
  }
};
const refuses = async (name, work) => {
  let refused = false;
  try {
    await work();
  } catch (error) {
    refused = !(error instanceof TypeError || error instanceof ReferenceError);
    if (!refused) console.log(error);
  }
  check(name, refused);
};
const readJson = (folder, name) => JSON.parse(readFileSync(path.join(folder, name), "utf8"));
const leafOf = async (text) => toBase64url(await leafHash(utf8(text)));

function checkCanonical(folder) {
  const { accept, reject } = readJson(folder, "canonical.json");
  for (const one of accept) {
    check(`canonical ${one.in}`, canonical(parse(one.in)) === one.out);
    check(`canonical twice ${one.in}`, canonical(parse(one.out)) === one.out);
  }
  for (const one of reject) {
    const bytes = fromBase64url(one.in);
    let found = "accepted";
    try {
      parse(bytes);
    } catch (error) {
      found = error.kind;
    }
    check(`refuse ${Buffer.from(bytes).toString("latin1").slice(0, 40)}: ${found}, not ${one.error}`, found === one.error);
  }
}

async function checkEnvelopes(folder) {
  const { accept, reject } = readJson(folder, "envelopes.json");
  for (const one of accept) {
    check(`envelope ${one.envelope.slice(0, 60)}`, sealsWrongly(readEnvelope(utf8(one.envelope))) === null);
    check("leaf hash", (await leafOf(one.envelope)) === one.leaf);
  }
  for (const one of reject) await refuses(`refuse envelope: ${one.why}`, () => readEnvelope(utf8(one.envelope)));
}

async function checkConformance(folder) {
  const file = readJson(folder, "conformance.json");
  for (const one of file.seals_wrongly) {
    check("leaf hash", (await leafOf(one.envelope)) === one.leaf);
    check(`find that ${one.why}`, sealsWrongly(readEnvelope(utf8(one.envelope))) !== null);
  }
  const sets = [["unknown", true], ["unknown_too_soon", false], ["redeemed", true], ["redeemed_wrongly", false]];
  for (const [name, conforms] of sets) {
    for (const one of file[name]) {
      let action = null;
      let leaf;
      const broken = [];
      for (const text of one.records) {
        const record = readEnvelope(utf8(text));
        leaf = await leafOf(text);
        try {
          if (action) action.apply(record, leaf);
          else action = new Action(record, leaf);
        } catch (error) {
          broken.push(error.message);
        }
      }
      check("last leaf", leaf === one.last_leaf);
      check(`a case of ${name}: ${broken}`, (broken.length === 0) === conforms);
    }
  }
}

async function checkSignatures(folder) {
  const { accept, reject } = readJson(folder, "signatures.json");
  for (const one of accept) {
    const record = readEnvelope(utf8(one.envelope));
    check("statement", statementOf(record) === one.statement);
    check("origin", (await checkSignature(record, one.assertion)) === one.origin);
  }
  for (const one of reject) {
    await refuses(`refuse: ${one.why}`, () => checkSignature(readEnvelope(utf8(one.envelope)), one.assertion));
  }
}

/** Digest and disclosures of a field, the outermost first (§4). */
async function seal(key, label, name, value) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await webcrypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  const mac = await webcrypto.subtle.sign("HMAC", imported, utf8(`salt/v1\0${label}`));
  const below = [];
  let sealed = value;
  if (isObject(value)) {
    const digests = [];
    for (const [member, item] of Object.entries(value)) {
      const made = await seal(key, `${label}/${member.replaceAll("~", "~0").replaceAll("/", "~1")}`, member, item);
      digests.push(made.digest);
      below.push(...made.disclosures);
    }
    sealed = { _sd: digests.sort() };
  }
  const text = toBase64url(utf8(canonical([toBase64url(new Uint8Array(mac, 0, 16)), name, sealed])));
  return { digest: await digestOf(text), disclosures: [text, ...below] };
}

async function checkDisclosures(folder) {
  const file = readJson(folder, "disclosures.json");
  for (const one of file.seal) {
    const { digest, disclosures } = await seal(fromBase64url(one.key), one.label, one.name, parse(one.value));
    const same = digest === one.digest && disclosures[0] === one.disclosures[0];
    check(`seal ${one.value}`, same && String([...disclosures].sort()) === String([...one.disclosures].sort()));
  }
  for (const one of file.open) {
    const opened = (await Disclosures.of(one.disclosures)).open(one.name, one.digest);
    const found = opened && [canonical(opened.value), opened.withheld];
    check(`open ${one.value}`, String(found) === String(one.value === null ? null : [one.value, one.withheld]));
  }
  for (const one of file.reject) await refuses(`refuse disclosure: ${one.why}`, () => readDisclosure(one.disclosure));
}

async function rootOf(hashes) {
  if (hashes.length === 0) return sha256();
  if (hashes.length === 1) return hashes[0];
  const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(await rootOf(hashes.slice(0, split)), await rootOf(hashes.slice(split)));
}

function readEntries(folder, size) {
  const entries = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    const name = String(index).padStart(3, "0") + (width === 256 ? ".gz" : `.p/${width}`);
    const stored = readFileSync(path.join(folder, "tile/entries", name));
    const data = width === 256 ? gunzipSync(stored) : stored;
    for (let at = 0; at < data.length; at += 2 + data.readUInt16BE(at)) {
      entries.push(new Uint8Array(data.subarray(at + 2, at + 2 + data.readUInt16BE(at))));
    }
  }
  return entries;
}

async function checkLog(folder) {
  const trust = await readTrust(readFileSync(path.join(folder, "trust")));
  const bytes = readFileSync(path.join(folder, "log/checkpoint"));
  await requireTrusted(trust, readNote(bytes));
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 1;
    await refuses(`checkpoint with byte ${at} changed`, () => requireTrusted(trust, readNote(changed)));
  }
  const { origin, size, root } = readCheckpoint(readNote(bytes).text);
  const vkey = await readVkey(readFileSync(path.join(folder, "log/log.vkey"), "utf8").trimEnd());
  check("log.vkey", vkey.vkey === trust.logs[0].vkey);
  const report = readJson(folder, "report.json");
  check("the report's log", canonical(report.log) === canonical({ origin, size, root: toBase64(root) }));
  const entries = readEntries(path.join(folder, "log"), Number(size));
  check("root", toBase64(await rootOf(await Promise.all(entries.map(leafHash)))) === toBase64(root));
  const actions = new Map();
  const unknown = new Set();
  for (const entry of entries) {
    const record = readEnvelope(entry);
    check("sealed fields", sealsWrongly(record) === null);
    if (!isKnown(record.type)) unknown.add(record.type);
    if (!record.action) continue;
    const leaf = toBase64url(await leafHash(entry));
    if (actions.has(record.action)) actions.get(record.action).apply(record, leaf);
    else actions.set(record.action, new Action(record, leaf));
  }
  const sum = {};
  for (const action of actions.values()) {
    for (const [name, count] of Object.entries(matchesOf(action))) sum[name] = (sum[name] ?? 0) + count;
  }
  check("matches", canonical(sum) === canonical(report.matches));
  check("unknown types", report.verdicts.find((one) => one.question === "unknown_types").findings.length === unknown.size);
  for (const name of readdirSync(path.join(folder, "proofs")).filter((one) => one.endsWith(".tlog-proof"))) {
    const proof = readFileSync(path.join(folder, "proofs", name));
    const entry = readFileSync(path.join(folder, "proofs", name.replace(".tlog-proof", ".json")));
    const { verdicts } = await verifyProof(proof, entry, trust);
    check(name, verdicts[0].verdict === "PASS" && verdicts[1].verdict === "PASS");
    const { index, hashes, note } = readProof(proof);
    check(`${name}: the entry`, toBase64(entries[Number(index)]) === toBase64(entry));
    const other = await leafHash(utf8(`${entry} `));
    await refuses(`${name}: another entry`, () => checkInclusion(other, index, readCheckpoint(note.text), hashes));
  }
}

const [folder, ...more] = process.argv.slice(2);
if (!folder || more.length > 0) {
  console.error("usage: verify_vectors.js FOLDER");
  process.exit(2);
}
for (const part of [checkCanonical, checkEnvelopes, checkConformance, checkSignatures, checkDisclosures, checkLog]) {
  try {
    await part(folder);
  } catch (error) {
    check(`${part.name}: ${error?.stack}`, false);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
