// What goes to the gate and what it answers. Whatever is not understood means no.

import { GateUnavailable, Refused } from "./errors.js";
import { type Json, type JsonObject, isObject } from "./verify/json.js";

export type Category = "read" | "write" | "delete" | "message" | "payment" | "export" | "execute" | "admin";
export type Outcome = "succeeded" | "failed" | "unknown";

const STATES = ["waiting", "authorized", "executing", "succeeded", "failed", "unknown", "denied", "closed"] as const;

/** An action as its caller sees it; further members are in `answer`. */
export interface ActionView {
  /** The action's id. */
  readonly action: string;
  readonly state: (typeof STATES)[number];
  /** Short, for the model: what to do next. */
  readonly message: string;
  /** The payload that must be executed, where a reviewer changed it. */
  readonly edited: JsonObject | undefined;
  /** The attempt that began its execution. */
  readonly attempt: string | undefined;
  /** Whether it is executed as proposed or as edited. */
  readonly match: string | undefined;
  /** All of the answer. */
  readonly answer: JsonObject;
}

/** What an action is about, beside its payload. */
export interface CallOptions {
  /** The agent; the client's where absent. */
  agent?: string;
  category?: Category;
  /** What would be affected. */
  resource?: { type: string; id: string };
  /** On whose behalf. */
  user?: string;
  session?: string;
  environment?: string;
  /** The agent's own words about why. */
  intent?: string;
  /** Anything else that helps a reviewer. */
  context?: JsonObject;
  /** The client's own id of the tool call. */
  callId?: string;
  /** W3C trace context; `TRACEPARENT` of the environment where absent. */
  traceparent?: string;
  /** The same id with the same content is the same action. */
  requestId?: string;
  /** Seconds until the outcome counts as unknown. */
  deadlineS?: number;
}

/** The body of a proposal. */
export interface Proposal extends CallOptions {
  agent: string;
  /** `server/name` */
  tool: string;
  payload: JsonObject;
  requestId: string;
}

/** Start at once if policy allows. */
export interface Attempt {
  attempt: string;
  executor: string;
}

const present = (members: { [name: string]: Json | undefined }): JsonObject =>
  Object.fromEntries(Object.entries(members).filter((entry): entry is [string, Json] => entry[1] !== undefined));

/** Trace and span of a W3C traceparent. */
function traceIds(traceparent: string | undefined): JsonObject {
  const found = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent?.trim() ?? "");
  return found?.[1] && found[2] ? { trace_id: found[1], span_id: found[2] } : {};
}

export function proposalBody(call: Proposal, start?: Attempt): JsonObject {
  const separator = call.tool.indexOf("/");
  if (separator < 1) throw new TypeError(`a tool is named server/name, not ${JSON.stringify(call.tool)}`);
  return present({
    request_id: call.requestId,
    agent: { id: call.agent },
    tool: { server: call.tool.slice(0, separator), name: call.tool.slice(separator + 1) },
    payload: call.payload,
    category: call.category,
    environment: call.environment,
    intent: call.intent,
    context: call.context,
    user: call.user === undefined ? undefined : { id: call.user, groups: [] },
    resource: call.resource && { type: call.resource.type, id: call.resource.id },
    correlation: {
      ...traceIds(call.traceparent),
      ...present({ session_id: call.session, call_id: call.callId }),
    },
    source: { via: "typescript" },
    start_if_allowed: start && present({ ...start, deadline_s: call.deadlineS }),
    redeem: true,
  });
}

export interface Start extends Attempt {
  payload: JsonObject;
  requestId?: string;
  context?: JsonObject | undefined;
  deadlineS?: number | undefined;
}

export const startBody = ({ requestId, deadlineS, context, ...start }: Start): JsonObject =>
  present({ ...start, request_id: requestId, context: requestId === undefined ? undefined : context, deadline_s: deadlineS });

export interface Finish {
  attempt: string;
  outcome: Outcome;
  response?: Json | undefined;
  error?: string | undefined;
  status?: string | undefined;
  downstreamRequestId?: string | undefined;
  durationUs?: number | undefined;
}

export const finishBody = ({ downstreamRequestId, durationUs, ...finish }: Finish): JsonObject =>
  present({ ...finish, downstream_request_id: downstreamRequestId, duration_us: durationUs });

/** The action that an answer shows; throws `Refused` or `GateUnavailable` for anything else. */
export function viewOf(status: number, answer: Json | undefined, expected?: string): ActionView {
  const body = isObject(answer) ? answer : {};
  const text = (from: Json | undefined, name: string): string | undefined => {
    const value = isObject(from) && Object.hasOwn(from, name) ? from[name] : undefined;
    return typeof value === "string" ? value : undefined;
  };
  const action = text(body, "action") ?? "";
  const state = STATES.find((one) => one === text(body, "state"));
  if (status >= 200 && status < 300 && state && isId(action) && (expected === undefined || expected === action)) {
    const authorization = Object.hasOwn(body, "authorization") ? body["authorization"] : undefined;
    const edited = isObject(authorization) && Object.hasOwn(authorization, "payload") ? authorization["payload"] : undefined;
    if (edited === undefined || isObject(edited)) {
      const execution = Object.hasOwn(body, "execution") ? body["execution"] : undefined;
      const [attempt, match] = [text(execution, "attempt"), text(execution, "match")];
      return { action, state, message: text(body, "message") ?? "", edited, attempt, match, answer: body };
    }
  }
  if (status >= 400 && text(body, "type") !== undefined) throw new Refused(body);
  throw new GateUnavailable(`the gate's answer (status ${status}) is not understood: nothing was executed`, expected);
}

/** Whether a text is an id that may stand in a path. */
export const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
