/**
 * Countersign for TypeScript agents: decide first, execute exactly what was approved, record what came of it.
 *
 * Whatever goes wrong on the way (no answer, a refusal, an answer that is not understood) means no: the function does not run.
 */

export { Action, Client, type ClientOptions, type GuardOptions } from "./client.js";
export * from "./errors.js";
export { outcomeOf } from "./outcome.js";
export { ExactNumber, type Json, type JsonObject } from "./verify/json.js";
export type { ActionView, CallOptions, Category, Finish, Outcome } from "./wire.js";
