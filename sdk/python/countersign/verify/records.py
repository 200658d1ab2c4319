"""The known types of records: their bodies, and what they seal (docs/evidence-format.md §5)."""

from __future__ import annotations

from .canonical import Value
from .forms import boolean, digest, ident, listed, members, need, one_of, signed, time, u32, uint, uuid

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
SEALS: dict[str, tuple[set[str], set[str]]] = {
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


def seals_rightly(record: Value) -> bool:
    """Whether it seals what its type always seals, and nothing that its type does not know."""
    if record["type"] not in BODIES:
        return True
    always, sometimes = SEALS.get(record["type"], (set(), set()))
    return bool(always <= record["sealed"].keys() <= always | sometimes)


def redeems_rightly(proposed: Value, started: Value) -> bool:
    """Only another request redeems an action, and only its start has a context of its own (R4)."""
    redeemed_by = started["body"].get("redeemed_by")
    if redeemed_by is None:
        return "context" not in started["sealed"]
    return bool(redeemed_by != proposed["body"]["request_id"])
