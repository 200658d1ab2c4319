// The log: signed notes, checkpoints, keys and proofs (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof).

import { equal, fromBase64, nodeHash, sha256, textOf, toBase64, utf8 } from "./bytes.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ name: string, keyId: Bytes, bytes: Bytes }} SignatureLine */
/** A public key under a name; `type` 1 is a log's, 4 a witness's. @typedef {{ vkey: string, name: string, keyId: Bytes, type: number, key: Bytes }} Verifier */
/** @typedef {{ text: string, signatures: SignatureLine[] }} Note */
/** @typedef {{ origin: string, size: bigint, root: Bytes }} Checkpoint */
/** @typedef {{ index: bigint, hashes: Bytes[], note: Note }} TlogProof */

const MOST_NOTE = 256 * 1024;
const MOST_SIGNATURES = 64;
const MOST_HASHES = 63;
const MOST_NAME = 255;
const MOST_SIZE = 2n ** 63n - 1n;
const PROOF = "c2sp.org/tlog-proof@v1\n";

/** Something is not what the specification says, or does not hold. */
export class LogError extends Error {
  /** @param {string} what */
  constructor(what) {
    super(what);
    this.name = "LogError";
  }
}

/** This platform has no Ed25519. */
export class Unsupported extends Error {}

/** @param {unknown} holds @param {string} what @returns {asserts holds} */
function need(holds, what) {
  if (!holds) throw new LogError(what);
}

/** @template T @param {() => T} work @param {string} what @returns {T} */
function attempt(work, what) {
  try {
    return work();
  } catch {
    throw new LogError(what);
  }
}

/** @param {string} text @param {string} what */
function decimal(text, what) {
  const number = /^(0|[1-9]\d{0,18})$/.test(text) ? BigInt(text) : -1n;
  need(number >= 0n && number <= MOST_SIZE, what);
  return number;
}

/** @param {string} text @param {string} what */
function hash(text, what) {
  const bytes = attempt(() => fromBase64(text), what);
  need(bytes.length === 32, what);
  return bytes;
}

/** Neither white space as Unicode has it (which differs from `\s` in two characters), nor plus signs. @param {string} name */
const isName = (name) => name !== "" && !/[^\S\ufeff]|[\u0085+\0-\x1f]/u.test(name);

/** The y of the points of small order (RFC 7748 §6 and their non-canonical spellings); such keys prove nothing. */
const SMALL_ORDER = [
  "00".repeat(32), `01${"00".repeat(31)}`, `ec${"ff".repeat(30)}7f`, `ed${"ff".repeat(30)}7f`, `ee${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/** @param {Bytes} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {Bytes} point */
function isSmallOrder(point) {
  const y = Uint8Array.from(point);
  y[31] = (y[31] ?? 0) & 0x7f;
  return SMALL_ORDER.includes(hex(y));
}

/**
 * Reads `name+id+base64(type ‖ key)`. Throws `LogError`.
 * @param {string} vkey
 * @returns {Promise<Verifier>}
 */
export async function readVkey(vkey) {
  const [name = "", id = "", ...rest] = vkey.split("+");
  need(rest.length > 0 && /^[0-9a-fA-F]{8}$/.test(id), "a key is not of the form <name>+<8 hex digits>+<base64>");
  need(isName(name) && utf8(name).length <= MOST_NAME, "a key name has spaces, plus signs or control characters, or is too long");
  const material = attempt(() => fromBase64(rest.join("+")), "a key is not of the form <name>+<8 hex digits>+<base64>");
  const [type = 0] = material;
  const key = material.slice(1);
  need((type === 1 || type === 4) && key.length === 32, "a key is not an Ed25519 key of type 0x01 or 0x04");
  need(!isSmallOrder(key), "a public key is not a valid Ed25519 key");
  const keyId = (await sha256(utf8(`${name}\n`), material)).slice(0, 4);
  need(hex(keyId) === id.toLowerCase(), "a key's id does not fit its name and key");
  return { vkey: `${name}+${hex(keyId)}+${toBase64(material)}`, name, keyId, type, key };
}

/**
 * Whether a key signed a text; then when it says that it did, for a witness's key in POSIX seconds, else 0. `null`: not.
 * @param {Verifier} verifier
 * @param {string} text
 * @param {Bytes} signature
 */
async function timeSigned(verifier, text, signature) {
  if (verifier.type === 1) return (await isSigned(verifier.key, utf8(text), signature)) ? 0n : null;
  if (signature.length < 8) return null;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (time < 1n || time > MOST_SIZE) return null;
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  return (await isSigned(verifier.key, message, signature.slice(8))) ? time : null;
}

/** @param {Bytes} key @param {Bytes} message @param {Bytes} signature */
async function isSigned(key, message, signature) {
  if (signature.length !== 64 || isSmallOrder(signature.slice(0, 32))) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error instanceof Error && error.name === "NotSupportedError") throw new Unsupported();
    return false;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/**
 * Reads a signed note. Verifies nothing. Throws `LogError` for everything that is not exactly as the specification writes it.
 * @param {Uint8Array} bytes
 * @returns {Note}
 */
export function readNote(bytes) {
  need(bytes.length <= MOST_NOTE, "a note has more than 256 KiB");
  const whole = attempt(() => textOf(bytes), "a note is not UTF-8 text");
  need(!/[\0-\x09\x0b-\x1f]/.test(whole), "a note has control characters");
  // The text may hold empty lines itself, so the last one separates.
  const split = whole.lastIndexOf("\n\n");
  need(split >= 0 && whole.endsWith("\n"), "a note does not consist of text, an empty line and signature lines");
  const body = whole.slice(split + 2, -1);
  need(split + 2 < whole.length, "a note does not consist of text, an empty line and signature lines");
  const lines = body.split("\n");
  need(lines.length <= MOST_SIGNATURES, "a note has more than 64 signatures");
  const signatures = lines.map((line, at) => {
    const what = `signature line ${at + 1} of a note is malformed`;
    need(line.startsWith("\u2014 "), what);
    const rest = line.slice(2);
    const space = rest.indexOf(" ");
    need(space > 0 && isName(rest.slice(0, space)), what);
    const blob = attempt(() => fromBase64(rest.slice(space + 1)), what);
    need(blob.length > 4, what);
    return { name: rest.slice(0, space), keyId: blob.slice(0, 4), bytes: blob.slice(4) };
  });
  return { text: whole.slice(0, split + 1), signatures };
}

/**
 * The signatures by known keys, with their times. One wrong signature by a known key rejects the note.
 * @param {Note} note
 * @param {Verifier[]} known
 */
export async function verifyNote(note, known) {
  /** @type {Map<Verifier, bigint>} */
  const verified = new Map();
  for (const { name, keyId, bytes } of note.signatures) {
    const [verifier, other] = known.filter((one) => one.name === name && equal(one.keyId, keyId));
    if (!verifier) continue;
    need(!other, `two known keys share the name ${name} and the key id`);
    const time = await timeSigned(verifier, note.text, bytes);
    need(time !== null, `the signature of ${name} is wrong: the note was changed or signed by somebody else`);
    if (!verified.has(verifier)) verified.set(verifier, time);
  }
  need(verified.size > 0, "no known key has signed the note; check that the right key is trusted");
  return verified;
}

/**
 * Reads the text of a note as a checkpoint. Throws `LogError`.
 * @param {string} text
 * @returns {Checkpoint}
 */
export function readCheckpoint(text) {
  const layout = "a checkpoint does not consist of origin, size, root and optional non-empty lines";
  need(text.endsWith("\n"), layout);
  const [origin, size, root, ...extensions] = text.slice(0, -1).split("\n");
  need(origin !== undefined && size !== undefined && root !== undefined, layout);
  const read = {
    origin,
    size: decimal(size, "a checkpoint's size is not a decimal up to 2^63-1 without leading zeros"),
    root: hash(root, "a checkpoint's root is not the base64 of a SHA-256 root"),
  };
  need(origin !== "" && utf8(origin).length <= MOST_NAME, "a checkpoint's origin must have 1 to 255 bytes");
  need(read.size > 0n || hex(read.root) === EMPTY_ROOT, "a checkpoint's root is not one that its size can have");
  need(!extensions.includes(""), layout);
  return read;
}

/** SHA-256 of nothing. */
const EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Whether bytes begin as a tlog-proof does. @param {Uint8Array} bytes */
export const isProof = (bytes) => equal(bytes.subarray(0, PROOF.length), utf8(PROOF));

/**
 * Reads a tlog-proof. Verifies nothing. Throws `LogError`.
 * @param {Uint8Array} bytes
 * @returns {TlogProof}
 */
export function readProof(bytes) {
  need(bytes.length <= 2 * MOST_NOTE, "a proof file has more than 512 KiB");
  const text = attempt(() => textOf(bytes), "a proof is not UTF-8 text");
  need(text.startsWith(PROOF), "a file does not start with the line c2sp.org/tlog-proof@v1; it is no proof of this version");
  const end = text.indexOf("\n\n");
  need(end >= 0, "a proof has no empty line before its checkpoint; the file may be cut off");
  const [first, ...rest] = text.slice(PROOF.length, end).split("\n");
  const lines = [first ?? "", ...rest];
  if (lines[0]?.startsWith("extra ")) {
    const extra = lines.shift()?.slice(6) ?? "";
    need(extra !== "" && attempt(() => fromBase64(extra), "a proof's extra line is not base64").length > 0, "a proof's extra line is not base64");
  }
  const index = lines.shift() ?? "";
  need(index.startsWith("index "), "a proof's index line is missing");
  need(lines.length <= MOST_HASHES, "a proof has too many hashes");
  return {
    index: decimal(index.slice(6), "a proof's index is not a decimal without leading zeros"),
    hashes: lines.map((line, at) => hash(line, `a proof's hash line ${at + 1} is not the base64 of a SHA-256 hash`)),
    note: readNote(utf8(text.slice(end + 2))),
  };
}

/**
 * Checks that a leaf is at `index` of the tree of `size` leaves (RFC 9162 §2.1.3.2). Throws `LogError`.
 * @param {Bytes} leaf
 * @param {bigint} index
 * @param {Checkpoint} checkpoint
 * @param {Bytes[]} hashes
 */
export async function checkInclusion(leaf, index, { size, root }, hashes) {
  need(index < size, `index ${index} is not in a tree of ${size} leaves`);
  let [found, node, last] = [leaf, index, size - 1n];
  for (const sibling of hashes) {
    need(last > 0n, "a proof has too many hashes");
    if (node % 2n === 1n || node === last) {
      found = await nodeHash(sibling, found);
      while (node % 2n === 0n && node > 0n) [node, last] = [node >> 1n, last >> 1n];
    } else {
      found = await nodeHash(found, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  need(last === 0n, "a proof has too few hashes");
  need(equal(found, root), "a proof does not lead to the given root: entry, position, proof or root was changed");
}
