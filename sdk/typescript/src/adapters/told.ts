// What a model is told where its call did not run, or is not on record.

import { CountersignError, Unrecorded } from "../errors.js";

/** Short, with what to do next; `undefined` for an error that is the tool's own. */
export function toldOf(error: unknown): string | undefined {
  if (error instanceof Unrecorded) return "It was executed, but its outcome is not on record. Do not call it again before somebody has checked.";
  return error instanceof CountersignError ? `Not executed: ${error.message}` : undefined;
}
