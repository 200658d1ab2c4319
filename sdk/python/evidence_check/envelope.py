"""Envelopes and the bodies of the known types (§3, §5)."""

import hashlib
import re
from datetime import datetime

from .canonical import Number, canonical, parse
from .sealing import b64decode, b64encode

MOST_BYTES = 16 * 1024
MOST_DEPTH = 16
MOST_INTEGER = 2**53 - 1

IDENTIFIER = re.compile(r"[\x21-\x7e]{1,128}")
NAME = re.compile(r"[a-z_]{1,64}")
KIND = re.compile(r"[a-z_]{1,64}(\.[a-z_]{1,64})+")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
ACTORS = ("agent", "policy", "reviewer", "gateway", "operator", "system")


class Malformed(Exception):
    """The text is not an envelope."""


def need(holds, what):
    if not holds:
        raise Malformed(what)


def ident(value):
    need(isinstance(value, str) and not isinstance(value, Number) and IDENTIFIER.fullmatch(value), "identifier")


def uuid(value):
    need(isinstance(value, str) and UUID.fullmatch(value), "uuid")


def uuid7(value):
    need(isinstance(value, str) and (found := UUID.fullmatch(value)) and found[1] == "7", "UUIDv7")


def time(value):
    need(isinstance(value, str) and TIME.fullmatch(value), "time")
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise Malformed("time") from None


def digest(value):
    need(isinstance(value, str) and len(value) == 43, "digest")
    try:
        need(b64encode(b64decode(value)) == value, "digest")
    except ValueError:
        raise Malformed("digest") from None


def integer(least, most):
    def check(value):
        number = value.integer() if isinstance(value, Number) else None
        need(number is not None and least <= number <= most, "integer")

    return check


uint, u32, signed = integer(0, MOST_INTEGER), integer(0, 2**32 - 1), integer(-MOST_INTEGER, MOST_INTEGER)


def boolean(value):
    need(isinstance(value, bool), "boolean")


def one_of(*names):
    return lambda value: need(isinstance(value, str) and value in names, "name")


def listed(element, least=0, most=None):
    def check(value):
        need(isinstance(value, list) and len(value) >= least and (most is None or len(value) <= most), "list")
        for item in value:
            element(item)

    return check


def members(**forms):
    """An object with exactly these members; a trailing underscore marks one that may be absent."""
    required = {name for name in forms if not name.endswith("_")}
    forms = {name.rstrip("_"): form for name, form in forms.items()}

    def check(value):
        need(isinstance(value, dict), "object")
        need(required <= value.keys() <= forms.keys(), "members")
        for name, item in value.items():
            forms[name](item)

    return check


POLICY = members(version=ident, digest=digest)
KEY_KIND = one_of("agent", "gateway", "reviewer", "operator", "auditor")
OUTCOME = one_of("succeeded", "failed", "unknown")
SIGNATURE = one_of("passkey")
STRENGTH = one_of("single_factor", "federated", "multi_factor")
ROLE = one_of("reviewer", "operator", "auditor", "admin")
CREDENTIAL = one_of("passkey", "password", "oidc", "invitation")
TOOL = members(name=ident, server=ident, definition_=digest)
AUTHENTICATION = members(method=ident, session_=uuid, strength_=STRENGTH)
SEPARATION = one_of("enforced", "none")
WHY = members(why=ident)
KEYS = members(keys=listed(uuid))

BODIES = {
    "action.proposed": members(
        agent=members(id=ident, version_=ident),
        model_=ident,
        tool=TOOL,
        category=one_of("read", "write", "delete", "message", "payment", "export", "execute", "admin"),
        resource_type_=ident,
        request_id=ident,
        correlation=members(
            trace_id_=ident, span_id_=ident, session_id_=ident, conversation_id_=ident, call_id_=ident,
            parent_action_=uuid, ticket_=ident,
        ),
        source=members(via=ident, version_=ident),
        authenticated=members(key=uuid, kind=KEY_KIND),
        isolation=one_of("same_user", "separate_user", "remote"),
    ),
    "action.decided": members(
        decision=one_of("allow", "deny", "review"),
        policy_set=POLICY,
        reasons=listed(members(rule=ident, effect=one_of("permit", "forbid", "review"))),
        reasons_total_=uint,
        risk=members(score=u32, factors=listed(members(rule=ident, points=u32))),
        review_=members(
            requirements=listed(members(
                rule=ident, groups=listed(ident), quorum=u32, signature_=SIGNATURE,
                standing_s_=uint,
                escalation_=members(at=time, groups=listed(ident)),
            )),
            expires_at=time,
        ),
        errors_=listed(members(rule=ident, code=ident), least=1),
        payload_version=u32,
    ),
    "review.presented": members(renderer=ident, payload_version=u32),
    "review.decided": members(
        verdict=one_of("approve", "deny"),
        requirements=listed(ident),
        groups=listed(ident),
        authentication=AUTHENTICATION,
        separation=SEPARATION,
        payload_version=u32,
        payload=digest,
        presentation_=digest,
        active_ms_=uint,
        expanded_all_=boolean,
        meaning_=one_of("approval", "edited_approval", "rejection"),
        on_behalf_of_=uuid,
        policy_=ident,
        together_with_=uuid,
        signature_=SIGNATURE,
    ),
    "review.asked": members(question=uuid),
    "review.answered": members(question=uuid),
    "review.handed_over": members(to=uuid),
    "review.standing_used": members(
        standing=uuid, number=u32, person=ident, groups=listed(ident), requirements=listed(ident),
        payload_version=u32, payload=digest,
    ),
    "review.escalated": members(groups=listed(ident), rule_=ident, why=ident),
    "review.expired": WHY,
    "review.cancelled": WHY,
    "action.authorized": members(
        by=one_of("policy", "review", "standing"), policy_set=POLICY, payload_version=u32, payload=digest, expires_at=time
    ),
    "execution.started": members(
        attempt=ident, executor=ident, deadline=time, payload_version=u32,
        match=one_of("exact", "edited"), enforcement=one_of("wire", "attested"),
        redeemed_by_=ident,
    ),
    "execution.refused": members(
        refusal=one_of("mismatch", "expired", "already_used", "unauthorized", "policy_changed"),
        attempt=ident, payload_version=u32,
    ),
    "execution.finished": members(
        attempt=ident, outcome=OUTCOME, late_=lambda value: need(value is True, "late"), status_=ident,
        duration_us_=uint, downstream_request_id_=ident,
    ),
    "execution.resolved": members(outcome=OUTCOME, basis=ident, reference_=uuid),
    "action.closed": members(how=one_of("authorization_expired", "cancelled", "subject_erased")),
    "log.opened": members(origin=ident, epoch=uint, version=ident),
    "log.closed": members(epoch=uint),
    "clock.stepped": members(clock=time, step_us=signed),
    "policy.activated": members(version=ident, digest=digest, tests_passed=uint),
    "key.created": members(
        key=uuid, kind=KEY_KIND, environments=listed(ident), agents=listed(ident), person_=uuid
    ),
    "key.revoked": members(key=uuid),
    "access.changed": members(person=uuid, groups=listed(ident), roles_=listed(ROLE), until_=time),
    "access.credential_added": members(person=uuid, credential=uuid, kind=CREDENTIAL),
    "access.credential_removed": members(person=uuid, credential=uuid),
    "access.signed_in": members(person=uuid, session=uuid, method=CREDENTIAL, strength=STRENGTH),
    "access.session_ended": members(person=uuid, session=uuid, why=ident),
    "access.locked": members(person=uuid, until=time),
    "access.delegated": members(**{"delegation": uuid, "from": uuid, "to": uuid, "since": time, "until": time}),
    "access.delegation_ended": members(delegation=uuid),
    "access.viewed": members(route=ident, action_=uuid),
    "standing.granted": members(
        standing=uuid, action=uuid, agent=ident, tool=TOOL, environment=ident, rules=listed(ident),
        groups=listed(ident), same_payload=boolean, uses=u32, until=time, authentication=AUTHENTICATION,
        separation=SEPARATION, policy=ident,
    ),
    "standing.revoked": members(standing=uuid, why=ident),
    "tool.defined": members(tool=TOOL),
    "config.changed": members(setting=ident, value=ident),
    "subject.erasure_requested": KEYS,
    "subject.erased": KEYS,
}

# What the records of a type seal: always, and sometimes.
SEALS = {
    "action.proposed": ({"payload"}, {"intent", "user", "resource", "context"}),
    "action.decided": ({"facts"}, {"errors", "reasons"}),
    "review.presented": ({"presentation"}, set()),
    "review.decided": (set(), {"reason", "name", "payload", "signature"}),
    "review.asked": ({"text"}, set()),
    "review.answered": ({"text"}, set()),
    "review.handed_over": (set(), {"text"}),
    "execution.started": ({"payload"}, {"context"}),
    "execution.refused": (set(), {"payload"}),
    "execution.finished": (set(), {"response", "error"}),
    "execution.resolved": (set(), {"evidence"}),
    "policy.activated": ({"text"}, set()),
    "tool.defined": ({"definition"}, set()),
    "key.created": (set(), {"label"}),
    "access.changed": (set(), {"name"}),
    "access.credential_added": (set(), {"label", "public_key"}),
    "access.delegated": (set(), {"reason"}),
    "access.viewed": (set(), {"asked"}),
    "standing.granted": (set(), {"name", "reason", "content_digest"}),
}


def seals_rightly(record):
    """Whether it seals what its type always seals, and nothing that its type does not know."""
    if record["type"] not in BODIES:
        return True
    always, sometimes = SEALS.get(record["type"], (set(), set()))
    return always <= record["sealed"].keys() <= always | sometimes


def redeems_rightly(proposed, started):
    """Only another request redeems an action, and only its start has a context of its own (R4)."""
    redeemed_by = started["body"].get("redeemed_by")
    if redeemed_by is None:
        return "context" not in started["sealed"]
    return redeemed_by != proposed["body"]["request_id"]


def _sealed(value):
    need(isinstance(value, dict), "sealed")
    for name, item in value.items():
        need(NAME.fullmatch(name), "field name")
        digest(item)


def _clear(value):
    """What holds for the body of any type."""
    if isinstance(value, dict):
        for name, item in value.items():
            need(NAME.fullmatch(name), "member name")
            _clear(item)
    elif isinstance(value, list):
        for item in value:
            _clear(item)
    elif isinstance(value, Number):
        signed(value)
    elif not isinstance(value, bool):
        ident(value)


ENVELOPE = members(
    v=lambda value: need(isinstance(value, Number) and value == "1", "v"),
    id=uuid7, type=lambda value: need(isinstance(value, str) and KIND.fullmatch(value) and len(value) <= 64, "type"),
    time=time, workspace=ident, environment=ident, action_=uuid7, step_=u32, prev_=digest,
    actor=members(type=one_of(*ACTORS), id=ident), body=lambda value: need(isinstance(value, dict), "body"),
    sealed=_sealed, vault_=digest,
)


def read(data):
    """Reads an envelope strictly."""
    value = parse(data, MOST_BYTES, MOST_DEPTH)
    need(canonical(value).encode() == data, "canonical form")
    ENVELOPE(value)
    step = value["step"].integer() if "step" in value else None
    need(("action" in value) == (step is not None), "action and step")
    need(("prev" in value) == bool(step), "prev")
    _clear(value["body"])
    if value["type"] in BODIES:
        BODIES[value["type"]](value["body"])
    return value


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()
