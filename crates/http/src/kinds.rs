//! Every problem that the API answers with. The names are stable: clients branch on them.

/// One kind of problem (RFC 9457): its type is `/problems/<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    /// For the page behind the type.
    pub(crate) meaning: &'static str,
}

const fn kind(name: &'static str, status: u16, meaning: &'static str) -> Kind {
    Kind { name, status, meaning }
}

pub(crate) const APPROVAL_PENDING: Kind = kind(
    "approval_pending",
    503,
    "People have not decided about this call yet, and it was not sent. The same request again gets on once they have.",
);
pub(crate) const DENIED: Kind =
    kind("denied", 403, "Policy or a person said no, or nobody said yes in time. The call was not sent.");
pub(crate) const EXECUTED_BEFORE: Kind = kind(
    "executed_before",
    409,
    "The same request was sent before, and is not sent again. Its action says what came of it.",
);
pub(crate) const NOT_SENDABLE: Kind =
    kind("not_sendable", 422, "What was authorized makes no request to the same place. It was not sent.");
pub(crate) const OUTCOME_UNKNOWN: Kind = kind(
    "outcome_unknown",
    504,
    "The call was sent, and nobody knows what came of it: the answer is missing or broke off.",
);
pub(crate) const UPSTREAM_UNREACHABLE: Kind =
    kind("upstream_unreachable", 502, "No connection to the upstream could be made. Nothing was sent.");
pub(crate) const BAD_BODY: Kind = kind(
    "bad_body",
    400,
    "The request body broke off or is not framed as HTTP demands. Nothing was done; send it again.",
);
pub(crate) const BAD_ID: Kind = kind(
    "bad_id",
    400,
    "An id in the path is not of its form: actions, keys and people are UUIDs in the hyphenated form, positions are numbers.",
);
pub(crate) const BAD_JSON: Kind = kind("bad_json", 400, "The body is not one JSON text of RFC 8259.");
pub(crate) const BAD_NUMBER: Kind =
    kind("bad_number", 400, "A number in the body cannot be kept exactly, or is not written as JSON demands.");
pub(crate) const BAD_REPORT: Kind =
    kind("bad_report", 400, "The body is no OTLP export request, or does not inflate. Nothing of it was kept.");
pub(crate) const BAD_QUERY: Kind = kind(
    "bad_query",
    400,
    "A query parameter is unknown, repeated, or not of its form. Unknown ones are refused so that a misspelt filter never widens a list.",
);
pub(crate) const DUPLICATE_KEY: Kind = kind(
    "duplicate_key",
    400,
    "An object in the body names a member twice: two readers could take it for two different things.",
);
pub(crate) const FOREIGN_REQUEST: Kind = kind(
    "foreign_request",
    403,
    "A request by a signed-in browser that does not come from this site's own pages, or without their token: nothing was done.",
);
pub(crate) const INVALID: Kind = kind(
    "invalid",
    422,
    "The body is JSON, but not of the form that openapi.json describes, or it breaks a rule that the detail names.",
);
pub(crate) const INVALID_UTF8: Kind = kind("invalid_utf8", 400, "The body is not UTF-8.");
pub(crate) const LONE_SURROGATE: Kind =
    kind("lone_surrogate", 400, "A string in the body escapes half of a surrogate pair: that is no Unicode text.");
pub(crate) const METHOD_NOT_ALLOWED: Kind =
    kind("method_not_allowed", 405, "The route exists, but not with this method; the Allow header lists those it has.");
pub(crate) const NOT_FOUND: Kind = kind(
    "not_found",
    404,
    "What the id names does not exist, or this key may not see it; the answer does not tell which.",
);
pub(crate) const NO_SUCH_ROUTE: Kind =
    kind("no_such_route", 404, "The API has no route at this path; /openapi.json lists them all.");
pub(crate) const PAYLOAD_TOO_LARGE: Kind = kind(
    "payload_too_large",
    413,
    "The body, or the payload in its canonical form, is over the configured limit: send less, or by reference.",
);
pub(crate) const SLOW_BODY: Kind =
    kind("slow_body", 408, "The request body did not arrive in time. Nothing was done; send it again.");
pub(crate) const TOO_DEEP: Kind = kind("too_deep", 400, "The body nests deeper than the limit: flatten it.");
pub(crate) const UNSUPPORTED_MEDIA_TYPE: Kind = kind(
    "unsupported_media_type",
    415,
    "The body must be sent as application/json, in UTF-8 and without content encoding.",
);

/// Every kind, by name.
pub(crate) const ALL: &[Kind] = &[
    kind(
        "already_used",
        409,
        "The authorization was used by another attempt: it executes once. Propose again for another execution.",
    ),
    APPROVAL_PENDING,
    BAD_BODY,
    BAD_ID,
    BAD_JSON,
    BAD_NUMBER,
    kind(
        "bad_policy",
        422,
        "The policy set is refused and the active one stays in force; the detail lists every error and every failed test.",
    ),
    BAD_QUERY,
    BAD_REPORT,
    kind(
        "bad_signature",
        422,
        "What was handed in as a signature does not sign this answer, or not by one of this person's passkeys.",
    ),
    kind(
        "broken",
        500,
        "Something that is stored does not read as it must. Nothing was executed; run `countersign log fsck`.",
    ),
    kind(
        "busy",
        429,
        "The queue before the journal is full. Nothing was recorded; try again with the same request_id.",
    ),
    DENIED,
    kind("disk_full", 507, "There is no room for new records. Open actions can still be finished."),
    DUPLICATE_KEY,
    EXECUTED_BEFORE,
    kind("expired", 409, "The authorization has expired before it was used: propose again."),
    kind("forbidden", 403, "The key is good, but its kind or its limits do not cover this."),
    FOREIGN_REQUEST,
    INVALID,
    INVALID_UTF8,
    LONE_SURROGATE,
    METHOD_NOT_ALLOWED,
    kind(
        "mismatch",
        409,
        "The payload to be executed is not the authorized one. The refusal is on record; execute exactly what was approved, or propose anew.",
    ),
    NO_SUCH_ROUTE,
    kind(
        "not_a_reviewer",
        403,
        "This person may not decide this review: not in its groups, or it is an action of their own.",
    ),
    kind(
        "not_expanded",
        409,
        "The payload is longer than what is shown at once, and not all of it was shown: show all of it, then approve.",
    ),
    NOT_FOUND,
    NOT_SENDABLE,
    OUTCOME_UNKNOWN,
    PAYLOAD_TOO_LARGE,
    kind("policy_changed", 409, "The policy in force now denies what an earlier one authorized: do not execute."),
    kind("request_replayed", 409, "The request_id was used before with other content: a new action needs a new one."),
    kind(
        "signature_required",
        403,
        "A rule asks for an approval that is signed by a passkey: approve it in the console.",
    ),
    SLOW_BODY,
    kind("stale_review", 409, "The payload has changed since it was shown: look at it again, then decide."),
    kind(
        "step_up_required",
        403,
        "The risk is high and the person signed in a while ago: prove again who you are in the console, or sign the approval.",
    ),
    TOO_DEEP,
    kind("too_many", 429, "A limit that protects the gate is reached: finish or cancel what is open first."),
    kind("unauthenticated", 401, "The bearer key is missing, unknown or revoked: ask an operator for one."),
    kind("unauthorized", 409, "The action is not authorized (yet): wait for its decision, or propose again."),
    kind("unavailable", 503, "Records cannot be made durable now. Nothing was recorded and nothing may be executed."),
    UNSUPPORTED_MEDIA_TYPE,
    UPSTREAM_UNREACHABLE,
    kind("wrong_state", 409, "The action is not where this can be done; the detail says where it is."),
];

/// The kind of that name.
pub(crate) fn by_name(name: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use countersign_evidence::record::Refusal;
    use countersign_gate::GateError;
    use uuid::Uuid;

    use super::*;

    /// One of each; the match below does not compile once the gate has another.
    fn every_gate_error() -> Vec<GateError> {
        let (text, action) = (String::new, Uuid::nil());
        let refusals =
            [Refusal::Mismatch, Refusal::Expired, Refusal::AlreadyUsed, Refusal::Unauthorized, Refusal::PolicyChanged];
        let mut all = vec![
            GateError::Invalid(text()),
            GateError::PayloadTooLarge { bytes: 0, limit: 0 },
            GateError::Unauthenticated,
            GateError::Forbidden(text()),
            GateError::NotFound(""),
            GateError::RequestReplayed(action),
            GateError::WrongState { action, state: text(), what: "" },
            GateError::StaleReview(action),
            GateError::NotAReviewer(text()),
            GateError::SignatureRequired(action),
            GateError::StepUpRequired(action),
            GateError::BadSignature(text()),
            GateError::NotExpanded(action),
            GateError::BadPolicy(text()),
            GateError::TooMany(text()),
            GateError::Busy,
            GateError::Unavailable(text()),
            GateError::DiskFull,
            GateError::Broken(text()),
        ];
        all.extend(refusals.map(|refusal| GateError::Refused { refusal, action }));
        for error in &all {
            match error {
                GateError::Invalid(_)
                | GateError::PayloadTooLarge { .. }
                | GateError::Unauthenticated
                | GateError::Forbidden(_)
                | GateError::NotFound(_)
                | GateError::RequestReplayed(_)
                | GateError::Refused { .. }
                | GateError::WrongState { .. }
                | GateError::StaleReview(_)
                | GateError::NotAReviewer(_)
                | GateError::SignatureRequired(_)
                | GateError::StepUpRequired(_)
                | GateError::BadSignature(_)
                | GateError::NotExpanded(_)
                | GateError::BadPolicy(_)
                | GateError::TooMany(_)
                | GateError::Busy
                | GateError::Unavailable(_)
                | GateError::DiskFull
                | GateError::Broken(_) => {}
            }
        }
        all
    }

    #[test]
    fn every_error_of_the_gate_has_its_page() {
        for error in every_gate_error() {
            let (name, status) = error.kind();
            let kind = by_name(name);
            assert_eq!(kind.map(|kind| kind.status), Some(status), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_in_order() {
        let names: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
        let sorted: BTreeSet<&str> = names.iter().copied().collect();
        assert!(names.iter().eq(&sorted), "{names:?}");
        for kind in ALL {
            assert!((400..600).contains(&kind.status) && kind.meaning.ends_with('.'), "{}", kind.name);
        }
    }
}
