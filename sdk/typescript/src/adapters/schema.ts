// Whether an edited payload is what a tool's schema asks for.

import { exact, isSame } from "../payload.js";
import { isObject, type JsonObject } from "../verify/json.js";

interface Standard {
  "~standard": { validate: (value: unknown) => unknown };
}
interface Validating {
  validate: (value: unknown) => unknown;
}

const has = <T extends object>(value: unknown, name: keyof T & string): value is T =>
  (typeof value === "object" || typeof value === "function") && value !== null && name in value;

/**
 * A check by a Standard Schema (Zod, Valibot, ArkType, …) or by the AI SDK's `jsonSchema` with a `validate`; throws where the payload
 * does not fit, or where the schema would make something else of it: what was authorized is what runs, so nothing may be left to fill
 * in, convert or drop. A plain JSON Schema brings nothing to check by: the reviewer's word counts.
 */
export async function checkBySchema(given: unknown, payload: JsonObject): Promise<void> {
  const schema: unknown = typeof given === "function" && !has<Standard>(given, "~standard") ? given() : given;
  // Some validators fill in and convert what they are given.
  const copy = exact(payload);
  let result: unknown;
  if (has<Standard>(schema, "~standard")) {
    result = await schema["~standard"].validate(copy);
    if (has<{ issues: unknown }>(result, "issues") && result.issues !== undefined) throw new TypeError("it does not fit the tool's schema");
  } else if (has<Validating>(schema, "validate") && typeof schema.validate === "function") {
    result = await schema.validate(copy);
    if (!isObject(result) || result["success"] !== true) throw new TypeError("it does not fit the tool's schema");
  } else return;
  if (!has<{ value: unknown }>(result, "value") || !isSame(exact(result.value), payload)) {
    throw new TypeError("the tool's schema would make something else of it");
  }
}
