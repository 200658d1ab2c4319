// What a model is told where its call did not run, or is not on record.

import { ApprovalPending, CountersignError, Denied, Unrecorded } from "../errors.js";

/** Short, with what to do next; `undefined` for an error that is the tool's own, as every one is but `Unrecorded` once it `ran`. */
export function toldOf(error: unknown, ran: boolean): string | undefined {
  if (!(error instanceof CountersignError)) return undefined;
  if (error instanceof Unrecorded) return "It was executed, but its outcome is not on record. Do not call it again before somebody has checked.";
  if (ran) return undefined;
  // The gate words its denials for the model; who waits is told to call again.
  return error instanceof Denied || error instanceof ApprovalPending ? error.message : `Not executed: ${error.message}`;
}
