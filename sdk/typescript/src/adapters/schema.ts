// Whether an edited payload is what a tool's schema asks for.

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
 * does not fit. A plain JSON Schema brings nothing to check by: the reviewer's word counts.
 */
export async function checkBySchema(given: unknown, payload: JsonObject): Promise<void> {
  const schema: unknown = typeof given === "function" && !has<Standard>(given, "~standard") ? given() : given;
  if (has<Standard>(schema, "~standard")) {
    const result = await schema["~standard"].validate(payload);
    if (has<{ issues: unknown }>(result, "issues") && result.issues !== undefined) throw new TypeError("it does not fit the tool's schema");
  } else if (has<Validating>(schema, "validate") && typeof schema.validate === "function") {
    const result = await schema.validate(payload);
    if (!isObject(result) || result["success"] !== true) throw new TypeError("it does not fit the tool's schema");
  }
}
