"""The life of an action (docs/evidence-format.md §6): which record may follow which, and what each must say."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from . import passkey
from .canonical import Value
from .records import BODIES, redeems_rightly
from .report import Matches


class NotByTheRules(Exception):
    """A record does not follow, or breaks a rule."""


def need(holds: object, rule: str) -> None:
    """Raises NotByTheRules where a rule does not hold."""
    if not holds:
        raise NotByTheRules(rule)


@dataclass(frozen=True)
class Approval:
    """One person's approval of one payload. `seats`, where it was given in advance, are the rules whose seats it fills."""

    person: str
    groups: list[str]
    payload: str
    signature: str | None = None
    seats: list[str] | None = None

    def fills(self, requirement: Value) -> bool:
        """Whether it may fill a seat of this requirement."""
        return (_counts(self.groups, requirement) and _signed_for(self.signature, requirement)
                and (self.seats is None or requirement["rule"] in self.seats))


def _counts(groups: list[str], requirement: Value) -> bool:
    return any(group in requirement["groups"] for group in groups)


def _signed_for(signature: str | None, requirement: Value) -> bool:
    return requirement.get("signature") in (None, signature)


@dataclass
class State:
    """Where an action stands after the records so far."""

    proposed: Value
    payloads: list[str]
    leaf: str
    time: str
    steps: int = 1
    stage: str = "proposed"
    policy_set: Value = None
    review: Value = None
    approvals: list[Approval] = field(default_factory=list)
    questions: set[str] = field(default_factory=set)
    authorized: Value = None
    started: Value = None
    outcome: str | None = None
    refusals: int = 0

    @property
    def version(self) -> int:
        """The payload version in question: 0 as proposed."""
        return len(self.payloads) - 1


class Action:
    """One action, record by record."""

    def __init__(self, record: Value, leaf: str) -> None:
        """Begins with an `action.proposed`. Raises NotByTheRules."""
        need(record["type"] == "action.proposed" and "action" in record, "an action begins with action.proposed")
        need(record["step"].integer() == 0, "an action begins at step 0")
        need("payload" in record["sealed"], "it seals no payload")
        self.state = State(record, [record["sealed"]["payload"]], leaf, record["time"])

    def apply(self, record: Value, leaf: str) -> None:
        """Continues with the next record. Raises NotByTheRules, and then nothing has changed."""
        _check_chain(self.state, record)
        state = deepcopy(self.state)
        rules, kind = RULES.get(record["type"]), record["type"]
        if kind in BODIES:
            need(rules and state.stage in rules[0], f"{kind} cannot follow while the action is {state.stage}")
        if rules and kind in BODIES:
            try:
                rules[1](state, record, record["body"])
            except NotByTheRules as error:
                raise NotByTheRules(f"{kind}: {error}") from None
        self.state = replace(state, steps=state.steps + 1, leaf=leaf, time=record["time"])

    def count(self, matches: Matches) -> None:
        """Counts it once, by where it stands."""
        state = self.state
        matches.refused += state.refusals
        if state.stage == "finished":
            name = "unknown" if state.outcome == "unknown" else state.started["match"]
        else:
            name = {"executing": "executing", "denied": "not_executed", "closed": "not_executed"}.get(state.stage, "open")
        setattr(matches, name, getattr(matches, name) + 1)


def _check_chain(state: State, record: Value) -> None:
    first = state.proposed
    need(record.get("action") == first["action"], "it belongs to another action, or to none")
    need(record["step"].integer() == state.steps, "its step is not the next one")
    need(record.get("prev") == state.leaf, "its prev is not the leaf hash of the previous record")
    same = all(record[name] == first[name] for name in ("workspace", "environment"))
    need(same, "its workspace or environment is another")
    need(record["time"] >= state.time, "its time is before the previous record's")


def _version(body: Value) -> int:
    return int(body["payload_version"])


def _in_question(state: State, body: Value) -> bool:
    return body["payload"] == state.payloads[-1] and _version(body) == state.version


def _decided(state: State, record: Value, body: Value) -> None:
    need(_version(body) == state.version, "it judges another payload version than the one in question")
    need("errors" not in body or body["decision"] == "deny", "a rule that fails to evaluate denies")
    demand = body.get("review")
    need((demand is not None) == (body["decision"] == "review"), "a review names its requirements, other decisions have none")
    need(demand is None or demand["requirements"], "a review has a requirement")
    # Approvals by people who looked stay; what was said in advance was said under the policy of before.
    state.approvals = [one for one in state.approvals if one.payload == state.payloads[-1] and one.seats is None]
    state.policy_set, state.review, state.questions = body["policy_set"], demand, set()
    state.stage = {"deny": "denied", "allow": "allowed", "review": "in review"}[body["decision"]]


def _presented(state: State, record: Value, body: Value) -> None:
    need(_version(body) == state.version, "it shows another version than the one in question")


def _reviewed(state: State, record: Value, body: Value) -> None:
    signature, groups, deny = body.get("signature"), body["groups"], body["verdict"] == "deny"
    edit = _version(body) != state.version
    need(record["actor"]["type"] == "reviewer", "only a reviewer decides a review")
    need(record["time"] < state.review["expires_at"], "the review has expired")
    need((signature is not None) == ("signature" in record["sealed"]), "a signed answer seals its signature")
    need(signature is None or passkey.states(record), "a signed answer names what it states")
    meaning = "rejection" if deny else "edited_approval" if edit else "approval"
    need(body.get("meaning") in (None, meaning), "it means something else than it says")
    may = [one["rule"] for one in state.review["requirements"]
           if _counts(groups, one) and (deny or _signed_for(signature, one))]
    need(body["requirements"] and body["requirements"] == may, "its requirements are those that its groups may decide")
    if deny:
        need(_in_question(state, body), "it judges another payload than the one in question")
        state.stage = "denied"
        return
    approval = Approval(record["actor"]["id"], groups, body["payload"], signature)
    if not edit:
        # Who looks at it after all takes the place of what it said in advance.
        others = [one for one in state.approvals if one.person != approval.person or one.seats is None]
        _approve(state, record, approval, others)
        return
    need(_version(body) == state.version + 1, "an edit makes the next payload version")
    need(record["sealed"].get("payload") == body["payload"], "an edit seals the payload that it judges")
    state.payloads.append(body["payload"])
    state.approvals, state.stage = [approval], "edited"


def _approve(state: State, record: Value, approval: Approval, others: list[Approval]) -> None:
    same = approval.payload == state.payloads[-1] and "payload" not in record["sealed"]
    need(same, "it judges another payload than the one in question")
    need(all(one.person != approval.person for one in others), "one person fills one seat")
    state.approvals = [*others, approval]


def _approved_in_advance(state: State, record: Value, body: Value) -> None:
    need(record["time"] < state.review["expires_at"], "the review has expired")
    need(_version(body) == state.version, "it covers another payload than the one in question")
    fills = [one["rule"] for one in state.review["requirements"]
             if "standing_s" in one and "signature" not in one and _counts(body["groups"], one)
             and one["rule"] in body["requirements"]]
    need(fills and fills == body["requirements"], "its requirements are such that a standing approval of its groups fills")
    approval = Approval(body["person"], body["groups"], body["payload"], seats=fills)
    _approve(state, record, approval, state.approvals)


def _asked(state: State, record: Value, body: Value) -> None:
    first = body["question"] not in state.questions
    need(record["actor"]["type"] == "reviewer" and first, "only a reviewer asks, each question once")
    state.questions.add(body["question"])


def _answered(state: State, record: Value, body: Value) -> None:
    ours = record["actor"]["type"] in ("agent", "gateway")
    need(ours and body["question"] in state.questions, "the agent's side answers a question that is open")
    state.questions.remove(body["question"])


def _handed_over(state: State, record: Value, body: Value) -> None:
    need(record["actor"]["type"] == "reviewer", "only a reviewer hands a review over")


def _escalated(state: State, record: Value, body: Value) -> None:
    rule = body.get("rule")
    concerned = [one for one in state.review["requirements"] if rule in (None, one["rule"])]
    need(concerned, "it escalates a rule that does not ask for this review")
    for one in concerned:
        if rule is not None:
            due = one.pop("escalation", None)
            right = due and record["time"] >= due["at"] and due["groups"] == body["groups"]
            need(right, "it escalates otherwise than its rule says, or again")
        one["groups"] = [*one["groups"], *(group for group in body["groups"] if group not in one["groups"])]


def _expired(state: State, record: Value, body: Value) -> None:
    need(record["time"] >= state.review["expires_at"], "the review has not expired yet")
    state.stage = "denied"


def _closed(state: State, record: Value, body: Value) -> None:
    state.stage = "closed"


def _authorized(state: State, record: Value, body: Value) -> None:
    need(_in_question(state, body), "it authorizes another payload than the one in question")
    need(body["expires_at"] > record["time"], "an authorization ends after it begins")
    need(body["policy_set"] == state.policy_set, "it names another policy than decided")
    if state.stage == "allowed":
        need(body["by"] == "policy", "policy authorizes what it allows")
    else:
        in_advance = bool(state.approvals) and all(one.seats is not None for one in state.approvals)
        need(body["by"] == ("standing" if in_advance else "review"), "reviewers authorize what they approved")
        for requirement in state.review["requirements"]:
            seats = sum(one.fills(requirement) for one in state.approvals)
            need(seats >= int(requirement["quorum"]), f"the requirement {requirement['rule']} has not its quorum")
    state.authorized, state.stage = body, "authorized"


def _started(state: State, record: Value, body: Value) -> None:
    same = record["sealed"].get("payload") == state.authorized["payload"]
    need(same and body["payload_version"] == state.authorized["payload_version"], "it executes another payload")
    need(record["time"] < state.authorized["expires_at"], "the authorization has expired")
    need(body["match"] == ("edited" if _version(body) else "exact"), "its match does not fit its payload version")
    need(redeems_rightly(state.proposed, record), "only another request redeems the action, and has a context of its own")
    state.started, state.stage = body, "executing"


def _refused(state: State, record: Value, body: Value) -> None:
    state.refusals += 1


def _finished(state: State, record: Value, body: Value) -> None:
    if state.stage == "executing":
        need("late" not in body, "only a finish after an unknown outcome is late")
    else:
        late = state.outcome == "unknown" and body["outcome"] != "unknown" and "late" in body
        need(late, "only an unknown outcome is followed by a late finish")
    need(body["attempt"] == state.started["attempt"], "another attempt is being executed")
    # An executor may say at any time that it does not know; the gate itself gives up only at the deadline.
    given_up = body["outcome"] == "unknown" and record["actor"]["type"] == "system"
    need(not given_up or record["time"] >= state.started["deadline"], "the gate gives an outcome up from the deadline on")
    state.outcome, state.stage = body["outcome"], "finished"


def _resolved(state: State, record: Value, body: Value) -> None:
    need(state.outcome == "unknown", "only an unknown outcome is resolved")
    state.outcome = body["outcome"]


Rule = Callable[[State, Any, Any], None]
REVIEW = {"in review"}
BEFORE_A_START = {"proposed", "allowed", "in review", "edited", "authorized"}
DECIDED = {"allowed", "in review", "edited", "authorized", "executing", "finished", "denied", "closed"}

# The stages at which a type of record may come, and its rule: the table of §6.
RULES: dict[str, tuple[set[str], Rule]] = {
    "action.decided": ({"proposed", "edited", "in review", "authorized"}, _decided),
    "review.presented": (REVIEW, _presented),
    "review.decided": (REVIEW, _reviewed),
    "review.standing_used": (REVIEW, _approved_in_advance),
    "review.asked": (REVIEW, _asked),
    "review.answered": (REVIEW, _answered),
    "review.handed_over": (REVIEW, _handed_over),
    "review.escalated": (REVIEW, _escalated),
    "review.expired": (REVIEW, _expired),
    "review.cancelled": (REVIEW, _closed),
    "action.authorized": ({"allowed", "in review"}, _authorized),
    "execution.started": ({"authorized"}, _started),
    "execution.refused": (DECIDED, _refused),
    "execution.finished": ({"executing", "finished"}, _finished),
    "execution.resolved": ({"finished"}, _resolved),
    "action.closed": (BEFORE_A_START, _closed),
}
