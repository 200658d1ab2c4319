// The client: the gate's verbs one by one, and the flow over them. Whatever goes wrong means no: the function does not run.

import { AlreadyExecuted, ApprovalPending, CountersignError, Denied, GateUnavailable, NotExecutable, Unrecorded } from "./errors.js";
import { refuseGenerator, requireDone } from "./lazy.js";
import { describe, outcomeOf } from "./outcome.js";
import { asProposed, exactObject, isSame, recordable, wellFormed } from "./payload.js";
import { PATIENT, type Connection, type Request, send } from "./transport.js";
import { type ActionView, type CallOptions, type Finish, type Outcome, type Start, finishBody, isId, proposalBody, startBody, viewOf } from "./wire.js";
import type { JsonObject } from "./verify/json.js";

/** Steps from a proposal to a start, at most. */
const MOST_STEPS = 16;
/** Longest that the gate is asked to hold one answer, in seconds. */
const HOLD_AT_ONCE = 60;
const MOST_ERROR = 2_000;
const OUTCOMES: readonly Outcome[] = ["succeeded", "failed", "unknown"];

export interface ClientOptions extends Omit<CallOptions, "requestId"> {
  /** The gate's address, such as `http://127.0.0.1:8640`. */
  url: string;
  /** The bearer key. */
  key: string;
  /** Seconds to wait for people; 300 where absent. */
  waitS?: number;
  /** Milliseconds that the gate may take beside what it is asked to hold an answer; 30 000 where absent. */
  timeoutMs?: number;
  /** In place of the global one. */
  fetch?: typeof fetch;
}

/** How one call is judged and waited for. */
export interface GuardOptions extends CallOptions {
  waitS?: number;
  /** The caller gives up: what still waits is cancelled, and nothing is executed. Once it is executed, that is the function's affair. */
  signal?: AbortSignal;
  /** What an error of the function says of the effect. */
  outcomeOf?: (error: unknown) => Outcome;
  /** Throws where an edited payload is nothing that the function takes. */
  check?: (payload: JsonObject) => unknown;
}

/** A go-ahead: the start is durable, and the effect may leave now. `payload` is exactly what may be executed. */
export class Action {
  outcome: Outcome | undefined;
  response: unknown;
  downstreamRequestId: string | undefined;

  constructor(
    readonly id: string,
    readonly attempt: string,
    readonly payload: JsonObject,
  ) {}

  /** The other side did it. */
  succeeded(response?: unknown, downstreamRequestId?: string): void {
    this.settle("succeeded", response, downstreamRequestId);
  }

  /** The other side refused, or it was not sent. */
  failed(response?: unknown, downstreamRequestId?: string): void {
    this.settle("failed", response, downstreamRequestId);
  }

  /** Nobody knows what came of it. */
  unknown(response?: unknown): void {
    this.settle("unknown", response, undefined);
  }

  private settle(outcome: Outcome, response: unknown, downstreamRequestId: string | undefined): void {
    Object.assign(this, { outcome, response, downstreamRequestId });
  }
}

/** A gate. */
export class Client {
  readonly #connection: Connection;
  private readonly defaults: CallOptions & { waitS: number };
  private readonly executor = `node-${crypto.randomUUID()}`;

  constructor({ url, key, waitS = 300, timeoutMs = 30_000, fetch = globalThis.fetch, ...defaults }: ClientOptions) {
    this.#connection = { url: url.replace(/\/+$/, ""), key, timeoutMs, fetch };
    this.defaults = { ...defaults, waitS };
  }

  /** Proposes an action: policy decides. `start` begins it at once if it is allowed. */
  async propose(tool: string, payload: object, options: CallOptions = {}, start?: { attempt: string }): Promise<ActionView> {
    const requestId = options.requestId ?? crypto.randomUUID();
    const call = { ...this.callOf(tool, options), payload: exactObject(payload), requestId };
    const body = proposalBody(call, start && { ...start, executor: this.executor });
    return this.ask({ method: "POST", path: "/v1/actions", body });
  }

  /** An action now, or as soon as people have decided, at most `waitS` seconds from now. */
  async action(id: string, { waitS = 0, signal }: { waitS?: number; signal?: AbortSignal | undefined } = {}): Promise<ActionView> {
    return this.ask({ method: "GET", path: pathOf(id, `?wait_s=${waitS}`), holdS: waitS, signal }, id);
  }

  /** Asks for the go-ahead: returns only where the start is durable. Execute exactly `payload` then, and `finish` it. */
  async start(id: string, start: Omit<Start, "executor">): Promise<ActionView> {
    const body = startBody({ ...start, payload: exactObject(start.payload), executor: this.executor });
    const view = await this.ask({ method: "POST", path: pathOf(id, "/start"), body }, id);
    if (view.state === "executing" && view.attempt === start.attempt) return view;
    throw new GateUnavailable("the gate does not say that it was started: nothing was executed", id);
  }

  /** Records what came of an attempt. */
  async finish(id: string, finish: Finish): Promise<ActionView> {
    return this.ask({ method: "POST", path: pathOf(id, "/finish"), body: finishBody(finish), pauses: PATIENT }, id);
  }

  /** Gives an action up: what was not started never will be. */
  async cancel(id: string, { why, pauses }: { why?: string; pauses?: readonly number[] } = {}): Promise<ActionView> {
    const body = why === undefined ? {} : { why };
    return this.ask({ method: "POST", path: pathOf(id, "/cancel"), body, ...(pauses && { pauses }) }, id);
  }

  /**
   * propose, wait for people, start: the go-ahead for one call. Report what came of it with `settle`.
   *
   * Throws `Denied`, `ApprovalPending`, `AlreadyExecuted`, `Refused`, `GateUnavailable`, or the signal's reason: nothing was executed.
   */
  async decide(tool: string, payload: object, options: GuardOptions = {}): Promise<Action> {
    const { signal } = options;
    signal?.throwIfAborted();
    const proposed = exactObject(payload);
    const { waitS = this.defaults.waitS } = options;
    const call = this.callOf(tool, options);
    const [requestId, attempt] = [options.requestId ?? crypto.randomUUID(), crypto.randomUUID()];
    const until = performance.now() + waitS * 1_000;
    let mine = proposed;
    let view = await this.propose(tool, proposed, { ...options, requestId }, { attempt });
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const id = view.action;
      const ours = view.state === "executing" && view.attempt === attempt;
      if (signal?.aborted) {
        await this.giveUp(id, ours ? attempt : undefined);
        signal.throwIfAborted();
      }
      if (ours) {
        // The match that the gate has on record must be that of the payload in hand.
        if ((view.match === "edited") === (mine !== proposed)) return new Action(id, attempt, mine);
        throw new GateUnavailable("the gate started another payload than the one in hand: nothing was executed", id);
      }
      switch (view.state) {
        case "authorized": {
          mine = view.edited === undefined ? proposed : (asProposed(view.edited, proposed) as JsonObject);
          view = await this.start(id, { attempt, requestId, payload: mine, context: call.context, deadlineS: call.deadlineS });
          break;
        }
        case "waiting": {
          const left = Math.floor((until - performance.now()) / 1_000);
          if (left <= 0) {
            const told = view.message || "People have not decided yet.";
            throw new ApprovalPending(`${told} Nothing was executed: call it again with the same arguments once it is approved.`, id);
          }
          try {
            view = await this.action(id, { waitS: Math.min(left, HOLD_AT_ONCE), signal });
          } catch (error) {
            if (signal?.aborted) await this.giveUp(id);
            throw error;
          }
          break;
        }
        case "denied":
        case "closed":
          throw new Denied(view.message || "denied", id);
        default:
          throw new AlreadyExecuted("this very request was executed before", id);
      }
    }
    throw new GateUnavailable("it did not come to an end while it was decided: nothing was executed", view.action);
  }

  /**
   * Records what came of an action: call `succeeded`, `failed` or `unknown` on it first. Throws `Unrecorded` where it does not come on
   * record: it may have been executed.
   */
  async settle(action: Action, more: { durationUs?: number; error?: string } = {}): Promise<void> {
    try {
      await this.record(action, more);
    } catch (cause) {
      throw new Unrecorded("the outcome is not on record", action.id, action.response, cause);
    }
  }

  private async record(action: Action, { durationUs, error }: { durationUs?: number; error?: string }): Promise<void> {
    await this.finish(action.id, {
      attempt: action.attempt,
      outcome: action.outcome ?? "unknown",
      response: action.response === undefined ? undefined : recordable(action.response),
      error: error === undefined ? undefined : wellFormed(error, MOST_ERROR),
      downstreamRequestId: action.downstreamRequestId,
      durationUs: durationUs === undefined ? undefined : Math.max(0, Math.round(durationUs)),
    });
  }

  /**
   * Runs `run` with exactly the authorized payload, once there is a go-ahead, and records what came of it. What it returns is
   * recorded as succeeded, unless it said otherwise on the action.
   *
   * Throws as `decide` does, `NotExecutable` where an edited payload does not fit (nothing was executed), whatever `run` throws,
   * `Unrecorded` where it was executed and the outcome is not on record, and TypeError for a generator, which has done nothing when it
   * is returned.
   */
  async guard<R>(tool: string, payload: object, run: (payload: JsonObject, action: Action) => R | Promise<R>, options: GuardOptions = {}): Promise<R> {
    refuseGenerator(run);
    const proposed = exactObject(payload);
    const action = await this.decide(tool, proposed, options);
    try {
      await checkEdited(action, proposed, options);
    } catch (error) {
      await this.giveUp(action.id, action.attempt, describe(error));
      throw error;
    }
    const begun = performance.now();
    const durationUs = () => (performance.now() - begun) * 1_000;
    let result: R;
    try {
      // A copy, so that nothing the function does to it changes what was authorized.
      result = await run(exactObject(action.payload), action);
      requireDone(result);
    } catch (error) {
      action.outcome ??= judged(error, options);
      try {
        await this.record(action, { durationUs: durationUs(), error: describe(error) });
      } catch {
        throw new Unrecorded("it was executed and threw, and the outcome is not on record", action.id, undefined, error);
      }
      throw error;
    }
    if (action.outcome === undefined) action.succeeded(result);
    try {
      await this.record(action, { durationUs: durationUs() });
    } catch (cause) {
      throw new Unrecorded("it was executed, and the outcome is not on record", action.id, result, cause);
    }
    return result;
  }

  /**
   * Puts a function under the gate. Its first argument, an object, is the payload; the function gets a copy of it as JSON holds it,
   * or what a reviewer has made of it, and the action.
   */
  guarded<A extends object, R>(
    run: (args: A, action: Action) => R | Promise<R>,
    { tool, ...options }: GuardOptions & { tool: string },
  ): (args: A, more?: GuardOptions) => Promise<R> {
    refuseGenerator(run);
    return (args, more = {}) => this.guard(tool, args, (payload, action) => run(payload as A, action), { ...options, ...more });
  }

  private callOf(tool: string, options: CallOptions): CallOptions & { agent: string; tool: string } {
    const { waitS: _, ...defaults } = this.defaults;
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const call: CallOptions = { ...defaults, ...Object.fromEntries(given) };
    const traceparent = call.traceparent ?? globalThis.process?.env["TRACEPARENT"];
    if (call.agent === undefined) throw new TypeError("name the agent, for the client or for the call");
    if (call.context) call.context = exactObject(call.context);
    return { ...call, agent: call.agent, tool, ...(traceparent !== undefined && { traceparent }) };
  }

  private async ask(request: Request, expected?: string): Promise<ActionView> {
    const { status, body } = await send(this.#connection, request);
    return viewOf(status, body, expected);
  }

  /** What was not executed must not be taken for executed, nor wait for people in vain. The gate settles what is lost here. */
  private async giveUp(id: string, attempt?: string, why = "given up before it was executed"): Promise<void> {
    const given = attempt === undefined
      ? this.cancel(id, { pauses: [] })
      : this.finish(id, { attempt, outcome: "failed", error: wellFormed(why, MOST_ERROR) });
    await given.catch(() => undefined);
  }
}

function pathOf(id: string, rest: string): string {
  if (!isId(id)) throw new TypeError(`${JSON.stringify(id)} is not the id of an action`);
  return `/v1/actions/${id}${rest}`;
}

/** What an error says of the effect; a word of the caller's own that is none, or no word, says nothing. */
function judged(error: unknown, { outcomeOf: own = outcomeOf }: GuardOptions): Outcome {
  try {
    const outcome = own(error);
    return OUTCOMES.includes(outcome) ? outcome : "unknown";
  } catch {
    return "unknown";
  }
}

/** Whether an edited payload is something that the function takes; as proposed, the caller chose it. */
async function checkEdited(action: Action, proposed: JsonObject, { check }: GuardOptions): Promise<void> {
  if (!check || isSame(action.payload, proposed)) return;
  try {
    await check(exactObject(action.payload));
  } catch (cause) {
    throw new NotExecutable("what was authorized does not fit the function: it is not executed", action.id, { cause });
  }
}

export type { CountersignError };
