// Envelopes, the bodies of the known types, and what each type seals (docs/evidence-format.md §3, §5).

import { isDigest, textOf } from "./bytes.js";
import { canonical, isObject, parse } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./json.js").JsonObject} JsonObject */
/** Checks a value's form; throws Malformed. @typedef {(value: Json | undefined) => void} Form */

/**
 * A record's clear part, after it was read strictly. What a body holds is as its type prescribes.
 * @typedef {object} Envelope
 * @property {string} id
 * @property {string} type
 * @property {string} time
 * @property {string} workspace
 * @property {string} environment
 * @property {string} [action]
 * @property {number} [step]
 * @property {string} [prev]
 * @property {{ id: string, type: string }} actor
 * @property {any} body
 * @property {{ [field: string]: string }} sealed
 * @property {string} [vault]
 */

const MOST_BYTES = 16 * 1024;
const MOST_DEPTH = 16;

/** The text is not an envelope. */
export class Malformed extends Error {
  /** @param {string} what */
  constructor(what) {
    super(`the envelope's form is wrong: ${what}`);
    this.name = "Malformed";
  }
}

/** @param {boolean} holds @param {string} what */
function need(holds, what) {
  if (!holds) throw new Malformed(what);
}

/** @param {RegExp} pattern @param {string} what @returns {Form} */
const matching = (pattern, what) => (value) => need(typeof value === "string" && pattern.test(value), what);
/** @param {number} least @param {number} most @returns {Form} */
const integer = (least, most) => (value) =>
  need(typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most, "an integer");
/** @param {...string} names @returns {Form} */
const oneOf = (...names) => (value) => need(typeof value === "string" && names.includes(value), `one of ${names.join(", ")}`);
/** @param {Form} element @param {number} [least] @returns {Form} */
const listed = (element, least = 0) => (value) => {
  if (!Array.isArray(value) || value.length < least) throw new Malformed("a list");
  value.forEach(element);
};
/**
 * An object with exactly these members; a trailing `?` marks one that may be absent.
 * @param {{ [name: string]: Form }} forms
 * @returns {Form}
 */
const members = (forms) => {
  const known = new Map(Object.entries(forms).map(([name, form]) => [name.replace("?", ""), form]));
  const required = Object.keys(forms).filter((name) => !name.endsWith("?"));
  return (value) => {
    if (!isObject(value)) throw new Malformed("an object");
    for (const name of required) need(Object.hasOwn(value, name), `the member ${name} is missing`);
    for (const [name, item] of Object.entries(value)) {
      const form = known.get(name);
      if (!form) throw new Malformed(`the member ${name} is not known`);
      form(item);
    }
  };
};

const id = matching(/^[\x21-\x7e]{1,128}$/, "an identifier");
const name = matching(/^[a-z_]{1,64}$/, "a name out of a-z and _");
const uuid = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "a UUID");
const uuid7 = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/, "a UUIDv7");
/** @type {Form} */
const digest = (value) => need(isDigest(value), "a digest");
/** @type {Form} */
const bool = (value) => need(typeof value === "boolean", "true or false");
/** @type {Form} */
const time = (value) => {
  const said = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(value) && value.slice(0, 19);
  const date = new Date(`${said}Z`);
  need(!Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === said, "a time");
};
const uint = integer(0, Number.MAX_SAFE_INTEGER);
const u32 = integer(0, 2 ** 32 - 1);

const keyKind = oneOf("agent", "gateway", "reviewer", "operator", "auditor");
const outcome = oneOf("succeeded", "failed", "unknown");
const signature = oneOf("passkey");
const strength = oneOf("single_factor", "federated", "multi_factor");
const credential = oneOf("passkey", "password", "oidc", "invitation");
const separation = oneOf("enforced", "none");
const policy = members({ version: id, digest });
const tool = members({ name: id, server: id, "definition?": digest });
const authentication = members({ method: id, "session?": uuid, "strength?": strength });
const why = members({ why: id });
const keys = members({ keys: listed(uuid) });

/** The body of each known type, and the fields that its records seal: always, and sometimes. */
const TYPES = new Map(
  /** @type {[string, Form, string[]?, string[]?][]} */ ([
    ["action.proposed", members({
      agent: members({ id, "version?": id }), "model?": id, tool,
      category: oneOf("read", "write", "delete", "message", "payment", "export", "execute", "admin"),
      "resource_type?": id, request_id: id,
      correlation: members({
        "trace_id?": id, "span_id?": id, "session_id?": id, "conversation_id?": id, "call_id?": id, "parent_action?": uuid,
        "ticket?": id,
      }),
      source: members({ via: id, "version?": id }), authenticated: members({ key: uuid, kind: keyKind }),
      isolation: oneOf("same_user", "separate_user", "remote"),
    }), ["payload"], ["intent", "user", "resource", "context"]],
    ["action.decided", members({
      decision: oneOf("allow", "deny", "review"), policy_set: policy,
      reasons: listed(members({ rule: id, effect: oneOf("permit", "forbid", "review") })), "reasons_total?": uint,
      risk: members({ score: u32, factors: listed(members({ rule: id, points: u32 })) }),
      "review?": members({
        requirements: listed(members({
          rule: id, groups: listed(id), quorum: u32, "signature?": signature, "standing_s?": uint,
          "escalation?": members({ at: time, groups: listed(id) }),
        })),
        expires_at: time,
      }),
      "errors?": listed(members({ rule: id, code: id }), 1), payload_version: u32,
    }), ["facts"], ["errors", "reasons"]],
    ["review.presented", members({ renderer: id, payload_version: u32 }), ["presentation"]],
    ["review.decided", members({
      verdict: oneOf("approve", "deny"), requirements: listed(id), groups: listed(id), authentication, separation,
      payload_version: u32, payload: digest, "presentation?": digest, "active_ms?": uint, "expanded_all?": bool,
      "meaning?": oneOf("approval", "edited_approval", "rejection"), "on_behalf_of?": uuid, "policy?": id,
      "together_with?": uuid, "signature?": signature,
    }), [], ["reason", "name", "payload", "signature"]],
    ["review.asked", members({ question: uuid }), ["text"]],
    ["review.answered", members({ question: uuid }), ["text"]],
    ["review.handed_over", members({ to: uuid }), [], ["text"]],
    ["review.standing_used", members({
      standing: uuid, number: u32, person: id, groups: listed(id), requirements: listed(id), payload_version: u32,
      payload: digest,
    })],
    ["review.escalated", members({ groups: listed(id), "rule?": id, why: id })],
    ["review.expired", why],
    ["review.cancelled", why],
    ["action.authorized", members({
      by: oneOf("policy", "review", "standing"), policy_set: policy, payload_version: u32, payload: digest, expires_at: time,
    })],
    ["execution.started", members({
      attempt: id, executor: id, deadline: time, payload_version: u32, match: oneOf("exact", "edited"),
      enforcement: oneOf("wire", "attested"), "redeemed_by?": id,
    }), ["payload"], ["context"]],
    ["execution.refused", members({
      refusal: oneOf("mismatch", "expired", "already_used", "unauthorized", "policy_changed"), attempt: id,
      payload_version: u32,
    }), [], ["payload"]],
    ["execution.finished", members({
      attempt: id, outcome, "late?": (value) => need(value === true, "true, or absent"), "status?": id, "duration_us?": uint,
      "downstream_request_id?": id,
    }), [], ["response", "error"]],
    ["execution.resolved", members({ outcome, basis: id, "reference?": uuid }), [], ["evidence"]],
    ["action.closed", members({ how: oneOf("authorization_expired", "cancelled", "subject_erased") })],
    ["log.opened", members({ origin: id, epoch: uint, version: id })],
    ["log.closed", members({ epoch: uint })],
    ["clock.stepped", members({ clock: time, step_us: integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) })],
    ["policy.activated", members({ version: id, digest, tests_passed: uint }), ["text"]],
    ["key.created", members({
      key: uuid, kind: keyKind, environments: listed(id), agents: listed(id), "person?": uuid,
    }), [], ["label"]],
    ["key.revoked", members({ key: uuid })],
    ["access.changed", members({
      person: uuid, groups: listed(id), "roles?": listed(oneOf("reviewer", "operator", "auditor", "admin")), "until?": time,
    }), [], ["name"]],
    ["access.credential_added", members({ person: uuid, credential: uuid, kind: credential }), [], ["label", "public_key"]],
    ["access.credential_removed", members({ person: uuid, credential: uuid })],
    ["access.signed_in", members({ person: uuid, session: uuid, method: credential, strength })],
    ["access.session_ended", members({ person: uuid, session: uuid, why: id })],
    ["access.locked", members({ person: uuid, until: time })],
    ["access.delegated", members({ delegation: uuid, from: uuid, to: uuid, since: time, until: time }), [], ["reason"]],
    ["access.delegation_ended", members({ delegation: uuid })],
    ["access.viewed", members({ route: id, "action?": uuid }), [], ["asked"]],
    ["standing.granted", members({
      standing: uuid, action: uuid, agent: id, tool, environment: id, rules: listed(id), groups: listed(id), same_payload: bool,
      uses: u32, until: time, authentication, separation, policy: id,
    }), [], ["name", "reason", "content_digest"]],
    ["standing.revoked", members({ standing: uuid, why: id })],
    ["tool.defined", members({ tool }), ["definition"]],
    ["config.changed", members({ setting: id, value: id })],
    ["subject.erasure_requested", keys],
    ["subject.erased", keys],
  ]).map(([type, body, always = [], sometimes = []]) => [type, { body, always, sometimes }]),
);

/** Whether a type is one that this reader knows. @param {string} type */
export const isKnown = (type) => TYPES.has(type);

/** What holds for the body of any type. @param {Json} value */
function clear(value) {
  if (Array.isArray(value)) value.forEach(clear);
  else if (isObject(value)) {
    for (const [member, item] of Object.entries(value)) {
      name(member);
      clear(item);
    }
  } else if (typeof value === "number") need(Number.isSafeInteger(value), "an integer within ±(2^53 − 1)");
  else if (typeof value !== "boolean") id(value);
}

const ENVELOPE = members({
  v: (value) => need(value === 1, "v is not 1"),
  id: uuid7,
  type: matching(/^(?=.{1,64}$)[a-z_]+(\.[a-z_]+)+$/, "a type"),
  time,
  workspace: id,
  environment: id,
  "action?": uuid7,
  "step?": u32,
  "prev?": digest,
  actor: members({ id, type: oneOf("agent", "policy", "reviewer", "gateway", "operator", "system") }),
  body: (value) => need(isObject(value), "body is not an object"),
  sealed: (value) => {
    if (!isObject(value)) throw new Malformed("sealed is not an object");
    for (const [field, sealed] of Object.entries(value)) {
      name(field);
      digest(sealed);
    }
  },
  "vault?": digest,
});

/**
 * Reads an envelope strictly. Throws `JsonError` or `Malformed`.
 * @param {Uint8Array} data
 * @returns {Envelope}
 */
export function readEnvelope(data) {
  const value = parse(data, { bytes: MOST_BYTES, depth: MOST_DEPTH });
  if (canonical(value) !== textOf(data)) throw new Malformed("it is not in canonical form");
  ENVELOPE(value);
  const envelope = /** @type {Envelope} */ (/** @type {unknown} */ (value));
  need((envelope.action === undefined) === (envelope.step === undefined), "action and step do not fit each other");
  need((envelope.prev === undefined) === !envelope.step, "step and prev do not fit each other");
  clear(envelope.body);
  TYPES.get(envelope.type)?.body(envelope.body);
  return envelope;
}

/**
 * Why a record does not seal what its type seals; `null` where it does.
 * @param {Envelope} envelope
 */
export function sealsWrongly({ type, sealed }) {
  const known = TYPES.get(type);
  if (!known) return null;
  const missing = known.always.find((field) => !Object.hasOwn(sealed, field));
  if (missing) return `${type}: it does not seal ${missing}, which its type always seals`;
  const unlisted = Object.keys(sealed).find((field) => !known.always.includes(field) && !known.sometimes.includes(field));
  return unlisted ? `${type}: it seals ${unlisted}, which its type does not know` : null;
}
