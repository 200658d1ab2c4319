// Sealed fields: what disclosures open (docs/evidence-format.md §4, RFC 9901).

import { digestOf, fromBase64url, isDigest, textOf } from "./bytes.js";
import { canonical, isObject, parse, setMember } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./json.js").JsonObject} JsonObject */

const MOST_BYTES = 8 << 20;
const MOST_DEPTH = 128;

/** A disclosure is not what a digest commits to, or is malformed. */
export class DisclosureError extends Error {
  /** @param {string} what */
  constructor(what) {
    super(`a disclosure is unpadded base64url of canonical JSON [salt, name, value]: ${what}`);
    this.name = "DisclosureError";
  }
}

/**
 * The salt, the name and the value as sealed, of one disclosure. Throws `DisclosureError`.
 * @param {string} text
 */
export function readDisclosure(text) {
  let value;
  try {
    const data = fromBase64url(text);
    value = parse(data, { bytes: MOST_BYTES, depth: MOST_DEPTH });
    if (canonical(value) !== textOf(data)) throw new Error("it is not in canonical form");
  } catch (error) {
    throw new DisclosureError(error instanceof Error ? error.message : String(error));
  }
  if (!Array.isArray(value) || value.length !== 3) throw new DisclosureError("it has not three elements");
  const [salt, name, sealed] = value;
  if (typeof salt !== "string" || typeof name !== "string") throw new DisclosureError("salt and name are strings");
  let bytes;
  try {
    bytes = fromBase64url(salt);
  } catch {
    throw new DisclosureError("the salt is base64url");
  }
  if (bytes.length < 16) throw new DisclosureError("the salt has at least 16 bytes");
  return { name, value: /** @type {Json} */ (sealed) };
}

/** Disclosures by their digests. */
export class Disclosures {
  /** @param {Map<string, string>} byDigest */
  constructor(byDigest) {
    this.byDigest = byDigest;
  }

  /** @param {Iterable<string>} texts */
  static async of(texts) {
    const entries = await Promise.all(Array.from(texts, async (text) => /** @type {const} */ ([await digestOf(text), text])));
    return new Disclosures(new Map(entries));
  }

  /**
   * The value of the field `name` that commits to `digest`, and how many of its members are withheld; `null` where all of it
   * is. Throws `DisclosureError`.
   * @param {string} name
   * @param {string} digest
   * @returns {{ value: Json, withheld: number } | null}
   */
  open(name, digest) {
    const found = this.read(digest);
    if (!found) return null;
    if (found.name !== name) throw new DisclosureError(`what opens ${name} says that it is ${found.name}`);
    return this.openValue(found.value, new Set([digest]), 0);
  }

  /** @param {string} digest */
  read(digest) {
    const text = this.byDigest.get(digest);
    return text === undefined ? null : readDisclosure(text);
  }

  /**
   * Each digest opens once: foreign disclosures could name each other so that they open into far more than their own length.
   * @param {Json} value
   * @param {Set<string>} seen
   * @param {number} depth
   * @returns {{ value: Json, withheld: number }}
   */
  openValue(value, seen, depth) {
    if (!isObject(value)) return { value, withheld: 0 };
    /** @type {JsonObject} */
    const members = {};
    let withheld = 0;
    for (const digest of digestsOf(value)) {
      if (seen.has(digest) || depth >= MOST_DEPTH) {
        throw new DisclosureError("a digest is named twice, or nested deeper than 128 levels");
      }
      seen.add(digest);
      const found = this.read(digest);
      if (!found) {
        withheld += 1;
        continue;
      }
      const opened = this.openValue(found.value, seen, depth + 1);
      if (Object.hasOwn(members, found.name)) throw new DisclosureError(`two members have the name ${found.name}`);
      setMember(members, found.name, opened.value);
      withheld += opened.withheld;
    }
    return { value: members, withheld };
  }

  /**
   * The digest of a disclosure that neither the envelope nor another disclosure names.
   * @param {{ [field: string]: string }} sealed
   */
  stray(sealed) {
    const named = new Set(Object.values(sealed));
    for (const text of this.byDigest.values()) {
      try {
        const { value } = readDisclosure(text);
        const digests = isObject(value) ? value["_sd"] : null;
        if (Array.isArray(digests)) digests.filter(isDigest).forEach((digest) => named.add(digest));
      } catch {
        // It names nothing; where a digest names it, opening that says what is wrong.
      }
    }
    return [...this.byDigest.keys()].find((digest) => !named.has(digest)) ?? null;
  }
}

/** The digests of an object's members. @param {JsonObject} value @returns {string[]} */
function digestsOf(value) {
  const digests = Object.hasOwn(value, "_sd") && Object.keys(value).length === 1 ? value["_sd"] : null;
  if (!Array.isArray(digests)) throw new DisclosureError("an object's value is {\"_sd\": [digests]}");
  if (!digests.every(isDigest)) throw new DisclosureError("_sd holds digests");
  return digests;
}
