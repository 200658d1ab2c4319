// The life of an action (docs/evidence-format.md §6): the rules by which each record follows from those before it.

import { states } from "./signature.js";
import { isKnown } from "./envelope.js";

/** @typedef {import("./envelope.js").Envelope} Envelope */
/**
 * @typedef {object} Requirement
 * @property {string} rule
 * @property {string[]} groups
 * @property {number} quorum
 * @property {string} [signature]
 * @property {number} [standing_s]
 * @property {{ at: string, groups: string[] }} [escalation]
 */
/** `rules` are those whose seats it fills, where it was given in advance. */
/** @typedef {{ person: string, groups: string[], payload: string, signature?: string, rules?: string[] }} Approval */
/** @typedef {{ name: "in review", requirements: Requirement[], expires: string, approvals: Approval[], questions: string[] }} Review */
/** @typedef {{ name: "authorized", authorized: any, approvals: Approval[] }} Authorized */
/**
 * Where an action stands, with what only that stage knows.
 * @typedef {{ name: "proposed" } | { name: "allowed", approvals: Approval[] } | Review | { name: "edited", approvals: Approval[] }
 *   | Authorized | { name: "executing", started: any } | { name: "finished", started: any, outcome: string }
 *   | { name: "denied" } | { name: "closed" }} Stage
 */

/** A record does not continue its action. */
export class RuleError extends Error {
  /** @param {string} what */
  constructor(what) {
    super(what);
    this.name = "RuleError";
  }
}

/** @param {boolean} holds @param {Envelope} record @param {string} rule */
function need(holds, record, rule) {
  if (!holds) throw new RuleError(`${record.type}: ${rule}`);
}

/** @param {string[]} groups @param {Requirement} requirement */
const isOpenTo = (groups, requirement) => groups.some((group) => requirement.groups.includes(group));
/** @param {Requirement} requirement @param {string} [signature] */
const isSignedFor = (requirement, signature) => requirement.signature === undefined || requirement.signature === signature;
/** @param {string[]} a @param {string[]} b */
const same = (a, b) => a.length === b.length && a.every((item, at) => item === b[at]);

/** @param {Approval} approval @param {Requirement} requirement */
const fillsSeat = (approval, requirement) =>
  isOpenTo(approval.groups, requirement) && isSignedFor(requirement, approval.signature)
  && (approval.rules === undefined || approval.rules.includes(requirement.rule));

/** @param {Review} review */
const isSatisfied = (review) => review.requirements.every((requirement) =>
  review.approvals.filter((approval) => fillsSeat(approval, requirement)).length >= requirement.quorum);

/** An action as the records so far tell it. */
export class Action {
  /**
   * Begins with an `action.proposed`. Throws `RuleError` where the record does not begin an action.
   * @param {Envelope} record
   * @param {string} leaf its leaf hash, as a digest
   */
  constructor(record, leaf) {
    if (record.type !== "action.proposed") throw new RuleError("an action begins with action.proposed");
    if (record.step !== 0) throw new RuleError("an action begins at step 0");
    const payload = record.sealed["payload"];
    if (payload === undefined) throw new RuleError(`${record.type}: it seals no payload`);
    this.first = record;
    this.last = record;
    this.leaf = leaf;
    this.steps = 1;
    /** Digests of the payload by version. */
    this.payloads = [payload];
    /** What policy said last. @type {any} */
    this.decided = null;
    this.refusals = 0;
    /** @type {Stage} */
    this.stage = { name: "proposed" };
  }

  get version() {
    return this.payloads.length - 1;
  }

  get payload() {
    return this.payloads[this.version];
  }

  /**
   * Continues with the next record. Where it throws `RuleError`, nothing has changed.
   * @param {Envelope} record
   * @param {string} leaf
   */
  apply(record, leaf) {
    this.checkPlace(record);
    const stage = this.next(record);
    const { type, body } = record;
    if (type === "action.decided") this.decided = body;
    if (type === "review.decided" && body.payload_version > this.version) this.payloads.push(body.payload);
    if (type === "execution.refused") this.refusals += 1;
    Object.assign(this, { stage, last: record, leaf, steps: this.steps + 1 });
  }

  /** @param {Envelope} record */
  checkPlace(record) {
    /** @type {[boolean, string][]} */
    const holds = [
      [record.action !== undefined, "it belongs to no action"],
      [record.action === this.first.action, "it belongs to another action"],
      [record.step === this.steps, "its step is not the next one"],
      [record.prev === this.leaf, "its prev is not the leaf hash of the previous record"],
      [record.workspace === this.first.workspace && record.environment === this.first.environment,
        "its workspace or environment is another"],
      // Times of the format order as their texts do.
      [record.time >= this.last.time, "its time is before the previous record's"],
    ];
    const broken = holds.find(([so]) => !so);
    if (broken) throw new RuleError(`the record does not follow: ${broken[1]}`);
  }

  /** The stage after a record. @param {Envelope} record @returns {Stage} */
  next(record) {
    const { stage } = this;
    const { type, body } = record;
    if (!isKnown(type) || (type === "execution.refused" && stage.name !== "proposed")) return stage;
    switch (stage.name) {
      case "proposed":
      case "edited":
        if (type === "action.decided") return this.afterPolicy(record);
        break;
      case "allowed":
        if (type === "action.authorized") return this.afterAuthorization(record, stage.approvals, body.by === "policy");
        break;
      case "in review":
        return this.inReview(stage, record);
      case "authorized":
        if (type === "action.decided") return this.afterPolicy(record);
        if (type === "execution.started") return this.afterStart(stage, record);
        break;
      case "executing":
        if (type === "execution.finished") {
          need(body.late !== true, record, "only a finish after an unknown outcome is late");
          return this.afterFinish(stage.started, record);
        }
        break;
      case "finished":
        if (type === "execution.finished") {
          need(stage.outcome === "unknown" && body.outcome !== "unknown" && body.late === true, record,
            "only an unknown outcome is followed by a late finish");
          return this.afterFinish(stage.started, record);
        }
        if (type === "execution.resolved") {
          need(stage.outcome === "unknown", record, "only an unknown outcome is resolved");
          return { ...stage, outcome: body.outcome };
        }
        break;
      default:
    }
    const mayClose = ["proposed", "allowed", "edited", "authorized"].includes(stage.name);
    if (type === "action.closed" && mayClose) return { name: "closed" };
    throw this.unexpected(record);
  }

  /** @param {Envelope} record */
  unexpected(record) {
    return new RuleError(`${record.type} cannot follow while the action is ${this.stage.name}`);
  }

  /** R1. @param {Envelope} record @returns {Stage} */
  afterPolicy(record) {
    const { decision, review, errors, payload_version: version } = record.body;
    need(version === this.version, record, "it judges another payload version than the one in question");
    need(errors === undefined || decision === "deny", record, "a rule that fails to evaluate denies");
    need((review !== undefined) === (decision === "review") && review?.requirements.length !== 0, record,
      "a review names its requirements, other decisions have none");
    const held = "approvals" in this.stage ? this.stage.approvals : [];
    const approvals = held.filter((one) => one.payload === this.payload && one.rules === undefined);
    if (decision === "deny") return { name: "denied" };
    if (decision === "allow") return { name: "allowed", approvals };
    return { name: "in review", requirements: review.requirements, expires: review.expires_at, approvals, questions: [] };
  }

  /** @param {Review} review @param {Envelope} record @returns {Stage} */
  inReview(review, record) {
    const { type, body, time, actor } = record;
    switch (type) {
      case "action.decided":
        return this.afterPolicy(record);
      case "review.presented":
        need(body.payload_version === this.version, record, "it shows another version");
        return review;
      case "review.decided":
        return this.afterAnswer(review, record);
      case "review.standing_used":
        return this.afterStanding(review, record);
      case "review.asked":
        need(actor.type === "reviewer" && !review.questions.includes(body.question), record,
          "only a reviewer asks, each question once");
        return { ...review, questions: [...review.questions, body.question] };
      case "review.answered":
        need(["agent", "gateway"].includes(actor.type) && review.questions.includes(body.question), record,
          "the agent's side answers a question that is open");
        return { ...review, questions: review.questions.filter((one) => one !== body.question) };
      case "review.handed_over":
        need(actor.type === "reviewer", record, "only a reviewer hands a review over");
        return review;
      case "review.escalated":
        return this.afterEscalation(review, record);
      case "review.expired":
        need(time >= review.expires, record, "the review has not expired yet");
        return { name: "denied" };
      case "review.cancelled":
      case "action.closed":
        return { name: "closed" };
      case "action.authorized": {
        const inAdvance = review.approvals.length > 0 && review.approvals.every((one) => one.rules !== undefined);
        if (body.by !== "policy") {
          need(isSatisfied(review), record, "a requirement has not its quorum");
          need((body.by === "standing") === inAdvance, record, "standing approvals alone authorize where nobody looked at it");
        }
        return this.afterAuthorization(record, review.approvals, body.by !== "policy");
      }
      default:
        throw this.unexpected(record);
    }
  }

  /** R2. @param {Review} review @param {Envelope} record @returns {Stage} */
  afterAnswer(review, record) {
    const { body, actor, time, sealed } = record;
    need(actor.type === "reviewer", record, "only a reviewer decides a review");
    need(time < review.expires, record, "the review has expired");
    const signs = body.signature !== undefined;
    need(signs === Object.hasOwn(sealed, "signature") && (!signs || states(body)), record,
      "a signed answer holds its signature, and names what it states");
    const denies = body.verdict === "deny";
    const edits = body.payload_version !== this.version;
    const meaning = denies ? "rejection" : edits ? "edited_approval" : "approval";
    need(body.meaning === undefined || body.meaning === meaning, record, "it means something else than it says");
    const may = review.requirements
      .filter((one) => isOpenTo(body.groups, one) && (denies || isSignedFor(one, body.signature)))
      .map((one) => one.rule);
    need(may.length > 0 && same(may, body.requirements), record,
      "its requirements are those that the reviewer's groups may decide");
    const inQuestion = body.payload === this.payload && !edits;
    if (denies) {
      need(inQuestion, record, "it judges another payload than the one in question");
      return { name: "denied" };
    }
    const approval = { person: actor.id, groups: body.groups, payload: body.payload, signature: body.signature };
    if (!edits) return this.withApproval(review, approval, record);
    need(body.payload_version === this.version + 1, record, "an edit makes the next payload version");
    need(sealed["payload"] === body.payload, record, "an edit seals the payload that it judges");
    return { name: "edited", approvals: [approval] };
  }

  /** @param {Review} review @param {Approval} approval @param {Envelope} record @returns {Stage} */
  withApproval(review, approval, record) {
    need(approval.payload === this.payload && !Object.hasOwn(record.sealed, "payload"), record,
      "it judges another payload than the one in question");
    // Who looks at it after all takes the place of what they said in advance.
    const replaced = (/** @type {Approval} */ one) =>
      approval.rules === undefined && one.person === approval.person && one.rules !== undefined;
    const held = review.approvals.filter((one) => !replaced(one));
    need(held.every((one) => one.person !== approval.person), record, "one person fills one seat");
    return { ...review, approvals: [...held, approval] };
  }

  /** R7. @param {Review} review @param {Envelope} record @returns {Stage} */
  afterStanding(review, record) {
    const { body, time } = record;
    need(time < review.expires, record, "the review has expired");
    need(body.payload_version === this.version, record, "it covers another payload than the one in question");
    const fills = review.requirements
      .filter((one) => one.standing_s !== undefined && one.signature === undefined && isOpenTo(body.groups, one))
      .filter((one) => body.requirements.includes(one.rule))
      .map((one) => one.rule);
    need(fills.length > 0 && same(fills, body.requirements), record,
      "its requirements are such that a standing approval of these groups fills");
    const approval = { person: body.person, groups: body.groups, payload: body.payload, rules: fills };
    return this.withApproval(review, approval, record);
  }

  /** R6. @param {Review} review @param {Envelope} record @returns {Stage} */
  afterEscalation(review, record) {
    const { rule, groups } = record.body;
    const concerned = (/** @type {Requirement} */ one) => rule === undefined || rule === one.rule;
    need(review.requirements.some(concerned), record, "it escalates a rule that does not ask for this review");
    const requirements = review.requirements.map((one) => {
      if (!concerned(one)) return one;
      const { escalation, ...rest } = one;
      if (rule !== undefined) {
        need(escalation !== undefined && record.time >= escalation.at && same(escalation.groups, groups), record,
          "it escalates otherwise than its rule says");
      }
      const wider = { ...rest, groups: [...new Set([...one.groups, ...groups])] };
      return rule === undefined && escalation ? { ...wider, escalation } : wider;
    });
    return { ...review, requirements };
  }

  /** R3. @param {Envelope} record @param {Approval[]} approvals @param {boolean} rightly @returns {Stage} */
  afterAuthorization(record, approvals, rightly) {
    const { body, time } = record;
    need(body.payload === this.payload && body.payload_version === this.version, record,
      "it authorizes another payload than the one in question");
    need(body.expires_at > time, record, "an authorization ends after it begins");
    const policy = this.decided?.policy_set;
    need(policy?.version === body.policy_set.version && policy?.digest === body.policy_set.digest, record,
      "it names another policy than decided");
    need(rightly, record, "policy authorizes what it allows, reviewers what they approved");
    return { name: "authorized", authorized: body, approvals };
  }

  /** R4. @param {Authorized} stage @param {Envelope} record @returns {Stage} */
  afterStart({ authorized }, record) {
    const { body, time, sealed } = record;
    need(sealed["payload"] === authorized.payload && body.payload_version === authorized.payload_version, record,
      "the executed payload is not the authorized one");
    need(time < authorized.expires_at, record, "the authorization has expired");
    need(body.match === (body.payload_version === 0 ? "exact" : "edited"), record, "its match does not fit its payload version");
    need(body.redeemed_by !== this.first.body.request_id, record, "the request that proposed the action does not redeem it");
    need(body.redeemed_by !== undefined || !Object.hasOwn(sealed, "context"), record,
      "only a request that redeems the action has a context of its own");
    return { name: "executing", started: body };
  }

  /** R5. @param {any} started @param {Envelope} record @returns {Stage} */
  afterFinish(started, record) {
    const { body, actor, time } = record;
    need(body.attempt === started.attempt, record, "another attempt is being executed");
    const givenUp = body.outcome === "unknown" && actor.type === "system";
    need(!givenUp || time >= started.deadline, record, "the gate gives an outcome up only from the deadline on");
    return { name: "finished", started, outcome: body.outcome };
  }
}

/** How the executed payloads stand to the approved ones. @typedef {ReturnType<typeof matchesOf>} Matches */

/** Counts an action once, by where it stands; `refused` counts starts. @param {Action | null} action */
export function matchesOf(action) {
  const matches = { exact: 0, edited: 0, unknown: 0, executing: 0, not_executed: 0, open: 0, refused: action?.refusals ?? 0 };
  const stage = action?.stage;
  if (!stage) return matches;
  if (stage.name === "finished") {
    if (stage.outcome === "unknown") matches.unknown += 1;
    else if (stage.started.match === "exact") matches.exact += 1;
    else matches.edited += 1;
  } else if (stage.name === "executing") matches.executing += 1;
  else if (stage.name === "denied" || stage.name === "closed") matches.not_executed += 1;
  else matches.open += 1;
  return matches;
}
