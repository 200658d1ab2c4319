// Arguments as a payload, and a payload as arguments: what is judged and what is executed are the same copy.

import { ExactNumber, type Json, type JsonObject, canonical, isObject, parse, setMember } from "./verify/json.js";

/** Most levels of a payload; the gate reads no more. */
const MOST_DEPTH = 64;
/** Characters of a result that is no JSON, as it is recorded. */
const MOST_TEXT = 20_000;

/**
 * A copy of a value as JSON holds it, whatever becomes of the original. Members that are `undefined` are absent. Throws TypeError
 * for what JSON does not hold (a Date, a Map, an instance of a class): who passes one says how it is to be written.
 */
export function exact(value: unknown, depth = 0): Json {
  if (value === null || typeof value !== "object" || value instanceof ExactNumber) {
    canonical(value);
    return value as Json;
  }
  if (depth >= MOST_DEPTH) throw new TypeError(`nested deeper than ${MOST_DEPTH} levels`);
  if (Array.isArray(value)) return Array.from(value, (item) => exact(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new TypeError(`JSON holds no ${value.constructor?.name ?? "such object"}: pass plain values`);
  }
  const copy: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    if (item !== undefined) setMember(copy, name, exact(item, depth + 1));
  }
  return copy;
}

/** Whether two values are the same JSON. */
export const isSame = (a: Json, b: Json): boolean => canonical(a) === canonical(b);

/** A copy of a payload as an object; throws TypeError for anything else. */
export function exactObject(value: unknown): JsonObject {
  const copy = exact(value);
  if (!isObject(copy)) throw new TypeError("a payload is an object");
  return copy;
}

/**
 * What a reviewer made of a payload, with numbers of the kind that the caller used where that holds them exactly: JSON does not
 * tell `10` from `10n`.
 */
export function asProposed(edited: Json, proposed: Json | undefined): Json {
  if (Array.isArray(edited)) {
    const like = Array.isArray(proposed) ? proposed : [];
    return edited.map((item, at) => asProposed(item, like[at]));
  }
  if (isObject(edited)) {
    const copy: JsonObject = {};
    for (const [name, item] of Object.entries(edited)) {
      const like = isObject(proposed) && Object.hasOwn(proposed, name) ? proposed[name] : undefined;
      setMember(copy, name, asProposed(item, like));
    }
    return copy;
  }
  if (typeof edited === "number" && Number.isSafeInteger(edited) && typeof proposed === "bigint") return BigInt(edited);
  if (typeof edited === "bigint" && typeof proposed === "number" && BigInt(Number(edited)) === edited) return Number(edited);
  return edited;
}

/** A result for the record: itself where JSON holds it, else as `JSON.stringify` has it, else its text; it throws for nothing. */
export function recordable(value: unknown): Json {
  const asText = () => ({ text: wellFormed(String(value), MOST_TEXT) });
  for (const attempt of [() => exact(value), () => parse(JSON.stringify(value)), asText]) {
    try {
      return attempt();
    } catch {
      // The next one says less, and holds more.
    }
  }
  return { text: "a result that cannot be written down" };
}

/** A text that JSON holds, of so many characters at most. */
export const wellFormed = (text: string, most: number): string => text.slice(0, most).replace(/\p{Surrogate}/gu, "\ufffd");
