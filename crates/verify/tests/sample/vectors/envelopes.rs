use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::*;
use uuid::Uuid;

use super::super::courses::{log, talked_about};
use super::super::standing::unseen;
use super::super::{Writer, actor};
use super::{case, lines};

pub(super) fn file() -> Vec<u8> {
    let accept = of_every_type();
    let proposed = of_type(&accept, "action.proposed");
    let decided = of_type(&accept, "action.decided");
    let opened = of_type(&accept, "log.opened");
    let unknown = of_type(&accept, "control.heartbeat");
    let reject = rejected(&proposed, &decided, &opened, &unknown);
    let accept: Vec<Value> = accept
        .iter()
        .map(|text| {
            let leaf = Digest::leaf(text.as_bytes()).to_string();
            case([("envelope", Value::from(text.as_str())), ("leaf", Value::from(leaf))])
        })
        .collect();
    lines(&case([("accept", Value::from(accept)), ("reject", Value::from(reject))]))
}

/// The first record of each type, and of each shape that matters.
pub fn of_every_type() -> Vec<String> {
    let mut log = log(3, 18);
    rare(&mut log);
    talked_about(&mut log);
    unseen(&mut log, AuthorizedBy::Standing);
    let mut seen = Vec::new();
    let mut texts = Vec::new();
    for (text, _) in log.entries {
        let envelope = Envelope::parse(&text).unwrap();
        let mut shape: Vec<String> = vec![envelope.body.kind().to_owned()];
        shape.extend(envelope.sealed.keys().cloned());
        if let Body::ActionDecided(decided) = &envelope.body {
            let asked = decided.review.iter().flat_map(|demand| &demand.requirements);
            let in_advance = asked.into_iter().any(|one| one.standing_s.is_some());
            shape.push(format!("{:?} {in_advance}", decided.decision));
        }
        if !seen.contains(&shape) {
            seen.push(shape);
            texts.push(String::from_utf8(text).unwrap());
        }
    }
    texts
}

/// What is recorded of people who sign in.
fn access(log: &mut Writer) {
    let (person, other, credential) = (Uuid::from_u128(5), Uuid::from_u128(6), Uuid::from_u128(8));
    let (session, delegation) = (Uuid::from_u128(9), Uuid::from_u128(10));
    let operator = || actor(ActorKind::Operator, "operator-1");
    let roles = Some(vec![Role::Reviewer, Role::Admin]);
    let until = Some(log.now.plus_seconds(86_400));
    log.system(operator(), AccessChanged { person, groups: Vec::new(), roles, until }, "");
    let added = CredentialAdded { person, credential, kind: CredentialKind::Passkey };
    log.system(operator(), added, r#"{"label":"passkey","public_key":{"crv":"Ed25519","kty":"OKP","x":"AA"}}"#);
    log.system(operator(), CredentialRemoved { person, credential }, "");
    let (method, strength) = (CredentialKind::Passkey, Strength::MultiFactor);
    log.system(operator(), SignedIn { person, session, method, strength }, "");
    log.system(operator(), SessionEnded { person, session, why: "signed_out".to_owned() }, "");
    log.system(operator(), AccessLocked { person, until: log.now.plus_seconds(60) }, "");
    let (since, until) = (log.now, log.now.plus_seconds(3_600));
    let away = AccessDelegated { delegation, from: person, to: other, since, until };
    log.system(operator(), away, r#"{"reason":"away"}"#);
    log.system(operator(), DelegationEnded { delegation }, "");
    let viewed = AccessViewed { route: "/v1/actions".to_owned(), action: None };
    log.system(operator(), viewed, r#"{"asked":"/v1/actions?q=iban"}"#);
}

/// Types that no course of an action brings.
fn rare(log: &mut Writer) {
    let operator = || actor(ActorKind::Operator, "operator-1");
    let key = log.uuid();
    let body = KeyCreated {
        key,
        kind: KeyKind::Agent,
        environments: vec!["production".to_owned()],
        agents: Vec::new(),
        person: Some(Uuid::from_u128(5)),
    };
    log.system(operator(), body, r#"{"label":"for the payments agent"}"#);
    log.system(operator(), KeyRevoked { key }, "");
    access(log);
    let definition = Some(Digest::of(br#"{"name":"transfer"}"#));
    let tool = ToolRef { name: "transfer".to_owned(), server: "bank".to_owned(), definition };
    log.system(actor(ActorKind::Gateway, "mcp-1"), ToolDefined { tool }, r#"{"definition":{"name":"transfer"}}"#);
    let body = ConfigChanged { setting: "authorization_seconds".to_owned(), value: "300".to_owned() };
    log.system(operator(), body, "");
    let clock = log.now.plus_seconds(-90);
    log.system(actor(ActorKind::System, "gate"), ClockStepped { clock, step_us: -90_000_000 }, "");
}

pub fn of_type(texts: &[String], kind: &str) -> String {
    let member = format!("\"type\":\"{kind}\"");
    texts.iter().find(|text| text.contains(&member)).unwrap().clone()
}

/// One small change each. Every case still is JSON unless it says otherwise.
pub fn changes(proposed: &str, decided: &str, opened: &str, unknown: &str) -> Vec<(&'static str, String)> {
    let change = |why, text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{why}: {from} is not in {text}");
        (why, text.replacen(from, to, 1))
    };
    let long = "x".repeat(129);
    let id = proposed.split("\"id\":\"").nth(1).map(|_| {
        let at = proposed.find("\"prev\"").or_else(|| proposed.find("\"sealed\"")).unwrap();
        proposed[..at].rsplit("\"id\":\"").next().unwrap().split('"').next().unwrap().to_owned()
    });
    let id = id.unwrap();
    let mut cases = vec![
        ("empty", String::new()),
        ("not an object", "[]".to_owned()),
        change("space", opened, "{\"actor\"", "{ \"actor\""),
        change(
            "members out of order",
            opened,
            "{\"actor\":{\"id\":\"gate\",\"type\":\"system\"}",
            "{\"actor\":{\"type\":\"system\",\"id\":\"gate\"}",
        ),
        change("needless escape", opened, "\"gate\"", "\"g\\u0061te\""),
        change("repeated member", opened, "\"v\":1", "\"v\":1,\"v\":1"),
        change("another version", opened, "\"v\":1", "\"v\":2"),
        change("version as a string", opened, "\"v\":1", "\"v\":\"1\""),
        change("unknown member", opened, "\"v\":1", "\"v\":1,\"w\":1"),
        change("missing member", opened, "\"v\":1,", ""),
        change("unknown member of the actor", opened, "\"id\":\"gate\",", "\"id\":\"gate\",\"name\":\"x\","),
        change("unknown kind of actor", opened, "\"type\":\"system\"", "\"type\":\"robot\""),
        change("unknown member of a known body", opened, "\"epoch\":1,", "\"epoch\":1,\"extra\":1,"),
        change("missing member of a known body", opened, "\"epoch\":1,", ""),
        change("negative where it cannot be", opened, "\"epoch\":1", "\"epoch\":-1"),
        change("null in a body", opened, "\"epoch\":1", "\"epoch\":null"),
        change("null in place of an absent member", opened, "\"id\":", "\"action\":null,\"id\":"),
        change("fraction", unknown, "\"exercised\":3", "\"exercised\":3.5"),
        change("integer of 2^53", unknown, "\"exercised\":3", "\"exercised\":9007199254740992"),
        change("integer of -2^63", unknown, "\"exercised\":3", "\"exercised\":-9223372036854775808"),
        change("integer in scientific form", unknown, "\"exercised\":3", "\"exercised\":3e0"),
        change("space in a string of the body", unknown, "\"pass\"", "\"pa ss\""),
        change("empty string in the body", unknown, "\"pass\"", "\"\""),
        change("string of 129 characters", unknown, "\"pass\"", &format!("\"{long}\"")),
        change("text that runs the other way", unknown, "\"pass\"", "\"pa\u{202e}ss\""),
        change("letter beyond ASCII", unknown, "\"pass\"", "\"pàss\""),
        change("delete character", unknown, "\"pass\"", "\"pa\u{7f}ss\""),
        change("capital in a member's name", unknown, "\"exercised\"", "\"Exercised\""),
        change("body that is no object", unknown, "{\"exercised\":3,\"result\":\"pass\"}", "[1]"),
        change("type without a dot", unknown, "control.heartbeat", "heartbeat"),
        change("type with a capital", unknown, "control.heartbeat", "control.Heartbeat"),
        change("type with an empty part", unknown, "control.heartbeat", "control..heartbeat"),
        change("workspace with a space", opened, "\"acme\"", "\"ac me\""),
        change("environment that is empty", opened, "\"production\"", "\"\""),
        change("time without fraction", opened, ".001234Z", "Z"),
        change("time with another offset", opened, ".001234Z", ".001234+00:00"),
        change("time that no calendar has", opened, "2026-01-01T", "2026-02-30T"),
        change(
            "prev at step 0",
            proposed,
            "\"sealed\":",
            "\"prev\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\",\"sealed\":",
        ),
        change("no prev after step 0", decided, "\"step\":1", "\"step\":0"),
        change("step without action", opened, "\"time\"", "\"step\":0,\"time\""),
        change("step below 0", proposed, "\"step\":0", "\"step\":-1"),
        change("digest that is too short", decided, "\"prev\":\"", "\"prev\":\"AAAA"),
        change("digest with padding", proposed, "\",\"workspace\"", "=\",\"workspace\""),
        change("id in capitals", proposed, &id, &id.to_uppercase()),
        change("id in braces", proposed, &id, &format!("{{{id}}}")),
        change("id without hyphens", proposed, &id, &id.replace('-', "")),
        change("id of another version", proposed, &id, "6ba7b810-9dad-41d1-80b4-00c04fd430c8"),
        change("unknown category", proposed, "\"category\":\"read\"", "\"category\":\"look\""),
        change(
            "list in place of an object",
            proposed,
            "{\"id\":\"payments-agent\",\"version\":\"3.2.0\"}",
            "[\"payments-agent\",\"3.2.0\"]",
        ),
        change(
            "object in place of a name",
            proposed,
            "\"isolation\":\"separate_user\"",
            "\"isolation\":{\"separate_user\":{}}",
        ),
        change("default written out", decided, "\"payload_version\":0", "\"errors\":[],\"payload_version\":0"),
        change("sealed field with a capital", proposed, "\"intent\":", "\"Intent\":"),
        change("sealed field without digest", proposed, "\"sealed\":{\"intent\":\"", "\"sealed\":{\"intent\":\"!"),
    ];
    let huge = format!("{}{}", "\"pass\"", (0..400).map(|n| format!(",\"{n:0>60}\"")).collect::<String>());
    cases.push(change("more than 16 KiB", unknown, "\"pass\"", &format!("[{huge}]")));
    let deep = format!("{}1{}", "[".repeat(15), "]".repeat(15));
    cases.push(change("more than 16 levels", unknown, "\"pass\"", &deep));
    cases
}

fn rejected(proposed: &str, decided: &str, opened: &str, unknown: &str) -> Vec<Value> {
    let cases = changes(proposed, decided, opened, unknown);
    cases
        .into_iter()
        .map(|(why, text)| {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{why} is accepted: {text}");
            case([("envelope", Value::from(text)), ("why", Value::from(why))])
        })
        .collect()
}
