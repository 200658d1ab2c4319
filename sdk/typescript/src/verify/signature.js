// Signed answers (docs/evidence-format.md §6.1): whether a WebAuthn assertion signs what a review's answer states.

import { concat, equal, fromBase64url, sha256, toBase64url, utf8 } from "./bytes.js";
import { canonical, isObject, parse } from "./json.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./json.js").JsonObject} JsonObject */

/** What a signed answer states, besides its action. */
const STATED = ["meaning", "payload", "policy", "presentation", "verdict"];
/** Longest part of an assertion, in characters. */
const MOST = 4_096;
const FLAGS = 32;
/** User present, user verified. */
const PRESENT_AND_VERIFIED = 0x05;

/** It does not sign the answer; where `unsupported`, this platform cannot tell. */
export class Unsigned extends Error {
  /** @param {string} what @param {boolean} [unsupported] */
  constructor(what, unsupported = false) {
    super(what);
    this.name = "Unsigned";
    this.unsupported = unsupported;
  }
}

/** @param {unknown} holds @param {string} what @returns {asserts holds} */
function need(holds, what) {
  if (!holds) throw new Unsigned(what);
}

/** Whether the body of an answer names all that a signed one states. @param {any} body */
export const states = (body) => STATED.every((name) => Object.hasOwn(body, name));

/** The canonical text that is signed. @param {{ action?: string, body: any }} record */
export const statementOf = ({ action, body }) =>
  canonical({ action, ...Object.fromEntries(STATED.map((name) => [name, body[name]])) });

/** @param {Json | undefined} text @param {string} what */
function decoded(text, what) {
  try {
    need(typeof text === "string" && text.length <= MOST, what);
    return fromBase64url(text);
  } catch {
    throw new Unsigned(`${what} is not base64url without padding, or too long`);
  }
}

/** @param {JsonObject} object @param {string[]} required @param {string} what */
function exactly(object, required, what) {
  const names = Object.keys(object);
  need(names.length === required.length && required.every((name) => names.includes(name)), `${what} has other members`);
}

/**
 * Checks an assertion (the opened field `signature`) against its record; gives the origin where it was made. Throws `Unsigned`.
 * @param {{ action?: string, body: any }} record
 * @param {Json} assertion
 */
export async function checkSignature(record, assertion) {
  need(isObject(assertion), "the assertion is no object");
  exactly(assertion, ["credential", "public_key", "authenticator_data", "client_data", "signature"], "the assertion");
  const key = assertion["public_key"];
  need(isObject(key) && typeof assertion["credential"] === "string", "the public key does not read");
  const client = decoded(assertion["client_data"], "client_data");
  const data = decoded(assertion["authenticator_data"], "authenticator_data");
  const signature = decoded(assertion["signature"], "signature");
  const origin = await checkClientData(client, statementOf(record));
  await checkAuthenticatorData(data, origin);
  const imported = await importKey(key);
  const signed = concat(data, await sha256(client));
  need(await imported.verify(signature, signed), "the signature does not verify");
  return origin;
}

/** @param {Bytes} bytes @param {string} statement */
async function checkClientData(bytes, statement) {
  let said;
  try {
    said = parse(bytes, { bytes: MOST, depth: 8 });
  } catch {
    throw new Unsigned("the client data does not read");
  }
  need(isObject(said) && said["type"] === "webauthn.get" && said["crossOrigin"] !== true, "the client data is not of a signature");
  need(said["challenge"] === toBase64url(await sha256(utf8(statement))), "it signs another statement");
  need(typeof said["origin"] === "string", "the client data names no origin");
  return said["origin"];
}

/** The relying party's id is the origin's host, or a parent domain of it. @param {Bytes} data @param {string} origin */
async function checkAuthenticatorData(data, origin) {
  const found = /^(?:https:\/\/([A-Za-z0-9.-]+)|http:\/\/(localhost))(?::|$)/.exec(origin);
  const labels = (found?.[1] ?? found?.[2] ?? "").split(".");
  const parties = await Promise.all(labels.map((_, at) => sha256(utf8(labels.slice(at).join(".")))));
  const known = found && data.length >= FLAGS + 5 && parties.some((party) => equal(party, data.subarray(0, FLAGS)));
  need(known, "the authenticator's data is not of this site");
  need(((data[FLAGS] ?? 0) & PRESENT_AND_VERIFIED) === PRESENT_AND_VERIFIED, "the authenticator did not verify that its user was there");
}

/**
 * The key of a JSON Web Key, as what verifies under it.
 * @param {JsonObject} key
 * @returns {Promise<{ verify: (signature: Bytes, signed: Bytes) => Promise<boolean> }>}
 */
async function importKey(key) {
  /** @param {string} name @param {number} [length] */
  const part = (name, length) => {
    const bytes = decoded(key[name], "the public key");
    need(length === undefined || bytes.length === length, "the public key does not read");
    return bytes;
  };
  if (key["kty"] === "EC" && key["crv"] === "P-256") {
    const raw = concat(Uint8Array.of(4), part("x", 32), part("y", 32));
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    return verifier(raw, algorithm, fixedLength);
  }
  if (key["kty"] === "OKP" && key["crv"] === "Ed25519") return verifier(part("x", 32), { name: "Ed25519" });
  need(key["kty"] === "RSA", "the public key is of no kind that is known");
  const [n, e] = [part("n"), part("e")];
  const exponent = e.reduce((sum, byte) => sum * 256 + byte, 0);
  need(n.length >= 256 && n.length <= 1024 && n[0] !== 0, "the public key has too few bits, or too many");
  // Under an exponent of 1 everybody can sign.
  need(e[0] !== 0 && exponent >= 3 && exponent % 2 === 1 && exponent < 2 ** 33, "the public key's exponent proves nothing");
  const jwk = { kty: "RSA", n: toBase64url(n), e: toBase64url(e) };
  return verifier(jwk, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" });
}

/**
 * @param {Bytes | { kty: string, n: string, e: string }} material
 * @param {{ name: string, namedCurve?: string, hash?: string }} algorithm
 * @param {(signature: Bytes) => Bytes} [form] how WebCrypto wants the signature
 */
async function verifier(material, algorithm, form = (signature) => signature) {
  let key;
  try {
    key = material instanceof Uint8Array
      ? await crypto.subtle.importKey("raw", material, algorithm, false, ["verify"])
      : await crypto.subtle.importKey("jwk", material, algorithm, false, ["verify"]);
  } catch (error) {
    const unsupported = error instanceof Error && error.name === "NotSupportedError";
    throw new Unsigned(unsupported ? "this platform knows no such key" : "the public key does not read", unsupported);
  }
  /** @param {Bytes} signature @param {Bytes} signed */
  const verify = (signature, signed) => crypto.subtle.verify(algorithm, key, form(signature), signed);
  return { verify };
}

/**
 * An ECDSA signature on P-256 as WebCrypto wants it: r and s of 32 bytes each, out of their DER (SEC 1, C.5).
 * @param {Bytes} der
 */
function fixedLength(der) {
  let at = 0;
  /** @param {number} tag */
  const take = (tag) => {
    const length = der[at + 1] ?? 128;
    need(der[at] === tag && length < 128 && at + 2 + length <= der.length, "the signature is not DER");
    at += 2 + length;
    return der.subarray(at - length, at);
  };
  const sequence = take(0x30);
  need(at === der.length, "the signature is not DER");
  at = der.length - sequence.length;
  const numbers = [take(0x02), take(0x02)];
  need(at === der.length, "the signature is not DER");
  return concat(...numbers.map((number) => {
    const [first = 0, second = 0] = number;
    // Positive, and without a zero that it does not need.
    need(number.length > 0 && first < 128 && (first > 0 || number.length === 1 || second >= 128), "the signature is not DER");
    const digits = first === 0 ? number.subarray(1) : number;
    need(digits.length <= 32, "the signature is not DER");
    return concat(new Uint8Array(32 - digits.length), digits);
  }));
}
