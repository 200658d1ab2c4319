// The verifier's own trust file (C2SP tlog-policy): which logs and witnesses it believes, and how many witnesses it takes.

import { toBase64 } from "./bytes.js";
import { readCheckpoint, readVkey, verifyNote } from "./log.js";

/** @typedef {import("./log.js").Verifier} Verifier */
/** @typedef {import("./log.js").Note} Note */
/** @typedef {{ witness: Verifier } | { threshold: number, members: number[] }} Member */
/** `members` are in the order of definition, so that a group's members come before it; `quorum` is one's place, or null for none. */
/** @typedef {{ logs: Verifier[], witnesses: { name: string, verifier: Verifier }[], members: Member[], quorum: number | null }} Trust */

const MOST_BYTES = 1024 * 1024;
const MOST_OF_A_KIND = 1024;

/** A trust file that cannot be used: nothing is verified with half of one. */
export class TrustError extends Error {
  /** @param {number} line @param {string} what */
  constructor(line, what) {
    super(`trust file, line ${line}: ${what}`);
    this.name = "TrustError";
  }
}

/**
 * Reads a trust file. Throws `TrustError` with the first line that cannot be used.
 * @param {string | Uint8Array} input
 * @returns {Promise<Trust>}
 */
export async function readTrust(input) {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  if (bytes.length > MOST_BYTES) throw new TrustError(1, "the file has more than 1 MiB");
  // The format gives bytes beyond ASCII no meaning in names: each is read as one character.
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const lines = text.split("\n");
  const unfinished = lines.pop();
  const reading = new Reading();
  for (const [at, line] of lines.entries()) {
    try {
      await reading.line(line, at + 1);
    } catch (error) {
      throw new TrustError(at + 1, error instanceof Error ? error.message : String(error));
    }
  }
  if (unfinished !== "") throw new TrustError(lines.length + 1, "the last line has no newline; the file may be cut off");
  if (reading.quorum === undefined) throw new TrustError(lines.length + 1, "there is no quorum line; add one, or \"quorum none\"");
  return { logs: reading.logs, witnesses: reading.witnesses, members: reading.members, quorum: reading.quorum };
}

class Reading {
  constructor() {
    /** @type {Verifier[]} */
    this.logs = [];
    /** @type {Trust["witnesses"]} */
    this.witnesses = [];
    /** @type {Member[]} */
    this.members = [];
    /** @type {number | null | undefined} */
    this.quorum = undefined;
    /** @type {Map<string, number>} */
    this.names = new Map();
    /** Line in which each public key stands. @type {Map<string, number>} */
    this.keys = new Map();
    /** @type {Set<number>} */
    this.taken = new Set();
  }

  /** @param {string} line @param {number} number */
  async line(line, number) {
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) throw new Error("a control character; save the file as plain text with Unix line ends");
    const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    if (keyword === undefined || keyword.startsWith("#")) return;
    const [first = "", second = "", ...rest] = words;
    if (keyword === "log" && [1, 2].includes(words.length)) {
      need(this.logs.length < MOST_OF_A_KIND, "more than 1024 lines of this kind");
      this.logs.push(await this.key(first, 1, number));
    } else if (keyword === "witness" && [2, 3].includes(words.length)) {
      need(this.witnesses.length < MOST_OF_A_KIND, "more than 1024 lines of this kind");
      const verifier = await this.key(second, 4, number);
      this.define(first, { witness: verifier });
      this.witnesses.push({ name: first, verifier });
    } else if (keyword === "group" && rest.length > 0) {
      need(this.members.length - this.witnesses.length < MOST_OF_A_KIND, "more than 1024 lines of this kind");
      this.group(first, second, rest);
    } else if (keyword === "quorum" && words.length === 1) {
      need(this.quorum === undefined, "there is a quorum line already; keep one");
      this.quorum = first === "none" ? null : this.defined(first);
    } else {
      throw new Error("write it as log <vkey> [<url>], witness <name> <vkey> [<url>], group <name> all|any|<number> <name>…, quorum <name>|none");
    }
  }

  /** @param {string} vkey @param {number} type @param {number} line */
  async key(vkey, type, line) {
    const verifier = await readVkey(vkey);
    need(verifier.type === type, `a key of type 0x0${verifier.type} stands where type 0x0${type} is needed`);
    const key = toBase64(verifier.key);
    need(!this.keys.has(key), `this public key stands in line ${this.keys.get(key)} already`);
    this.keys.set(key, line);
    return verifier;
  }

  /** @param {string} name @param {string} threshold @param {string[]} names */
  group(name, threshold, names) {
    const written = /^[1-9]\d{0,4}$/.test(threshold) ? Number(threshold) : 0;
    const number = threshold === "all" ? names.length : threshold === "any" ? 1 : written;
    need(number > 0 && number <= names.length, "a group needs all, any or a number from 1 to the number of its members");
    const members = names.map((member) => {
      const place = this.defined(member);
      need(!this.taken.has(place), `${member} is a member of a group already`);
      this.taken.add(place);
      return place;
    });
    this.define(name, { threshold: number, members });
  }

  /** @param {string} name @param {Member} member */
  define(name, member) {
    need(name !== "none" && !this.names.has(name), `the name ${name} is taken; choose another`);
    this.names.set(name, this.members.length);
    this.members.push(member);
  }

  /** @param {string} name */
  defined(name) {
    const place = this.names.get(name);
    if (place === undefined) throw new Error(`the name ${name} is not defined in a line before this one`);
    return place;
  }
}

/** @param {boolean} holds @param {string} what */
function need(holds, what) {
  if (!holds) throw new Error(what);
}

/**
 * Demands that a trusted log signed a note, that no trusted key has a wrong signature on it, and that the quorum of witnesses is
 * met; says what was found. Throws where not.
 * @param {Trust} trust
 * @param {Note} note
 */
export async function requireTrusted(trust, note) {
  need(trust.logs.length > 0, "the trust file has no log line; add the key of the log that you trust");
  const signed = await verifyNote(note, [...trust.logs, ...trust.witnesses.map((witness) => witness.verifier)]);
  const { origin } = readCheckpoint(note.text);
  const logs = trust.logs.filter((log) => signed.has(log) && log.name === origin);
  need(logs.length > 0, `no known log key with the name ${origin} has signed the checkpoint`);
  /** @type {boolean[]} */
  const seen = [];
  for (const member of trust.members) {
    seen.push("witness" in member
      ? signed.has(member.witness)
      : member.members.filter((place) => seen[place]).length >= member.threshold);
  }
  const missing = trust.witnesses.filter((witness) => !signed.has(witness.verifier)).map((witness) => witness.name);
  need(trust.quorum === null || seen[trust.quorum] === true,
    `too few of the trusted witnesses have cosigned the checkpoint (missing: ${missing.join(", ")})`);
  const cosigned = trust.witnesses.length - missing.length;
  const unknown = note.signatures.length - logs.length - cosigned;
  return `signed by the trusted log key ${logs.map((log) => log.vkey).join(", ")}; `
    + (trust.quorum === null ? "no witnesses are required" : `${cosigned} of ${trust.witnesses.length} trusted witnesses have cosigned`)
    + (unknown > 0 ? `; ${unknown} signatures by keys that are not trusted were not checked` : "");
}
