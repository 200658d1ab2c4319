// Bytes and their texts: base64 in its one canonical spelling, SHA-256, digests, Merkle hashes (RFC 6962 §2.1).

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const encoder = new TextEncoder();

/** @param {string} text @returns {Bytes} */
export const utf8 = (text) => encoder.encode(text);

/**
 * The text of UTF-8 bytes; throws TypeError for anything else.
 * @param {Uint8Array} bytes
 */
export const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** @param {...Uint8Array} parts @returns {Bytes} */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let binary = "";
  // In parts, as a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x2000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  return btoa(binary);
}

/** @param {Uint8Array} bytes */
export const toBase64url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/**
 * Standard base64 with padding (RFC 4648 §4), canonical spelling only; throws for any other.
 * @param {string} text
 * @returns {Bytes}
 */
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new Error("this is not base64 in its canonical spelling");
  return bytes;
}

/**
 * base64url without padding (RFC 4648 §5), canonical spelling only; throws for any other.
 * @param {string} text
 * @returns {Bytes}
 */
export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("this is not base64url without padding");
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat(-text.length & 3));
}

/** @param {...Uint8Array} parts @returns {Promise<Bytes>} */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

/**
 * The digest of a text, as the format writes digests.
 * @param {string} text
 */
export const digestOf = async (text) => toBase64url(await sha256(utf8(text)));

/** @param {unknown} text @returns {text is string} */
export function isDigest(text) {
  if (typeof text !== "string" || text.length !== 43) return false;
  try {
    return fromBase64url(text).length === 32;
  } catch {
    return false;
  }
}

/** The Merkle leaf hash of an envelope. @param {Uint8Array} envelope */
export const leafHash = (envelope) => sha256(Uint8Array.of(0), envelope);

/** The Merkle hash of two nodes. @param {Uint8Array} left @param {Uint8Array} right */
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);
