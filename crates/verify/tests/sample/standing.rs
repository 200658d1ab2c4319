//! What was approved in advance.

use super::courses::{authorize, decide_with, propose};
use super::*;

/// A standing approval that fills the seat of `new_recipient` twice, and an action that it covers.
pub struct Standing {
    pub granted: StandingGranted,
    pub act: Act,
    pub used: ReviewStandingUsed,
}

fn gate() -> Actor {
    actor(ActorKind::System, "gate")
}

/// An action that people are asked about, and a standing approval for the like of it that is not on record yet.
pub fn standing(log: &mut Writer) -> Standing {
    let example = log.uuid();
    let granted = StandingGranted {
        standing: log.uuid(),
        action: example,
        agent: "payments-agent".to_owned(),
        tool: ToolRef {
            name: "transfer".to_owned(),
            server: "bank".to_owned(),
            definition: Some(Digest::of(b"definition")),
        },
        environment: "production".to_owned(),
        rules: vec!["new_recipient".to_owned()],
        groups: vec!["security".to_owned()],
        same_payload: true,
        uses: 2,
        until: log.now.plus_seconds(3_600),
        authentication: Authentication { method: "passkey".to_owned(), session: None, strength: None },
        separation: Separation::Enforced,
        policy: log.policy.version.clone(),
    };
    let act = asked(log);
    let used = ReviewStandingUsed {
        standing: granted.standing,
        number: 1,
        person: "p-1".to_owned(),
        groups: granted.groups.clone(),
        requirements: granted.rules.clone(),
        payload_version: 0,
        payload: act.payloads[0],
    };
    Standing { granted, act, used }
}

pub fn grant(log: &mut Writer, granted: &StandingGranted) {
    let sealed = r#"{"reason":"the same every month","content_digest":"8Cb0e3Ji1Tqt1vdIzWqkNgMR4Yd5ImJb6cS8zJ0Qf1E"}"#;
    log.system(actor(ActorKind::Reviewer, "p-1"), granted.clone(), sealed);
}

/// An action that people are asked about.
pub fn asked(log: &mut Writer) -> Act {
    let subject = log.new_key();
    let mut act = propose(log, 0, subject);
    decide_with(log, &mut act, Decision::Review, 0, Some(86_400));
    act
}

/// Puts it on record and to use.
pub fn use_it(log: &mut Writer, standing: &mut Standing) {
    grant(log, &standing.granted);
    use_again(log, standing);
}

pub fn use_again(log: &mut Writer, standing: &mut Standing) {
    log.step(&mut standing.act, gate(), standing.used.clone(), Sealing::default());
}

/// Nobody looks: both seats are filled in advance.
pub fn unseen(log: &mut Writer, by: AuthorizedBy) {
    let mut one = standing(log);
    let mut other = one.granted.clone();
    (other.standing, other.rules, other.groups) =
        (log.uuid(), vec!["pay_over_1000".to_owned()], vec!["treasury".to_owned()]);
    use_it(log, &mut one);
    let revoked = StandingRevoked { standing: one.granted.standing, why: "revoked".to_owned() };
    log.system(actor(ActorKind::Reviewer, "p-1"), revoked, "");
    log.system(actor(ActorKind::Reviewer, "p-2"), other.clone(), r#"{"name":"B. Reviewer"}"#);
    let used = ReviewStandingUsed {
        standing: other.standing,
        person: "p-2".to_owned(),
        groups: other.groups,
        requirements: other.rules,
        ..one.used
    };
    log.step(&mut one.act, gate(), used, Sealing::default());
    authorize(log, &mut one.act, by);
}
