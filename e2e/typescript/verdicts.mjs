// The verdicts of this verifier and of `countersign verify` are the same: on honest evidence, and on evidence that was changed in
// many places.

import { createHash, webcrypto } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { Client } from "countersign";
import { canonical, failed, parse, passed, readTrust, verifyProof, verifyStory } from "countersign/verify";

import { Gate, check, finish, run, thrown } from "./gate.mjs";

// One seed gives one run.
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
console.log(`SEED=${seed}`);
let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = (list) => list[random(list.length)];

const house = await Gate.open();
const file = (name, content) => {
  const where = path.join(house.folder, name);
  writeFileSync(where, content);
  return where;
};
const shown = (report) => canonical({
  log: report.log ?? null,
  matches: report.matches ?? null,
  verdicts: report.verdicts.map(({ question, verdict, findings }) => [question, verdict, findings.map((one) => one.where)]),
});
const exitOf = (report) => (failed(report) ? 1 : passed(report) ? 0 : 3);

let [same, refused] = [0, 0];
const differences = [];
/** Both verifiers on the same bytes. */
async function compare(what, ours, ...line) {
  const done = await run("--json", "verify", ...line);
  const theirs = done.code === 2 ? null : parse(done.stdout);
  const report = await ours();
  const [a, b] = [shown(report), theirs && shown(theirs)];
  if (a === b && done.code === exitOf(report)) same += 1;
  else differences.push(`${what}\n    ours   ${exitOf(report)} ${a}\n    theirs ${done.code} ${b ?? done.stderr}\n    ${report.verdicts.flatMap((one) => one.findings.map((found) => found.what)).slice(0, 3)}`);
  if (failed(report)) refused += 1;
  return report;
}
function tally(name, atLeast, refusedAtLeast = atLeast) {
  check(`${name}: ${same} times the same verdicts, ${refused} of them FAIL`, differences.length === 0 && same >= atLeast && refused >= refusedAtLeast, differences.slice(0, 4).join("\n"));
  [same, refused] = [0, 0];
  differences.length = 0;
}

// --- Stories of every course, from a gate.
const gate = new Client({ url: house.url, key: house.key, agent: "billing", session: "run-7", waitS: 30 });
const refund = (payload, more) => gate.guard("payments/refund", payload, () => ({ done: true, at: { bank: [1, { x: 2 }] } }), { category: "payment", intent: "The customer asked.", user: "alice@example.com", resource: { type: "order", id: "7" }, ...more });
await refund({ order: "o-1", amount: 20, lines: [{ sku: "a" }], to: { name: "Ø", iban: "X" } });
await thrown(gate.guard("payments/transfer", { amount: 1 }, () => 0, { category: "payment" }));
let held = refund({ order: "o-2", amount: 700 });
await house.approve(await house.waiting());
await held;
held = refund({ order: "o-3", amount: 800 });
await house.edit(await house.waiting(), '{"order":"o-3","amount":7,"exact":12345678901234567890.25}');
await held;
held = thrown(refund({ order: "o-4", amount: 800 }));
await house.deny(await house.waiting());
await held;
const open = await gate.propose("payments/refund", { order: "o-5", amount: 5 }, { category: "payment" });
await thrown(gate.start(open.action, { attempt: "a", payload: { order: "o-5", amount: 6 } }));
await thrown(refund({ order: "o-6", amount: 6 }, { requestId: "x" }).then(() => gate.guard("notes/write", { n: 1 }, () => Promise.reject(new Error("no")), { category: "write" })));

const trustFile = house.at("trust");
const trust = await readTrust(readFileSync(trustFile));
await house.last();
const rows = (await house.json("action", "list")).actions;
const stories = await Promise.all(rows.map((row) => house.must("--json", "action", "story", row.action)));
check("there are stories of many courses", rows.length === 8 && new Set(rows.map((row) => row.state)).size >= 4, rows);
const auditor = (await house.json("key", "create", "--kind", "auditor", "--label", "auditor")).secret;
const proofOf = async (position) => {
  const answer = await fetch(`${house.url}/v1/records/${position}/proof`, { headers: { authorization: `Bearer ${auditor}` } });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
};
/** Proofs must be under one checkpoint or a later one, so they are fetched once all is there. */
const proven = await Promise.all(stories.map(async (text) => {
  const story = parse(text, { bytes: 1 << 26 });
  for (const record of story.records) record.proof = await proofOf(record.position);
  return story;
}));

const storyOf = (what, content, ...line) => {
  const where = file("story.json", content);
  return compare(what, () => verifyStory(readFileSync(where), [], line.includes("--trust") ? trust : null), where, ...line);
};
for (const [at, story] of proven.entries()) {
  const whole = await storyOf(`story ${at}`, canonical(story), "--trust", trustFile);
  check(`story ${at} passes: ${whole.verdicts.map((one) => `${one.question} ${one.verdict}`).join(", ")}`, !failed(whole) && whole.verdicts.filter((one) => one.verdict === "PASS").length >= 4, shown(whole));
  await storyOf(`story ${at} without a trust file`, canonical(story));
  await storyOf(`story ${at} without proofs`, stories[at], "--trust", trustFile);
}
tally("honest stories", 20, 0);

// --- Any byte.
for (const [at, story] of proven.entries()) {
  const honest = Buffer.from(canonical(story));
  for (let n = 0; n < 14; n += 1) {
    const changed = Buffer.from(honest);
    const place = random(changed.length);
    changed[place] ^= 1 << random(7);
    await storyOf(`story ${at}, byte ${place}: ${honest.subarray(place - 20, place + 20)}`, changed, "--trust", trustFile);
  }
}
tally("one changed bit", 100, 60);

// --- Records and what lies beside them.
const clone = (value) => parse(canonical(value), { bytes: 1 << 26 });
const MOVES = {
  drop: (records) => records.splice(random(records.length), 1),
  twice: (records) => records.push(clone(pick(records))),
  swap: (records) => records.reverse(),
  leaf: (records) => (pick(records).leaf = "A".repeat(43)),
  position: (records) => (pick(records).position += 1),
  proof: (records) => delete pick(records).proof,
  otherProof: (records) => (pick(records).proof = pick(records).proof),
  foreign: (records) => (records[random(records.length)] = clone(pick(pick(proven).records))),
  withhold: (records) => pick(records).disclosures.pop(),
  stray: (records) => pick(records).disclosures.push(pick(pick(records).disclosures) ?? "WzFd"),
  disclosure: (records) => {
    const { disclosures } = pick(records.filter((one) => one.disclosures.length > 0));
    const place = random(disclosures.length);
    const said = Buffer.from(disclosures[place], "base64url").toString();
    disclosures[place] = Buffer.from(said.replace(/.(?=.{0,9}$)/, "1")).toString("base64url");
  },
  none: (records) => records.splice(0),
};
for (const [move, change] of Object.entries(MOVES)) {
  for (let n = 0; n < 8; n += 1) {
    const story = clone(pick(proven));
    change(story.records);
    await storyOf(`${move} ${n}`, canonical(story), "--trust", trustFile);
  }
}
tally("moved, dropped and foreign parts", 90, 50);

// --- Other records that chain as they should: only the rules can object. From the gate, and from the vectors, which take every course.
const leafOf = (envelope) => createHash("sha256").update("\0").update(envelope).digest("base64url");
function vectorStories() {
  const folder = path.join("vectors", "log", "tile", "entries");
  const data = [gunzipSync(readFileSync(path.join(folder, "000.gz"))), ...readdirSync(path.join(folder, "001.p")).map((name) => readFileSync(path.join(folder, "001.p", name)))];
  const actions = new Map();
  let position = 0;
  for (const bundle of data) {
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
      const envelope = bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)).toString();
      const { action } = JSON.parse(envelope);
      if (action) actions.set(action, [...(actions.get(action) ?? []), { position, envelope, disclosures: [] }]);
      position += 1;
    }
  }
  return [...actions.values()].map((records) => ({ records }));
}
const courses = [...vectorStories(), ...proven.map((story) => ({ records: story.records.map(({ position, envelope }) => ({ position, envelope, disclosures: [] })) }))];
for (const [at, story] of courses.entries()) await storyOf(`course ${at}`, canonical(story));
tally("every course", courses.length, 0);

/** Values by the names of their members, to put in each other's place. */
const seen = new Map();
const walk = (value, visit) => {
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    visit(value, name, item);
    walk(item, visit);
  }
};
const read = (story) => story.records.map((one) => parse(one.envelope));
/** A story of these records, each pointing to the one before it. */
function chained(records) {
  let prev;
  return {
    records: records.map((one, position) => {
      if (position > 0 && one.prev !== undefined) one.prev = prev;
      const envelope = canonical(one);
      prev = leafOf(envelope);
      return { position, envelope, disclosures: [] };
    }),
  };
}
/** Puts records in the place of their order: the action's, the next step, no earlier time. */
function placed(records) {
  const [{ action, workspace, environment }] = records;
  let last = "";
  for (const [step, one] of records.entries()) {
    if (one.time < last) one.time = last;
    last = one.time;
    Object.assign(one, { action, workspace, environment, step, ...(step > 0 && { prev: "A".repeat(43) }) });
    if (step === 0) delete one.prev;
  }
  return records;
}
const { accept } = JSON.parse(readFileSync(path.join("vectors", "envelopes.json"), "utf8"));
const everyType = accept.map((one) => parse(one.envelope));

/** Courses with what the samples lack: approvals in advance, escalation, questions, two people. */
function crafted() {
  const base = courses.map(read).find((records) => records[1]?.body.decision === "review" && records[0].type === "action.proposed");
  const [proposed, decided] = clone(base.slice(0, 2));
  const [rule, other] = [decided.body.review.requirements[0].rule, "another-rule"];
  const after = (seconds) => new Date(Date.parse(decided.time) + seconds * 1_000).toISOString().replace(/Z$/, "000Z");
  decided.body.review.expires_at = after(9_000);
  decided.body.review.requirements = [
    { rule, groups: ["owners"], quorum: 1, standing_s: 3600, escalation: { at: after(60), groups: ["chiefs"] } },
    { rule: other, groups: ["treasury", "owners"], quorum: 2, standing_s: 60 },
  ];
  const { payload } = proposed.sealed;
  const uuid = "019b76da-a802-7a91-a69c-e6cc7a7f640b";
  const made = (at, type, actor, body, sealed = {}) => {
    const one = clone(decided);
    Object.assign(one, { type, time: after(at), actor, body, sealed });
    delete one.vault;
    return one;
  };
  const [system, agent] = [{ id: "gate", type: "system" }, { id: "a", type: "agent" }];
  const reviewer = (id) => ({ id, type: "reviewer" });
  const text = { text: payload };
  const used = (at, number, person, requirements, groups = ["owners"]) => made(at, "review.standing_used", system, { standing: uuid, number, person, groups, requirements, payload_version: 0, payload });
  const approves = (at, person, requirements, groups = ["owners"]) => made(at, "review.decided", reviewer(person), { verdict: "approve", requirements, groups, authentication: { method: "key" }, separation: "enforced", payload_version: 0, payload });
  const authorized = (at, by) => made(at, "action.authorized", system, { by, policy_set: decided.body.policy_set, payload_version: 0, payload, expires_at: after(at + 60) });
  const started = (at) => made(at, "execution.started", agent, { attempt: "t", executor: "e", deadline: after(at + 30), payload_version: 0, match: "exact", enforcement: "attested" }, { payload });
  const finished = (at, outcome, actor = agent, more = {}) => made(at, "execution.finished", actor, { attempt: "t", outcome, ...more });
  const asked = made(1, "review.asked", reviewer("r1"), { question: uuid }, text);
  const answered = made(2, "review.answered", agent, { question: uuid }, text);
  const ends = [started(20), finished(60, "unknown", system), finished(70, "succeeded", agent, { late: true })];
  return [
    [used(1, 1, "p1", [rule, other]), used(2, 2, "p2", [other], ["treasury"]), authorized(10, "standing"), ...ends],
    [asked, answered, used(3, 1, "p1", [rule, other]), approves(4, "p1", [rule, other]), approves(5, "p2", [rule, other]), authorized(10, "review"), ...ends],
    [made(61, "review.escalated", system, { groups: ["chiefs"], rule, why: "late" }), approves(62, "p1", [rule], ["chiefs"]), approves(63, "p2", [other], ["treasury"]), used(64, 1, "p3", [other], ["treasury"]), authorized(65, "review"), started(70), finished(71, "unknown"), made(72, "execution.resolved", reviewer("o"), { outcome: "failed", basis: "looked" })],
    [made(5, "review.escalated", system, { groups: ["chiefs"], why: "late" }), made(6, "review.handed_over", reviewer("r1"), { to: uuid }), approves(7, "p1", [rule, other], ["chiefs"]), made(9_000, "review.expired", system, { why: "time" })],
    [asked, made(3, "review.cancelled", agent, { why: "caller_cancelled" })],
  ].map((records) => placed(clone([proposed, decided, ...records])));
}
const craftedCourses = crafted();
const conforms = (report) => report.verdicts.find((one) => one.question === "conformance").verdict === "PASS";
for (const [at, records] of craftedCourses.entries()) {
  const report = await storyOf(`crafted course ${at}`, canonical(chained(records)));
  check(`crafted course ${at} goes by the rules`, conforms(report), report.verdicts.map((one) => JSON.stringify(one.findings)).join());
}
tally("crafted courses", craftedCourses.length, 0);

const bases = [...courses.map(read), ...Array.from({ length: 8 }, () => craftedCourses).flat()];
for (const records of bases) for (const one of records) walk(one, (_, name, item) => seen.set(name, [...(seen.get(name) ?? []), item]));
const pool = [...bases.flat(), ...everyType];
const PLACE = ["action", "step", "prev", "id", "v", "vault", "workspace"];
const broken = new Set();
/** One member is another one's, or gone. */
function altered(records) {
  const one = pick(records.slice(random(Math.min(2, records.length))));
  const places = [];
  walk(one, (parent, name) => (parent === one && PLACE.includes(name) && random(20) ? 0 : places.push([parent, name])));
  const [parent, name] = pick(places);
  const how = random(6);
  if (how === 0 && Array.isArray(parent)) parent.splice(Number(name), 1);
  else if (how === 0) delete parent[name];
  else if (how === 1 && typeof parent[name] === "number") parent[name] += pick([1, -1]);
  else if (how === 2 && Array.isArray(parent[name])) parent[name].push(...parent[name].splice(0, 1));
  else parent[name] = clone(pick(seen.get(name)));
  return records;
}
/** One record is gone, twice, before its turn, or from elsewhere; all stand in their places. */
function moved(records) {
  const at = 1 + random(Math.max(1, records.length - 1));
  const how = random(4);
  if (how === 0) records.splice(at, 1);
  else if (how === 1) records.splice(at, 0, clone(pick(records)));
  else if (how === 2) records.splice(at, 2, ...records.slice(at, at + 2).reverse());
  else records.splice(at, 0, clone(pick(pool)));
  return placed(records);
}
for (let n = 0; n < 1_000; n += 1) {
  const change = pick([altered, moved]);
  const story = chained(change(clone(pick(bases))));
  const report = await storyOf(`${change.name} ${n}: ${story.records.map((one) => one.envelope).join("\n")}`, canonical(story));
  const [found] = report.verdicts.find((one) => one.question === "conformance").findings;
  if (found) broken.add(found.what.replace(/^[a-z_.]+: |^[a-z_.]+ (?=cannot follow)/, ""));
}
tally("records that chain and say something else", 1_000, 400);
check(`${broken.size} rules were broken`, broken.size >= 35, [...broken].sort().join("\n"));

// --- Proofs.
const [record] = proven[0].records;
const judged = (what, proof, envelope, ...line) => {
  const [proofFile, envelopeFile] = [file("one.tlog-proof", proof), file("one.json", envelope)];
  const ours = () => verifyProof(readFileSync(proofFile), readFileSync(envelopeFile), line.includes("--trust") ? trust : null);
  return compare(what, ours, proofFile, "--record", envelopeFile, ...line);
};
const proof = Buffer.from(record.proof);
const good = await judged("a proof", proof, record.envelope, "--trust", trustFile);
check("a proof passes", good.verdicts[0].verdict === "PASS" && good.verdicts[1].verdict === "PASS", shown(good));
await judged("without a trust file", proof, record.envelope);
await judged("another record", proof, proven[1].records[0].envelope, "--trust", trustFile);
// The first line is how the command tells a proof from a story.
for (let at = 23; at < proof.length; at += 5) {
  const changed = Buffer.from(proof);
  changed[at] ^= 1 << random(7);
  await judged(`a proof's byte ${at}`, changed, record.envelope, "--trust", trustFile);
}
for (let n = 0; n < 20; n += 1) {
  const text = Buffer.from(record.envelope);
  text[random(text.length)] ^= 1 << random(7);
  await judged("an envelope's byte", proof, text, "--trust", trustFile);
}
const lines = record.proof.split("\n");
for (const [what, changed] of Object.entries({
  "a hash less": lines.toSpliced(2, 1),
  "a hash more": lines.toSpliced(2, 0, lines[2]),
  "opaque data": lines.toSpliced(1, 0, "extra AAAA"),
  "no opaque data": lines.toSpliced(1, 0, "extra "),
  "cut off": lines.slice(0, -2),
  "no final newline": [...lines.slice(0, -1)],
  "an unknown signature": [...lines.slice(0, -1), "\u2014 somebody AAAAAAAAAAAA", ""],
  "a signature twice": [...lines.slice(0, -1), lines.at(-2), ""],
})) await judged(what, changed.join("\n"), record.envelope, "--trust", trustFile);
tally("proofs", 80, 60);

// --- Trust files: witnesses, groups and quorums, and what cannot be used.
const { subtle } = webcrypto;
/** A key with its vkey, and what it signs. */
async function signer(name, type) {
  const pair = await subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const raw = Buffer.concat([Buffer.of(type), Buffer.from(await subtle.exportKey("raw", pair.publicKey))]);
  const id = createHash("sha256").update(`${name}\n`).update(raw).digest().subarray(0, 4);
  const sign = async (text) => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(1_700_000_000n);
    const signed = type === 4 ? `cosignature/v1\ntime 1700000000\n${text}` : text;
    const signature = Buffer.from(await subtle.sign({ name: "Ed25519" }, pair.privateKey, Buffer.from(signed)));
    return `\u2014 ${name} ${Buffer.concat([id, ...(type === 4 ? [time] : []), signature]).toString("base64")}`;
  };
  return { vkey: `${name}+${id.toString("hex")}+${raw.toString("base64")}`, sign };
}
const [w1, w2, w3, stranger] = [await signer("w1", 4), await signer("w2", 4), await signer("w3", 4), await signer("stranger", 1)];
const log = readFileSync(trustFile, "utf8").split("\n").find((line) => line.startsWith("log "));
const text = record.proof.slice(record.proof.indexOf("\n\n") + 2);
const body = `${text.slice(0, text.indexOf("\n\n"))}\n`;
const cosigned = `${record.proof}${await w1.sign(body)}\n${await w2.sign(body)}\n`;
const forged = `${record.proof}${(await w1.sign(`${body}x`))}\n`;
const witnesses = `witness a ${w1.vkey}\nwitness b ${w2.vkey}\nwitness c ${w3.vkey}\n`;
const FILES = {
  none: `${log}\nquorum none\n`,
  one: `${log}\n${witnesses}quorum a\n`,
  missing: `${log}\n${witnesses}quorum c\n`,
  two: `${log}\n${witnesses}group g 2 a b c\nquorum g\n`,
  all: `${log}\n${witnesses}group g all a b c\nquorum g\n`,
  any: `${log}\n${witnesses}group g any b c\nquorum g\n`,
  nested: `# words\n\n${log} https://log.example\n${witnesses}group in any b c\ngroup g all a in\nquorum g\n`,
  stranger: `log ${stranger.vkey}\nquorum none\n`,
  "no log": `quorum none\n`,
  "no quorum": `${log}\n`,
  "two quorums": `${log}\nquorum none\nquorum none\n`,
  "no newline": `${log}\nquorum none`,
  "a key twice": `${log}\n${log}\nquorum none\n`,
  "a witness as log": `log ${w1.vkey}\nquorum none\n`,
  "another id": `${log.replace(/\+[0-9a-f]/, "+g")}\nquorum none\n`,
  "a wrong id": `${log.replace(/\+(.)/, (_, one) => `+${one === "0" ? "1" : "0"}`)}\nquorum none\n`,
  "a member twice": `${log}\n${witnesses}group g any a a\nquorum g\n`,
  "too many of them": `${log}\n${witnesses}group g 4 a b c\nquorum g\n`,
  "an unknown name": `${log}\nquorum g\n`,
  "a name twice": `${log}\n${witnesses}witness a ${(await signer("w4", 4)).vkey}\nquorum a\n`,
  words: `${log}\nquorum none please\n`,
  windows: `${log}\r\nquorum none\r\n`,
  "a weak key": `log x+${createHash("sha256").update("x\n").update(Buffer.from([1, ...new Uint8Array(32)])).digest("hex").slice(0, 8)}+${Buffer.from([1, ...new Uint8Array(32)]).toString("base64")}\nquorum none\n`,
};
let unusable = 0;
for (const [name, content] of Object.entries(FILES)) {
  const where = file("trust", content);
  for (const [what, signed] of Object.entries({ alone: record.proof, cosigned, forged })) {
    const [proofFile, envelopeFile] = [file("one.tlog-proof", signed), file("one.json", record.envelope)];
    const ours = await readTrust(readFileSync(where)).catch(() => null);
    const theirs = await run("--json", "verify", proofFile, "--record", envelopeFile, "--trust", where);
    if (ours === null || theirs.code === 2) {
      unusable += 1;
      if ((ours === null) !== (theirs.code === 2)) differences.push(`trust file "${name}": ours ${ours && "read"}, theirs ${theirs.code} ${theirs.stderr}`);
      continue;
    }
    await compare(`trust file "${name}", ${what}`, () => verifyProof(readFileSync(proofFile), readFileSync(envelopeFile), ours), proofFile, "--record", envelopeFile, "--trust", where);
  }
}
check(`${unusable} uses of a trust file that cannot be used`, unusable >= 30, unusable);
tally("trust files", 20, 8);
await house.close();
finish();
