//! AuthZEN: what an enforcement point that is not ours sees.

mod approvals;
mod evaluations;
mod requests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::json::{self, Limits, Object, Value};
use ed25519_dalek::{Signer, SigningKey};

use crate::bad_input::redacted;
use crate::house::{Ask, House, Told};

/// One example of each decision, for tools as MCP has them and for records.
const RULES: &str = r#"
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"payments/refund");
@id("refunds-large") @review("owners") @expires("4h")
forbid (principal, action == Action::"payment", resource == Tool::"payments/refund")
when { context.payload has arguments.amount && context.payload.arguments.amount > 500 };
@id("records") permit (principal, action == Action::"read", resource == Tool::"record/can_read");
@id("notes") permit (principal, action == Action::"write", resource == Tool::"notes/write");
@id("gone") permit (principal, action == Action::"delete", resource == Tool::"record/can_delete");
@id("gone-for-good") @review("owners") @standing("2h")
forbid (principal, action == Action::"delete", resource == Tool::"record/can_delete");
"#;
const ENTITIES: &str = r#"{
  "review_groups": { "owners": "Answer for this installation" },
  "tools": {
    "payments/refund": { "category": "payment" }, "record/can_read": { "category": "read" },
    "notes/write": { "category": "write" }, "record/can_delete": { "category": "delete" }
  }
}"#;

pub(crate) async fn house() -> House {
    House::with(RULES, ENTITIES).await
}

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), Limits::default()).unwrap()
}

/// A refund by an agent for somebody, as an MCP gateway asks.
fn refund(amount: u32) -> String {
    format!(
        r#"{{"subject":{{"type":"user","id":"ada@example.com","properties":{{"act":{{"iss":"https://agents.example.com","sub":"support-bot"}}}}}},
        "action":{{"name":"tools/call"}},"resource":{{"type":"tool","id":"refund","properties":{{"server":"payments"}}}},
        "context":{{"arguments":{{"amount":{amount}}},"time":"2026-01-02T03:04:05Z"}}}}"#
    )
}

fn evaluation(body: impl AsRef<[u8]>) -> Ask {
    Ask::post("/access/v1/evaluation").json(body)
}

/// Ids, times and tokens differ from run to run.
fn shown(told: &Told) -> String {
    // So that what follows is read as an id.
    let text = redacted(&told.text().replace("arq_", "arq_ ").replace("apr_", "apr_ "));
    let is_token = |word: &str| word.matches('.').count() == 2 && word.len() > 150;
    let words = text.split('"').map(|word| if is_token(word) { "<token>" } else { word });
    format!("{} {}", told.status, words.collect::<Vec<_>>().join("\""))
}

/// Name of a problem of the profile.
fn problem(told: &Told) -> String {
    assert_eq!(told.header("content-type"), "application/problem+json", "{}", told.text());
    assert_eq!(told.member("status"), told.status.to_string());
    let kind = told.member("type");
    let name = kind.strip_prefix("urn:openid:authzen:access-request:error:").unwrap_or(&kind);
    format!("{} {name}", told.status)
}

fn reason(told: &Told) -> String {
    let answer = told.json();
    assert_eq!(answer.get("decision").unwrap().as_bool(), Some(false), "{}", told.text());
    let context = answer.get("context").unwrap();
    let text = |name: &str| context.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let offered = if context.get("access_request").is_some() { ", requestable" } else { "" };
    format!("{}, next: {}{offered}", text("reason"), text("next_action"))
}

fn allowed(told: &Told) -> bool {
    told.json().get("decision").unwrap().as_bool().unwrap()
}

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(value, |value, name| value.get(name).unwrap_or_else(|| panic!("no {name} of {path}")))
}

fn text_at(value: &Value, path: &str) -> String {
    at(value, path).as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Object {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    value(&String::from_utf8(payload).unwrap()).as_object().unwrap().clone()
}

/// The token with one claim changed, signed by the gate's own key.
fn resigned(house: &House, token: &str, name: &str, new: &str) -> String {
    let mut claims = claims(token);
    claims.insert(name, new);
    let header = token.split('.').next().unwrap();
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(Value::Object(claims).to_canonical()));
    let signature = SigningKey::from_bytes(&house.token_seed()).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// A question that people must be asked about.
#[derive(Clone)]
pub(crate) struct Asking {
    key: String,
    question: Value,
    denial: Value,
}

impl Asking {
    /// In [`house`].
    pub(crate) async fn about(house: &House) -> Self {
        Asking::of(house, &refund(501)).await
    }

    async fn of(house: &House, question: &str) -> Self {
        let told = house.ask(evaluation(question).key(&house.agent)).await.good();
        let context = told.json().get("context").unwrap().clone();
        let hint = context.get("access_request").unwrap_or_else(|| panic!("not requestable: {}", told.text()));
        let denial = Object::from_iter([
            ("evaluation_id", context.get("evaluation_id").unwrap().clone()),
            ("evaluated_at", context.get("evaluated_at").unwrap().clone()),
            ("expires_at", hint.get("expires_at").unwrap().clone()),
            ("reason", context.get("reason").unwrap().clone()),
            ("binding_token", hint.get("binding_token").unwrap().clone()),
            ("template", hint.get("template").unwrap().clone()),
        ]);
        Asking { key: house.agent.clone(), question: value(question), denial: Value::Object(denial) }
    }

    fn body(&self) -> Object {
        let mut body = self.question.as_object().unwrap().clone();
        if let Some(context) = body.get_mut("context").and_then(Value::as_object_mut) {
            context.insert("business_justification", "goodwill");
        }
        body.insert("denial", self.denial.clone());
        body
    }

    /// With one member of the denial changed; `null` takes it out.
    fn with_denial(mut self, name: &str, new: impl Into<Value>) -> Self {
        let denial = self.denial.as_object_mut().unwrap();
        match new.into() {
            Value::Null => drop(denial.remove(name)),
            new => drop(denial.insert(name, new)),
        }
        self
    }

    pub(crate) fn submission(&self) -> Ask {
        self.submitted(&self.body())
    }

    fn submitted(&self, body: &Object) -> Ask {
        Ask::post("/access/v1/requests").key(&self.key).json(Value::Object(body.clone()).to_canonical())
    }

    /// The same submission with a part of its text replaced.
    fn instead(&self, from: &str, to: &str) -> Ask {
        let body = Value::Object(self.body()).to_canonical();
        assert!(body.contains(from), "{from} is not in {body}");
        Ask::post("/access/v1/requests").key(&self.key).json(body.replacen(from, to, 1))
    }
}

/// A question that somebody approved.
struct Approved {
    task: String,
    approval: Value,
    question: Value,
}

impl Approved {
    async fn new(house: &House, amount: u32) -> Self {
        Approved::of(house, &refund(amount)).await
    }

    async fn of(house: &House, question: &str) -> Self {
        let asking = Asking::of(house, question).await;
        let task = house.ask(asking.submission()).await.good().json();
        let id = text_at(&task, "task/id");
        let action = uuid(&id);
        house.ask(house.decision(&action, "approve").await).await.good();
        let told = house.ask(Ask::get(&format!("/access/v1/requests/{id}")).key(&house.agent)).await.good().json();
        Approved::told(&told, &asking.question)
    }

    /// From a task's answer.
    fn told(answer: &Value, question: &Value) -> Self {
        let task = text_at(answer, "task/id");
        Approved { task, approval: at(answer, "result/approval").clone(), question: question.clone() }
    }

    fn redeem(&self) -> Object {
        let mut again = self.question.as_object().unwrap().clone();
        let mut context = again.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
        context.insert("approval", self.approval.clone());
        again.insert("context", context);
        again
    }

    fn redeemed(&self) -> Ask {
        evaluation(Value::Object(self.redeem()).to_canonical())
    }

    fn instead(&self, from: &str, to: &str) -> Ask {
        let body = Value::Object(self.redeem()).to_canonical();
        assert!(body.contains(from), "{from} is not in {body}");
        evaluation(body.replacen(from, to, 1))
    }
}

/// The action behind a task.
fn uuid(task: &str) -> String {
    uuid::Uuid::try_parse(&task[4..]).unwrap().to_string()
}

async fn story(house: &House, action: &str) -> Told {
    house.ask(Ask::get(&format!("/v1/actions/{action}/story")).key(&house.auditor)).await.good()
}
