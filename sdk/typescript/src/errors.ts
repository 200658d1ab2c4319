// Why something did not run, or is not on record.

import type { JsonObject } from "./verify/json.js";

/** Anything below. `action` is the action's id, where there is one. */
export class CountersignError extends Error {
  readonly action: string | undefined;

  constructor(message: string, action?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.action = action;
  }
}

/** Policy or a person said no, or nobody said yes in time. Nothing was executed; asking again is of no use. */
export class Denied extends CountersignError {}

/** People have not decided yet. Nothing was executed; the same call again gets on once they have. */
export class ApprovalPending extends CountersignError {}

/** The same request was executed before; it is not executed again. */
export class AlreadyExecuted extends CountersignError {}

/** What was authorized does not fit the function. Nothing was executed. */
export class NotExecutable extends CountersignError {}

/** The gate gives no usable answer. Nothing was executed. */
export class GateUnavailable extends CountersignError {}

/** The gate refused the request; `problem` is its problem document (RFC 9457). */
export class Refused extends CountersignError {
  readonly problem: JsonObject;

  constructor(problem: JsonObject) {
    const text = (name: string) => (typeof problem[name] === "string" ? problem[name] : undefined);
    super(text("detail") ?? text("title") ?? "refused", text("action"));
    this.problem = problem;
  }

  /** The problem's stable name, such as `mismatch`. */
  get problemName(): string {
    return String(this.problem["type"] ?? "").replace(/^\/problems\//, "");
  }
}

/**
 * It was executed, and what came of it is not on record: it counts as unknown from its deadline on; do not repeat it. `result` is what
 * the function returned, `cause` why, or what the function threw.
 */
export class Unrecorded extends CountersignError {
  readonly result: unknown;

  constructor(message: string, action: string, result: unknown, cause: unknown) {
    super(message, action, { cause });
    this.result = result;
  }
}
