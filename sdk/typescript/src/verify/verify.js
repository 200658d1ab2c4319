// Verifies evidence offline: one record with its proof, or the story of an action. Bytes in, verdicts out; nothing here trusts
// whoever the bytes came from. It runs as it stands in browsers and in Node (WebCrypto).

import { leafHash, toBase64, toBase64url, utf8 } from "./bytes.js";
import { isKnown, readEnvelope, sealsWrongly } from "./envelope.js";
import { isObject, parse } from "./json.js";
import { Action, matchesOf } from "./lifecycle.js";
import { Unsupported, checkInclusion, readCheckpoint, readProof } from "./log.js";
import { Findings, merge } from "./report.js";
import { Disclosures } from "./sealing.js";
import { Unsigned, checkSignature, states } from "./signature.js";
import { requireTrusted } from "./trust.js";

export { canonical, parse } from "./json.js";
export { failed, passed } from "./report.js";
export { TrustError, readTrust } from "./trust.js";

/** @typedef {import("./envelope.js").Envelope} Envelope */
/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./report.js").Answer} Answer */
/** @typedef {import("./report.js").LogSeen} LogSeen */
/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./trust.js").Trust} Trust */
/** One record of a story. @typedef {{ position: bigint, envelope: string, disclosures: string[], leaf?: string, proof?: Uint8Array }} Told */

const MOST_STORY = 256 << 20;
const MOST_POSITION = 2n ** 64n - 1n;

/**
 * Verifies that an envelope is in a log, by the tlog-proof that came with it.
 * @param {Uint8Array} proof
 * @param {Uint8Array} envelope
 * @param {Trust | null} trust without one, who signed is NOT CHECKED
 * @returns {Promise<Report>}
 */
export async function verifyProof(proof, envelope, trust) {
  const { answers, log } = await checkProof(proof, envelope, trust);
  const alone = new Findings();
  return {
    ...(log && { log }),
    verdicts: [
      ...answers,
      alone.answer("completeness", "NOT CHECKED", "one record says nothing about others: that takes the whole log"),
      alone.answer("conformance", "NOT CHECKED", "one record shows no course of events"),
    ],
  };
}

/**
 * Who signed, and whether this record is in what was signed: two answers.
 * @param {Uint8Array} bytes
 * @param {Uint8Array} envelope
 * @param {Trust | null} trust
 * @returns {Promise<{ answers: Answer[], log?: LogSeen, index?: bigint }>}
 */
async function checkProof(bytes, envelope, trust) {
  const findings = new Findings();
  let proof, checkpoint;
  try {
    proof = readProof(bytes);
    checkpoint = readCheckpoint(proof.note.text);
  } catch (error) {
    findings.add("proof", error);
    const unread = /** @type {const} */ (["authenticity", "integrity"]);
    return { answers: unread.map((question) => findings.judge(question, "FAIL", "the proof cannot be read")) };
  }
  const where = `record ${proof.index}`;
  try {
    await checkInclusion(await leafHash(envelope), proof.index, checkpoint, proof.hashes);
  } catch (error) {
    findings.add(where, error);
  }
  let kind = "not an envelope";
  try {
    const { type } = readEnvelope(envelope);
    kind = isKnown(type) ? type : `a record of the unknown type ${type}`;
  } catch (error) {
    findings.add(where, error);
  }
  const log = { origin: checkpoint.origin, size: checkpoint.size, root: toBase64(checkpoint.root) };
  const integrity = findings.judge("integrity", "PASS", `${where} of ${log.size} in ${log.origin}: ${kind}`);
  return { answers: [await authenticity(proof.note, trust), integrity], log, index: proof.index };
}

/** @param {import("./log.js").Note} note @param {Trust | null} trust @returns {Promise<Answer>} */
async function authenticity(note, trust) {
  const findings = new Findings();
  if (!trust) return findings.judge("authenticity", "NOT CHECKED", "no trust file was given: who signed is not known");
  try {
    return findings.judge("authenticity", "PASS", await requireTrusted(trust, note));
  } catch (error) {
    if (error instanceof Unsupported) {
      return findings.judge("authenticity", "NOT CHECKED", "Ed25519 signatures cannot be checked here");
    }
    findings.add("checkpoint", error);
    return findings.judge("authenticity", "FAIL", "the checkpoint is not to be believed");
  }
}

/**
 * Verifies the records of one action: JSON with a `records` list, each with `position`, `envelope` (its canonical text),
 * `disclosures` and, if it brings one, `proof` (the text of a tlog-proof). Further proofs may be handed in apart.
 *
 * The sentences around the records are a reading aid; they are not evidence and are not looked at.
 * @param {string | Uint8Array} story
 * @param {Uint8Array[]} proofs
 * @param {Trust | null} trust
 * @returns {Promise<Report>}
 */
export async function verifyStory(story, proofs, trust) {
  let records;
  try {
    records = readStory(story, proofs);
  } catch (error) {
    const findings = new Findings();
    findings.add("story", error);
    return { verdicts: [findings.judge("integrity", "FAIL", "the story cannot be read")] };
  }
  return judge(records, trust);
}

/** @param {string | Uint8Array} story @param {Uint8Array[]} proofs @returns {Told[]} */
function readStory(story, proofs) {
  const value = parse(story, { bytes: MOST_STORY, depth: 128 });
  const list = isObject(value) && Object.hasOwn(value, "records") ? value["records"] : null;
  if (!Array.isArray(list)) throw new Error("it has no list \"records\"");
  const apart = new Map(proofs.map((proof) => [readProof(proof).index, proof]));
  const records = list.map(readTold);
  for (const record of records) {
    const found = apart.get(record.position);
    if (record.proof || !found) continue;
    record.proof = found;
    apart.delete(record.position);
  }
  for (const index of apart.keys()) throw new Error(`a proof is for record ${index}, which is not in the story`);
  return records;
}

/** @param {Json} value @returns {Told} */
function readTold(value) {
  if (!isObject(value)) throw new Error("a record is no object");
  const member = (/** @type {string} */ name) => (Object.hasOwn(value, name) ? value[name] : undefined);
  const text = (/** @type {Json | undefined} */ one) => {
    if (typeof one !== "string") throw new Error("a record's member is not there, or is not a string");
    return one;
  };
  const [position, disclosures, leaf, proof] = ["position", "disclosures", "leaf", "proof"].map(member);
  const number = typeof position === "number" && Number.isSafeInteger(position) ? BigInt(position) : position;
  if (typeof number !== "bigint" || number < 0n || number > MOST_POSITION) throw new Error("position is no number");
  if (!Array.isArray(disclosures)) throw new Error("disclosures is not a list");
  return {
    position: number,
    envelope: text(member("envelope")),
    disclosures: disclosures.map(text),
    ...(leaf !== undefined && { leaf: text(leaf) }),
    ...(proof !== undefined && { proof: utf8(text(proof)) }),
  };
}

/** @param {Told[]} records @param {Trust | null} trust @returns {Promise<Report>} */
async function judge(records, trust) {
  const { answers, log } = await inclusion(records, trust);
  const [integrity, conformance, unknown] = [new Findings(), new Findings(), new Findings()];
  const openings = new Openings();
  /** @type {Map<string, bigint>} */
  const unknownTypes = new Map();
  /** @type {Action | null} */
  let action = null;
  let last = -1n;
  for (const told of records) {
    const { position } = told;
    if (position <= last) integrity.at(position, "its position is not after the previous record's");
    last = position;
    const bytes = utf8(told.envelope);
    const leaf = toBase64url(await leafHash(bytes));
    if (told.leaf !== undefined && told.leaf !== leaf) integrity.at(position, "it is not what the leaf hash beside it says");
    let envelope;
    try {
      envelope = readEnvelope(bytes);
    } catch (error) {
      integrity.at(position, error);
      continue;
    }
    if (!isKnown(envelope.type) && !unknownTypes.has(envelope.type)) unknownTypes.set(envelope.type, position);
    const wrongly = sealsWrongly(envelope);
    if (wrongly) conformance.at(position, wrongly);
    try {
      if (action) action.apply(envelope, leaf);
      else action = new Action(envelope, leaf);
    } catch (error) {
      conformance.at(position, error);
    }
    await openings.open(told, envelope);
  }
  for (const [type, position] of unknownTypes) unknown.at(position, type);
  const matches = matchesOf(action);
  const any = records.length > 0 ? "PASS" : "NOT CHECKED";
  const counted = Object.entries(matches).map(([name, count]) => `${count} ${name.replace("_", " ")}`).join(", ");
  return {
    ...(log && { log }),
    matches,
    verdicts: merge([
      ...answers,
      integrity.judge("integrity", any, `${records.length} envelopes in canonical form`),
      new Findings().answer("completeness", "NOT CHECKED",
        "no gaps up to the last step shown; whether a later one exists takes the whole log"),
      conformance.judge("conformance", any, `${records.length} records by the rules; ${counted}`),
      ...(unknownTypes.size > 0
        ? [unknown.answer("unknown_types", "NOT CHECKED",
          "records of types that this version does not know: they chain, their conformance is not checked")]
        : []),
      ...openings.judge(),
    ]),
  };
}

/** Whether the records are in a log that is trusted, as far as proofs say so. All must be of one log. @param {Told[]} records @param {Trust | null} trust */
async function inclusion(records, trust) {
  /** @type {LogSeen | undefined} */
  let log;
  /** @type {Answer[]} */
  const answers = [];
  const missing = new Findings();
  for (const { position, envelope, proof } of records) {
    if (!proof) {
      missing.at(position, "no proof came with it");
      continue;
    }
    const checked = await checkProof(proof, utf8(envelope), trust);
    const otherLog = checked.log && log && checked.log.origin !== log.origin;
    if ((checked.index !== undefined && checked.index !== position) || otherLog) {
      const wrong = new Findings();
      wrong.at(position, "its proof is for another position or another log");
      checked.answers[1] = wrong.judge("integrity", "FAIL", "a proof does not belong to its record");
    }
    if (checked.log && (!log || checked.log.size > log.size)) log = checked.log;
    answers.push(...checked.answers);
  }
  if (answers.length === 0 || missing.listed.length > 0) {
    const what = "not every record came with a proof: that the log holds them is not shown";
    answers.push(missing.answer("authenticity", "NOT CHECKED", what));
  }
  return { answers, log };
}

/** What the disclosures of a story open, and what its signed answers are worth. */
class Openings {
  constructor() {
    this.findings = new Findings();
    this.withheld = new Findings();
    this.signatures = new Findings();
    this.counts = { whole: 0, withheld: 0, signed: 0, closed: 0 };
    /** Where the signatures were made. @type {Set<string>} */
    this.origins = new Set();
  }

  /** @param {Told} told @param {Envelope} envelope */
  async open({ position, disclosures: texts }, envelope) {
    const disclosures = await Disclosures.of(texts);
    /** @type {Json | undefined} */
    let signature;
    for (const [name, digest] of Object.entries(envelope.sealed)) {
      try {
        const opened = disclosures.open(name, digest);
        if (opened?.withheld === 0) {
          this.counts.whole += 1;
          if (name === "signature") signature = opened.value;
        } else {
          this.counts.withheld += 1;
          this.withheld.at(position, `${name} is withheld ${opened ? "in part" : "wholly"}`);
        }
      } catch (error) {
        this.findings.at(position, `${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    const stray = disclosures.stray(envelope.sealed);
    if (stray) this.findings.at(position, `the disclosure ${stray} opens none of its sealed fields`);
    await this.check(position, envelope, signature);
  }

  /** @param {bigint} position @param {Envelope} envelope @param {Json | undefined} signature */
  async check(position, envelope, signature) {
    if (envelope.type !== "review.decided" || envelope.body.signature === undefined) return;
    if (envelope.action === undefined || !states(envelope.body)) {
      this.signatures.at(position, "a signed answer lacks what it states");
      return;
    }
    if (signature === undefined) {
      this.counts.closed += 1;
      return;
    }
    try {
      this.origins.add(await checkSignature(envelope, signature));
      this.counts.signed += 1;
    } catch (error) {
      if (error instanceof Unsigned && error.unsupported) this.counts.closed += 1;
      else this.signatures.at(position, `the signature: ${error instanceof Error ? error.message : error}`);
    }
  }

  judge() {
    const { whole, withheld, signed, closed } = this.counts;
    const what = `${whole} sealed fields open to what their envelopes commit to, ${withheld} are withheld`;
    const opened = this.findings.judge("openings", withheld > 0 || whole === 0 ? "NOT CHECKED" : "PASS", what);
    opened.findings.push(...this.withheld.answer("openings", "NOT CHECKED", "").findings);
    if (signed === 0 && closed === 0 && this.signatures.listed.length === 0) return [opened];
    const origins = [...this.origins].sort().join(", ");
    const said = [
      ...(signed > 0 ? [`${signed} answers are signed by passkeys, made at ${origins}`] : []),
      ...(closed > 0 ? [`${closed} signatures stay closed`] : []),
    ].join("; ");
    return [opened, this.signatures.judge("signatures", closed > 0 ? "NOT CHECKED" : "PASS", said)];
  }
}
