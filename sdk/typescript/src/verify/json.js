// Strict JSON with exact numbers, and its canonical form (docs/evidence-format.md §2). Nothing is rounded, dropped or guessed.

/**
 * A JSON value. Numbers are `number` where that is exact, integers beyond ±(2^53 − 1) `bigint`, everything else `ExactNumber`.
 * @typedef {null | boolean | string | number | bigint | ExactNumber | Json[] | { [name: string]: Json }} Json
 */

/** What one object may hold. @typedef {{ [name: string]: Json }} JsonObject */

/**
 * Why bytes are not strict JSON; the names are those of the test vectors.
 * @typedef {"too_large" | "too_deep" | "duplicate_key" | "lone_surrogate" | "invalid_utf8" | "too_many_digits"
 *   | "exponent_too_large" | "syntax"} JsonErrorKind
 */

const MOST_BYTES = 1 << 20;
const MOST_DEPTH = 64;
const MOST_DIGITS = 1024;
const MOST_EXPONENT = 9999;
const MOST_PLAIN_DIGITS = 128;

/** The text is not strict JSON. */
export class JsonError extends Error {
  /**
   * @param {JsonErrorKind} kind
   * @param {number} [at] where in the text, in UTF-16 code units
   */
  constructor(kind, at = 0) {
    super(`not strict JSON at ${at}: ${kind.replaceAll("_", " ")}`);
    this.name = "JsonError";
    this.kind = kind;
  }
}

/** A number that neither a double nor a bigint holds: its canonical text. */
export class ExactNumber {
  /** @param {string} text a JSON number */
  constructor(text) {
    /** @readonly */
    this.text = canonicalNumber(text);
  }

  toString() {
    return this.text;
  }
}

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Sign, significant digits (none for zero) and scientific exponent.
 * @param {string} text
 */
function decimal(text) {
  const found = NUMBER.exec(text);
  if (!found) throw new JsonError("syntax");
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found;
  const all = whole + fraction;
  const stripped = all.replace(/^0+/, "");
  // Not by a pattern: one for zeros at the end takes quadratic time over zeros within.
  let end = stripped.length;
  while (stripped[end - 1] === "0") end -= 1;
  const digits = stripped.slice(0, end);
  return { sign, digits, exponent: Number(exponent) + whole.length - 1 - (all.length - stripped.length) };
}

/** @param {string} digits */
const withPoint = (digits) => digits.slice(0, 1) + (digits.length > 1 ? `.${digits.slice(1)}` : "");

/**
 * The canonical form of a number (§2). `exact` says that the nearest double has that very value.
 * @param {string} text
 */
function normal(text) {
  const { sign, digits, exponent } = decimal(text);
  if (digits === "") return { text: "0", exact: true, integer: true, plain: 1 };
  if (digits.length > MOST_DIGITS) throw new JsonError("too_many_digits");
  if (!(Math.abs(exponent) <= MOST_EXPONENT)) throw new JsonError("exponent_too_large");
  const scientific = `${sign}${withPoint(digits)}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
  const [integer, plain] = [digits.length - 1 <= exponent, exponent + 1];
  const double = Number(scientific);
  if (Number.isFinite(double) && double !== 0) {
    // ECMAScript's own writing of a double is what JCS prescribes.
    const jcs = String(double);
    const back = decimal(jcs);
    if (back.sign === sign && back.digits === digits && back.exponent === exponent) {
      return { text: jcs, exact: true, integer, plain };
    }
  }
  if (integer && plain <= MOST_PLAIN_DIGITS) {
    return { text: sign + digits + "0".repeat(plain - digits.length), exact: false, integer, plain };
  }
  return { text: scientific, exact: false, integer, plain };
}

/**
 * The canonical text of a JSON number.
 * @param {string} text
 */
export function canonicalNumber(text) {
  return normal(text).text;
}

/**
 * A JSON number as the narrowest kind that holds it exactly.
 * @param {string} text
 * @returns {number | bigint | ExactNumber}
 */
export function numberOf(text) {
  if (/^-?[1-9]\d{0,14}$/.test(text)) return Number(text);
  const found = normal(text);
  const double = Number(found.text);
  if (Number.isSafeInteger(double) && found.exact) return double;
  if (found.integer && found.plain <= MOST_PLAIN_DIGITS) {
    const { sign, digits } = decimal(found.text);
    return BigInt(sign + digits + "0".repeat(found.plain - digits.length));
  }
  return found.exact ? double : new ExactNumber(found.text);
}

const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[^"\\\0-\x1f]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORDS = /** @type {const} */ ([["true", true], ["false", false], ["null", null]]);
const ESCAPES = new Map([["\"", "\""], ["\\", "\\"], ["/", "/"], ["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]]);

/**
 * Sets a member as an own property, whatever its name (`__proto__` too).
 * @param {JsonObject} object
 * @param {string} name
 * @param {Json} value
 */
export function setMember(object, name, value) {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

class Parser {
  /**
   * @param {string} text
   * @param {number} most levels
   */
  constructor(text, most) {
    this.text = text;
    this.most = most;
    this.at = 0;
  }

  /** @param {JsonErrorKind} kind @returns {never} */
  refuse(kind) {
    throw new JsonError(kind, this.at);
  }

  peek() {
    return this.text.charAt(this.at);
  }

  /** Goes over what a sticky pattern finds here, and gives it. @param {RegExp} pattern */
  over(pattern) {
    pattern.lastIndex = this.at;
    const [found = ""] = pattern.exec(this.text) ?? [];
    this.at += found.length;
    return found;
  }

  space() {
    this.over(SPACE);
  }

  /** @param {string} character */
  take(character) {
    if (this.peek() !== character) return false;
    this.at += 1;
    return true;
  }

  /** @param {number} depth @returns {Json} */
  value(depth) {
    const first = this.peek();
    if (first === "{") return this.object(this.enter(depth));
    if (first === "[") return this.array(this.enter(depth));
    if (first === "\"") return this.string();
    if (first !== "" && "-0123456789".includes(first)) return this.number();
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    return this.refuse("syntax");
  }

  /** @param {number} depth */
  enter(depth) {
    if (depth >= this.most) this.refuse("too_deep");
    this.at += 1;
    this.space();
    return depth + 1;
  }

  /** @param {number} depth */
  array(depth) {
    /** @type {Json[]} */
    const items = [];
    if (this.take("]")) return items;
    for (;;) {
      this.space();
      items.push(this.value(depth));
      this.space();
      if (this.take("]")) return items;
      if (!this.take(",")) this.refuse("syntax");
    }
  }

  /** @param {number} depth */
  object(depth) {
    /** @type {JsonObject} */
    const members = {};
    let twice = false;
    if (this.take("}")) return members;
    for (;;) {
      this.space();
      if (this.peek() !== "\"") this.refuse("syntax");
      const name = this.string();
      this.space();
      if (!this.take(":")) this.refuse("syntax");
      this.space();
      const value = this.value(depth);
      twice ||= Object.hasOwn(members, name);
      setMember(members, name, value);
      this.space();
      if (this.take("}")) return twice ? this.refuse("duplicate_key") : members;
      if (!this.take(",")) this.refuse("syntax");
    }
  }

  number() {
    return numberOf(this.over(/[0-9+\-.eE]*/y));
  }

  string() {
    this.at += 1;
    let out = "";
    for (;;) {
      out += this.over(PLAIN);
      if (this.take("\"")) return out;
      if (!this.take("\\")) this.refuse("syntax");
      out += this.escape();
    }
  }

  escape() {
    const plain = ESCAPES.get(this.peek());
    if (plain !== undefined) {
      this.at += 1;
      return plain;
    }
    if (!this.take("u")) this.refuse("syntax");
    const first = this.hex();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    if (first > 0xdbff || !this.text.startsWith("\\u", this.at)) this.refuse("lone_surrogate");
    this.at += 2;
    const second = this.hex();
    if (second < 0xdc00 || second > 0xdfff) this.refuse("lone_surrogate");
    return String.fromCharCode(first, second);
  }

  hex() {
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.refuse("syntax");
    this.at += 4;
    return Number.parseInt(digits, 16);
  }
}

/**
 * Reads one JSON text of RFC 8259, strictly. Throws `JsonError`.
 * @param {string | Uint8Array} input
 * @param {{ bytes?: number, depth?: number }} [limits] 1 MiB and 64 levels
 * @returns {Json}
 */
export function parse(input, { bytes = MOST_BYTES, depth = MOST_DEPTH } = {}) {
  if (typeof input === "string" && LONE_SURROGATE.test(input)) throw new JsonError("invalid_utf8");
  const data = typeof input === "string" ? new TextEncoder().encode(input) : input;
  if (data.length > bytes) throw new JsonError("too_large");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new JsonError("invalid_utf8");
  }
  const parser = new Parser(text, depth);
  parser.space();
  const value = parser.value(0);
  parser.space();
  return parser.at < text.length ? parser.refuse("syntax") : value;
}

/** @param {string} text */
function canonicalString(text) {
  if (LONE_SURROGATE.test(text)) throw new TypeError("a string with a lone surrogate is no JSON");
  return JSON.stringify(text);
}

/**
 * The canonical text of a value. Throws TypeError for what is no JSON.
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "string":
      return canonicalString(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON`);
      return String(value === 0 ? 0 : value);
    case "bigint":
      return canonicalNumber(String(value));
    case "object":
      break;
    default:
      throw new TypeError(`a ${typeof value} is no JSON`);
  }
  if (value === null) return "null";
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${Array.from(value, canonical).join(",")}]`;
  const members = /** @type {{ [name: string]: unknown }} */ (value);
  // Without a function to compare by, names sort by their UTF-16 code units.
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${canonicalString(name)}:${canonical(members[name])}`).join(",")}}`;
}

/**
 * Whether a value is a JSON object.
 * @param {unknown} value
 * @returns {value is JsonObject}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
