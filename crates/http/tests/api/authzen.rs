//! AuthZEN: what an enforcement point that is not ours sees.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_gate::Settings;

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
    let plain = |text: &str| text.replace("arq_", "arq_ ").replace("apr_", "apr_ ");
    let mut words = Vec::new();
    for word in redacted(&plain(&told.text())).split_inclusive(['"', ' ', '/']) {
        let hex = word.len() == 33 && word[..32].bytes().all(|one| one.is_ascii_hexdigit());
        let token = word.matches('.').count() == 2 && word.len() > 150;
        words.push(match word {
            _ if hex => format!("<hex>{}", &word[32..]),
            _ if token => "<token>\"".to_owned(),
            word => word.to_owned(),
        });
    }
    format!("{} {}", told.status, words.concat())
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
    action: String,
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
        Approved { action, task: id, approval: at(&told, "result/approval").clone(), question: asking.question }
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

#[tokio::test]
async fn each_decision_has_its_answer() {
    let house = house().await;
    let mut text = String::new();
    for (title, body) in [
        ("allowed", refund(5)),
        ("review", refund(501)),
        ("denied", refund(5).replace("refund", "payout")),
        (
            "a record",
            r#"{"subject":{"type":"user","id":"ada"},"action":{"name":"can_read"},"resource":{"type":"record","id":"1"},"foo":{"bar":1}}"#
                .to_owned(),
        ),
    ] {
        let ask = evaluation(&body).key(&house.agent).header("x-request-id", "call-7");
        let told = house.ask(ask).await.good();
        assert_eq!(told.header("x-request-id"), "call-7");
        text.push_str(&format!("{title}\n  {}\n", shown(&told)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn an_allowed_evaluation_is_an_execution_that_somebody_else_attests() {
    let house = house().await;
    // A gateway's key as well: this is another's enforcement point.
    for key in [&house.agent, &house.gateway] {
        let told = house.ask(evaluation(refund(5)).key(key)).await.good().json();
        let action = text_at(&told, "context/evaluation_id");
        let of_key = Ask::get(&format!("/v1/actions/{action}")).key(key);
        let view = house.ask(of_key).await.good().json();
        assert_eq!(
            (text_at(&view, "state"), text_at(&view, "execution/enforcement")),
            ("executing".into(), "attested".into())
        );
        let finish = Ask::post(&format!("/v1/actions/{action}/finish")).key(key);
        house
            .ask(finish.json(r#"{"attempt":"pep","outcome":"succeeded","downstream_request_id":"re_7"}"#))
            .await
            .good();
        let told = story(&house, &action).await;
        assert_eq!((told.member("badge").as_str(), told.member("state").as_str()), ("EXACT", "succeeded"));
        assert!(told.text().contains("Agent support-bot on behalf of ada@example.com wanted to call payments/refund"));
        assert!(told.text().contains("authzen"), "{}", told.text());
    }
}

#[tokio::test]
async fn nobody_is_asked_until_somebody_wants_it() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let queue = || async { house.ask(Ask::get("/v1/reviews").key(&house.reviewer)).await.good().json() };
    assert!(queue().await.as_array().unwrap().is_empty());
    let evaluation = text_at(&asking.denial, "evaluation_id");
    assert_eq!(story(&house, &evaluation).await.member("state"), "closed", "the evaluation is on record");
    let told = house.ask(asking.submission()).await;
    assert_eq!(told.status, 202);
    assert_eq!(queue().await.as_array().unwrap().len(), 1);
    let action = uuid(&text_at(&told.json(), "task/id"));
    let records = story(&house, &action).await.text();
    assert!(records.contains(&evaluation), "the request names its evaluation");
    assert!(records.contains("goodwill"), "and says why");
}

#[tokio::test]
async fn an_approval_lets_exactly_what_was_asked_through_once() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let mut text = String::new();
    let told = house.ask(asking.submission().header("idempotency-key", "k-1")).await;
    text.push_str(&format!("asked\n  {}\n", shown(&told)));
    let place = told.header("location").to_owned();
    assert_eq!(place, text_at(&told.json(), "task/status_endpoint"));
    let place = place.strip_prefix("http://localhost:8640").unwrap().to_owned();
    let task = || Ask::get(&place).key(&house.agent);
    let action = uuid(place.rsplit('/').next().unwrap());
    let now = house.ask(task()).await.good();
    assert_eq!(now.text(), told.text());
    house.ask(house.decision(&action, "approve").await).await.good();
    let told = house.ask(task()).await.good();
    text.push_str(&format!("approved\n  {}\n", shown(&told)));
    assert_eq!(house.ask(task()).await.good().text(), told.text(), "the same approval each time");
    let again = house.ask(asking.submission().header("idempotency-key", "k-1")).await;
    assert_eq!((again.status, again.text()), (201, told.text()), "the same request is the same task");
    let mut question = asking.question.as_object().unwrap().clone();
    let approval = at(&told.json(), "result/approval").clone();
    question.get_mut("context").unwrap().as_object_mut().unwrap().insert("approval", approval);
    // What passes with the moment is not bound.
    let question = Value::Object(question).to_canonical().replace("2026-01-02T03:04:05Z", "2026-01-02T03:09:00Z");
    let told = house.ask(evaluation(&question).key(&house.agent)).await.good();
    text.push_str(&format!("redeemed\n  {}\n", shown(&told)));
    assert_eq!(text_at(&told.json(), "context/evaluation_id"), action);
    let told = house.ask(evaluation(&question).key(&house.agent)).await.good();
    text.push_str(&format!("once more\n  {}\n", shown(&told)));
    let finish = Ask::post(&format!("/v1/actions/{action}/finish")).key(&house.agent);
    house.ask(finish.json(r#"{"attempt":"pep","outcome":"succeeded"}"#)).await.good();
    let told = story(&house, &action).await;
    assert_eq!((told.member("badge").as_str(), told.member("state").as_str()), ("EXACT", "succeeded"));
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn an_approval_is_for_nothing_else() {
    let house = house().await;
    let approved = Approved::new(&house, 501).await;
    let ask = |ask: Ask| house.ask(ask.key(&house.agent));
    let state = text_at(&approved.approval, "state");
    let scope = "out_of_scope, next: request, requestable";
    for (from, to) in [
        (r#""amount":501"#, r#""amount":502"#),
        ("ada@example.com", "eve@example.com"),
        (r#""sub":"support-bot""#, r#""sub":"other-bot""#),
        ("https://agents.example.com", "https://elsewhere.example.com"),
        (r#""arguments""#, r#""note":"new","arguments""#),
    ] {
        assert_eq!(reason(&ask(approved.instead(from, to)).await.good()), scope, "{from}");
    }
    let none = "approval_unverifiable, next: none";
    let (head, signature) = state.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let asking = Asking::of(&house, &refund(501)).await;
    let other = text_at(&asking.denial, "binding_token");
    for (from, to) in [
        (state.as_str(), forged.as_str()),
        (state.as_str(), other.as_str()),
        (state.as_str(), ""),
        (r#""id":"apr_"#, r#""id":"apr_0"#),
        (r#""state""#, r#""estate""#),
    ] {
        assert_eq!(reason(&ask(approved.instead(from, to)).await.good()), none, "{from}");
    }
    let theirs = house.ask(approved.redeemed().key(&house.gateway)).await.good();
    assert_eq!(reason(&theirs), none, "another key");
    let told = ask(approved.instead("refund", "payout")).await.good();
    assert_eq!(reason(&told), "policy_denied, next: none", "what policy denies stays denied");
    let small = ask(approved.instead(r#""amount":501"#, r#""amount":5"#)).await.good();
    assert!(allowed(&small), "what needs no approval is not hindered by one");
    let elsewhere = approved.redeemed().header("x-countersign-environment", "staging");
    assert_eq!(reason(&ask(elsewhere).await.good()), scope, "another environment");
}

#[tokio::test]
async fn too_many_wrong_tries_end_an_approval() {
    let house = house().await;
    let approved = Approved::new(&house, 501).await;
    for amount in 502..507 {
        let wrong = approved.instead(r#""amount":501"#, &format!(r#""amount":{amount}"#)).key(&house.agent);
        assert_eq!(reason(&house.ask(wrong).await.good()), "out_of_scope, next: request, requestable");
    }
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "approval_expired, next: request, requestable");
    let told = house.ask(Ask::get(&format!("/access/v1/requests/{}", approved.task)).key(&house.agent)).await.good();
    assert_eq!(text_at(&told.json(), "task/status"), "cancelled");
}

#[tokio::test]
async fn an_approval_ends() {
    let house = house().await;
    let approved = Approved::new(&house, 501).await;
    house.later(901);
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "approval_expired, next: request, requestable");
    let task = format!("/access/v1/requests/{}", approved.task);
    assert_eq!(problem(&house.ask(Ask::get(&task).key(&house.agent)).await), "410 task_expired");
    house.sweep().await;
    assert_eq!(problem(&house.ask(Ask::get(&task).key(&house.agent)).await), "410 task_expired");
}

#[tokio::test]
async fn people_may_say_no_or_nothing_or_something_else() {
    let house = house().await;
    let status = |task: String| {
        let ask = Ask::get(&format!("/access/v1/requests/{task}")).key(&house.agent);
        let told = house.ask(ask);
        async { told.await.good() }
    };
    let mut tasks = Vec::new();
    for amount in [501, 502, 503, 504] {
        let asking = Asking::of(&house, &refund(amount)).await;
        tasks.push(text_at(&house.ask(asking.submission()).await.good().json(), "task/id"));
    }
    house.ask(house.decision(&uuid(&tasks[0]), "deny").await).await.good();
    let cancel = |task: &str| Ask::post(&format!("/access/v1/requests/{task}/cancel")).key(&house.agent);
    let told = house.ask(cancel(&tasks[1]).json(r#"{"reason":"no_longer_needed","comment":"found it"}"#)).await.good();
    assert_eq!(text_at(&told.json(), "task/status"), "cancelled");
    assert_eq!(problem(&house.ask(cancel(&tasks[1])).await), "409 invalid_task_state");
    assert_eq!(problem(&house.ask(cancel(&tasks[0])).await), "409 invalid_task_state");
    house.ask(house.edited(&uuid(&tasks[2]), r#""amount":503"#, r#""amount":1"#).await).await.good();
    let mut text = format!("changed\n  {}\n", shown(&status(tasks.remove(2)).await));
    house.later(4 * 3_600 + 1);
    house.sweep().await;
    for (title, task) in ["denied", "withdrawn", "nobody answered"].into_iter().zip(tasks) {
        text.push_str(&format!("{title}\n  {}\n", shown(&status(task).await)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_question_comes_back_while_people_decide() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let task = house.ask(asking.submission()).await.good().json();
    let action = uuid(&text_at(&task, "task/id"));
    // An approval that an enforcement point could have from an earlier time: signed, but not good now.
    house.ask(house.decision(&action, "approve").await).await.good();
    let place = format!("/access/v1/requests/{}", text_at(&task, "task/id"));
    let told = house.ask(Ask::get(&place).key(&house.agent)).await.good().json();
    let approved = Approved {
        action,
        task: String::new(),
        approval: at(&told, "result/approval").clone(),
        question: asking.question.clone(),
    };
    let stricter =
        RULES.replace("refunds-large", "refunds-larger").replace("\"owners\")", "\"owners\") @quorum(\"2\")");
    house.activate(&stricter, ENTITIES).await;
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "grant_pending, next: retry", "{}", approved.action);
    assert_eq!(at(&told.json(), "context/retry_after").to_canonical(), "5");
    house.activate("@id(\"none\") permit (principal, action == Action::\"read\", resource);", ENTITIES).await;
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "policy_denied, next: none");
}

#[tokio::test]
async fn requests_that_are_not_taken() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let token = text_at(&asking.denial, "binding_token");
    let approved = Approved::new(&house, 600).await;
    let other = Asking::of(&house, &refund(700)).await;
    let allowed = house.ask(evaluation(refund(5)).key(&house.agent)).await.good().json();
    let denied = house.ask(evaluation(refund(5).replace("refund", "payout")).key(&house.agent)).await.good().json();
    let reversed: String = token.chars().rev().collect();
    let denial = |name: &str, new: Value| asking.clone().with_denial(name, new).submission();
    let only_id = |id: &str| asking.clone().with_denial("binding_token", Value::Null).with_denial("evaluation_id", id);
    let without_token = only_id(&text_at(&allowed, "context/evaluation_id")).submission();
    let of_denied = only_id(&text_at(&denied, "context/evaluation_id")).submission();
    let mut other_key = asking.clone();
    other_key.key = house.gateway.clone();
    let rows = [
        ("another amount", asking.instead(r#""amount":501"#, r#""amount":5000"#)),
        ("another subject", asking.instead("ada@example.com", "eve@example.com")),
        ("another action", asking.instead("tools/call", "tools/list")),
        ("another resource", asking.instead(r#""id":"refund""#, r#""id":"payout""#)),
        ("another server", asking.instead(r#""server":"payments""#, r#""server":"bank""#)),
        ("no arguments", asking.instead(r#""arguments":{"amount":501},"#, "")),
        ("another actor", asking.instead("support-bot", "other-bot")),
        ("no actor", asking.instead(r#""act":{"iss":"https://agents.example.com","sub":"support-bot"}"#, "")),
        ("no denial", asking.instead(r#""denial""#, r#""denied""#)),
        ("no token, no id", denial("binding_token", Value::Null)).clone_without_id(&asking),
        ("tampered token", denial("binding_token", reversed.into())),
        ("a token for another purpose", denial("binding_token", at(&approved.approval, "state").clone())),
        ("another denial's token", denial("binding_token", at(&other.denial, "binding_token").clone())),
        ("another denial's id", denial("evaluation_id", at(&other.denial, "evaluation_id").clone())),
        ("a token that is none", denial("binding_token", 7.into())),
        ("an id that is none", denial("evaluation_id", "eval_1".into())),
        ("a later end", denial("expires_at", "2099-01-01T00:00:00.000000Z".into())),
        ("no end", denial("expires_at", Value::Null)),
        ("by another key", other_key.submission()),
        ("an evaluation that was allowed", without_token),
        ("an evaluation that policy denied", of_denied),
        ("an evaluation that never was", only_id("019b7c00-0000-7000-8000-000000000001").submission()),
        ("many at once", asking.instead(r#""action""#, r#""items":[],"action""#)),
        ("a callback", asking.instead(r#""action""#, r#""callback":{"endpoint":"https://pep.example/cb"},"action""#)),
        ("no subject", asking.instead(r#""subject""#, r#""subjekt""#)),
        ("a key that is none", asking.submission().header("idempotency-key", "")),
    ];
    let mut text = String::new();
    for (title, ask) in rows {
        let before = house.durable().await;
        let told = house.ask(ask).await;
        text.push_str(&format!("{title}\n  {}\n  {}\n", problem(&told), redacted(&told.member("detail"))));
        assert_eq!(house.durable().await, before, "{title}: nobody is asked");
    }
    insta::assert_snapshot!(text);
    house.ask(asking.submission()).await.good();
    let told = house.ask(asking.instead("goodwill", "spite")).await;
    assert_eq!(problem(&told), "400 invalid_denial_binding", "a denial is asked about once");
    let told = house.ask(asking.submission().header("idempotency-key", "k-9")).await;
    assert_eq!(problem(&told), "400 invalid_denial_binding", "under one name");
    house.later(601);
    assert_eq!(problem(&house.ask(other.submission()).await), "410 expired_denial");
    assert_eq!(house.ask(asking.submission()).await.status, 202, "what was asked in time is found again");
}

/// A row whose denial has lost its id too.
trait WithoutId {
    fn clone_without_id(self, asking: &Asking) -> Self;
}

impl WithoutId for (&'static str, Ask) {
    fn clone_without_id(self, asking: &Asking) -> Self {
        let bare = asking.clone().with_denial("binding_token", Value::Null).with_denial("evaluation_id", Value::Null);
        (self.0, bare.submission())
    }
}

#[tokio::test]
async fn what_policy_denies_by_now_nobody_is_asked_about() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    house.activate("@id(\"none\") permit (principal, action == Action::\"read\", resource);", ENTITIES).await;
    for _ in 0..2 {
        assert_eq!(problem(&house.ask(asking.submission()).await), "400 not_requestable");
    }
    // And the other way round: nobody needs to be asked any more.
    house.activate(RULES, ENTITIES).await;
    let asking = Asking::of(&house, &refund(502)).await;
    house.activate(&RULES.replace("> 500", "> 5000"), ENTITIES).await;
    let told = house.ask(asking.submission()).await;
    assert_eq!((told.status, text_at(&told.json(), "task/status").as_str()), (201, "approved"));
    let approved = Approved {
        action: String::new(),
        task: String::new(),
        approval: at(&told.json(), "result/approval").clone(),
        question: asking.question,
    };
    assert!(allowed(&house.ask(approved.redeemed().key(&house.agent)).await.good()));
}

#[tokio::test]
async fn a_key_names_one_request() {
    let house = house().await;
    let (one, other) = (Asking::of(&house, &refund(501)).await, Asking::of(&house, &refund(502)).await);
    let keyed = |ask: Ask| ask.header("idempotency-key", "k-1");
    let first = house.ask(keyed(one.submission())).await.good();
    assert_eq!(house.ask(keyed(one.submission())).await.text(), first.text());
    assert_eq!(problem(&house.ask(keyed(one.instead("goodwill", "spite"))).await), "409 duplicate_request");
    assert_eq!(problem(&house.ask(keyed(other.submission())).await), "409 duplicate_request");
    house.later(601);
    assert_eq!(house.ask(keyed(one.submission())).await.text(), first.text(), "however late");
    let mut theirs = other.clone();
    theirs.key = house.gateway.clone();
    assert_eq!(problem(&house.ask(keyed(theirs.submission())).await), "400 invalid_denial_binding", "keys are apart");
}

#[tokio::test]
async fn the_record_alone_binds_too() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await.with_denial("binding_token", Value::Null);
    assert_eq!(
        problem(&house.ask(asking.instead(r#""amount":501"#, r#""amount":5000"#)).await),
        "400 invalid_denial_binding"
    );
    assert_eq!(house.ask(asking.submission()).await.status, 202);
}

#[tokio::test]
async fn an_actor_may_be_said_as_the_client_s() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let bare = Value::Object(asking.body()).to_canonical().replacen(
        r#""properties":{"act":{"iss":"https://agents.example.com","sub":"support-bot"}}"#,
        r#""properties":{}"#,
        1,
    );
    let with = |actor: &str| {
        let body = bare.replacen(r#""context""#, &format!(r#""client":{{"id":"gw","actor":{actor}}},"context""#), 1);
        Ask::post("/access/v1/requests").key(&house.agent).json(body)
    };
    let wrong = with(r#"{"id":"other-bot"}"#);
    assert_eq!(problem(&house.ask(wrong).await), "400 invalid_denial_binding");
    let wrong = with(r#"{"id":"support-bot","issuer":"https://elsewhere.example.com"}"#);
    assert_eq!(problem(&house.ask(wrong).await), "400 invalid_denial_binding");
    let told = house.ask(with(r#"{"id":"support-bot","issuer":"https://agents.example.com"}"#)).await;
    assert_eq!(told.status, 202, "{}", told.text());
    // What people approve is what was evaluated, with its actor.
    let action = uuid(&text_at(&told.json(), "task/id"));
    assert!(story(&house, &action).await.text().contains("https://agents.example.com"));
}

#[tokio::test]
async fn what_is_approved_under_another_tool_is_approved_for_nothing_else() {
    let house = house().await;
    // Somebody proposes a harmless note whose payload is that of a refund, named as an access request is.
    let question = value(&refund(501));
    let mut payload = question.as_object().unwrap().clone();
    payload.insert("arguments", at(&question, "context/arguments").clone());
    payload.insert("context", Object::new());
    let proposal = |name: &str| {
        let body = format!(
            r#"{{"request_id":"{name}","agent":{{"id":"support-bot"}},"user":{{"id":"ada@example.com"}},
            "tool":{{"server":"notes","name":"write"}},"payload":{},"source":{{"via":"authzen"}}}}"#,
            Value::Object(payload.clone()).to_canonical()
        );
        Ask::post("/v1/actions").key(&house.agent).json(body)
    };
    for name in ["gate:access-request:x", "gate:evaluation:x"] {
        assert_eq!(house.ask(proposal(name)).await.problem(), "invalid", "{name}");
    }
    let told = house.ask(proposal("access-request:x")).await.good();
    assert_eq!(told.member("state"), "authorized");
    let action = told.member("action");
    let task = format!("arq_{}", action.replace('-', ""));
    let told = house.ask(Ask::get(&format!("/access/v1/requests/{task}")).key(&house.agent)).await;
    assert_eq!(problem(&told), "404 unknown_task");
    let cancel = Ask::post(&format!("/v1/actions/{action}/cancel")).key(&house.agent).json("{}");
    house.ask(cancel).await.good();
    let asking = Asking::of(&house, &refund(501)).await.with_denial("binding_token", Value::Null);
    let told = house.ask(asking.with_denial("evaluation_id", action).submission()).await;
    assert_eq!(problem(&told), "400 not_requestable");
}

/// What is no call of a tool, and has no context.
const GONE: &str =
    r#"{"subject":{"type":"user","id":"ada"},"action":{"name":"can_delete"},"resource":{"type":"record","id":"1"}}"#;

#[tokio::test]
async fn a_question_needs_no_context() {
    let house = house().await;
    let approved = Approved::of(&house, GONE).await;
    let other = approved.instead(r#""id":"1""#, r#""id":"2""#).key(&house.agent);
    assert_eq!(reason(&house.ask(other).await.good()), "out_of_scope, next: request, requestable");
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert!(allowed(&told));
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "approval_expired, next: request, requestable");
}

#[tokio::test]
async fn what_is_approved_in_advance_is_allowed_at_once() {
    let house = house().await;
    let asking = Asking::of(&house, GONE).await;
    let task = house.ask(asking.submission()).await.good().json();
    house.ask(house.standing_of(&uuid(&text_at(&task, "task/id"))).await).await.good();
    let told = house.ask(evaluation(GONE).key(&house.agent)).await.good();
    assert!(allowed(&told), "{}", told.text());
}

#[tokio::test]
async fn tasks_that_are_nobody_s_business() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let task = text_at(&house.ask(asking.submission()).await.good().json(), "task/id");
    let evaluation = format!("arq_{}", text_at(&asking.denial, "evaluation_id").replace('-', ""));
    let plain = house.refunded("plain", 5).await.replace('-', "");
    let unknown = [
        (task.clone(), &house.gateway),
        (evaluation, &house.agent),
        (format!("arq_{plain}"), &house.agent),
        (task.replace("arq_", ""), &house.agent),
        (task.to_uppercase(), &house.agent),
        ("arq_019b7c00000070008000000000000001".to_owned(), &house.agent),
        ("arq_".to_owned(), &house.agent),
    ];
    for (task, key) in unknown {
        for ask in
            [Ask::get(&format!("/access/v1/requests/{task}")), Ask::post(&format!("/access/v1/requests/{task}/cancel"))]
        {
            assert_eq!(problem(&house.ask(ask.key(key)).await), "404 unknown_task", "{task}");
        }
    }
}

#[tokio::test]
async fn a_user_does_not_approve_its_own() {
    let house = house().await;
    let made = r#"{"name":"Eve","groups":["owners"],"user":"eve@example.com"}"#;
    let person = house.ask(Ask::post("/v1/people").key(&house.operator).json(made)).await.good().member("person");
    let made = format!(r#"{{"kind":"reviewer","label":"eve","person":"{person}"}}"#);
    let eve = house.ask(Ask::post("/v1/keys").key(&house.operator).json(made)).await.good().member("secret");
    let asking = Asking::of(&house, &refund(501).replace("ada@", "eve@")).await;
    let task = house.ask(asking.submission()).await.good().json();
    let mut decision = house.decision(&uuid(&text_at(&task, "task/id")), "approve").await;
    decision.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(house.ask(decision.key(&eve)).await.problem(), "not_a_reviewer");
}

#[tokio::test]
async fn tokens_say_what_the_profile_says() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let token = claims(&text_at(&asking.denial, "binding_token"));
    let names: Vec<&str> = token.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "aud",
            "binding_context_members",
            "binding_hash",
            "denial_expires_at",
            "evaluation_id",
            "exp",
            "iat",
            "iss",
            "jti"
        ]
    );
    assert_eq!(token.get("aud").unwrap().as_str(), Some("http://localhost:8640/access/v1/requests"));
    assert_eq!(token.get("binding_context_members").unwrap().to_canonical(), r#"["arguments"]"#);
    let approved = Approved::new(&house, 600).await;
    let state = claims(&text_at(&approved.approval, "state"));
    assert_eq!(state.get("aud").unwrap().as_str(), Some("http://localhost:8640"));
    assert_eq!(state.get("approval_id").unwrap().as_str(), approved.approval.get("id").unwrap().as_str());
    let keys = house.ask(Ask::get("/access/v1/jwks")).await.good();
    assert_eq!(keys.json().get("keys").unwrap().as_array().unwrap().len(), 1);
    let metadata = house.ask(Ask::get("/.well-known/authzen-configuration")).await.good();
    insta::assert_snapshot!(metadata.text());
}

#[tokio::test]
async fn another_gate_s_tokens_are_worth_nothing() {
    let house = house().await;
    // Both gates have the same key here: the audience alone tells them apart.
    let settings = Settings { public_url: "https://other.example".to_owned(), ..Settings::default() };
    let there = House::made(RULES, ENTITIES, settings).await;
    let asking = Asking::of(&there, &refund(501)).await;
    let here = Asking::of(&house, &refund(501)).await;
    let token = text_at(&asking.denial, "binding_token");
    assert_eq!(claims(&token).get("aud").unwrap().as_str(), Some("https://other.example/access/v1/requests"));
    let told = house.ask(here.with_denial("binding_token", token).submission()).await;
    assert_eq!(problem(&told), "400 invalid_denial_binding");
}

#[tokio::test]
async fn many_at_once() {
    let house = house().await;
    let ask = |body: &str| house.ask(Ask::post("/access/v1/evaluations").key(&house.agent).json(body));
    let record = |action: &str| format!(r#"{{"action":{{"name":"{action}"}}}}"#);
    let (yes, no) = (record("can_read"), record("can_write"));
    let batch = |semantic: &str, each: &[&str]| {
        format!(
            r#"{{"subject":{{"type":"user","id":"ada"}},"resource":{{"type":"record","id":"1"}},
            "options":{{"evaluations_semantic":"{semantic}","other":1}},"evaluations":[{}]}}"#,
            each.join(",")
        )
    };
    let decisions = |told: &Told| -> String {
        let answers = told.json();
        assert!(answers.get("decision").is_none());
        let answers = answers.get("evaluations").unwrap().as_array().unwrap().to_vec();
        answers.iter().map(|one| if one.get("decision").unwrap().as_bool().unwrap() { '+' } else { '-' }).collect()
    };
    for (semantic, each, expected) in [
        ("execute_all", vec![&yes, &no, &yes], "+-+"),
        ("deny_on_first_deny", vec![&yes, &no, &yes], "+-"),
        ("deny_on_first_deny", vec![&yes, &yes], "++"),
        ("permit_on_first_permit", vec![&no, &yes, &no], "-+"),
        ("permit_on_first_permit", vec![&no, &no], "--"),
    ] {
        let each: Vec<&str> = each.into_iter().map(String::as_str).collect();
        let before = house.durable().await;
        let told = ask(&batch(semantic, &each)).await.good();
        assert_eq!(decisions(&told), expected, "{semantic}");
        // [proposed, decided], and [authorized, started] where it is allowed: what is not asked leaves nothing.
        let records: u64 = expected.chars().map(|one| if one == '+' { 4 } else { 2 }).sum();
        assert_eq!(house.durable().await - before, records, "{semantic}");
    }
    let told = ask(&batch("execute_all", &[&yes, "{}", "7", r#"{"action":{"name":"two words"}}"#])).await.good();
    assert_eq!(decisions(&told), "+---");
    insta::assert_snapshot!(shown(&told));
    let one = ask(r#"{"subject":{"type":"user","id":"ada"},"action":{"name":"can_read"},"resource":{"type":"record","id":"1"},"evaluations":[]}"#).await;
    assert!(allowed(&one.good()), "none is one");
    let hundred = vec![yes.as_str(); 100];
    assert_eq!(decisions(&ask(&batch("execute_all", &hundred)).await.good()), "+".repeat(100));
    for wrong in [
        batch("execute_all", &vec![yes.as_str(); 101]),
        batch("any", &[&yes]),
        r#"{"evaluations":{}}"#.to_owned(),
        r#"{"evaluations":[{}],"options":7}"#.to_owned(),
        format!(r#"{{"context":{{"note":"{}"}},"evaluations":[{}]}}"#, "x".repeat(1 << 20), ["{}"; 5].join(",")),
    ] {
        let before = house.durable().await;
        assert_eq!(problem(&ask(&wrong).await), "400 /problems/invalid", "{}", &wrong[..wrong.len().min(200)]);
        assert_eq!(house.durable().await, before);
    }
    let told =
        house.ask(Ask::post("/access/v1/evaluations").key(&house.auditor).json(batch("execute_all", &[&yes]))).await;
    assert_eq!((told.status, told.problem().as_str()), (403, "forbidden"));
}

#[tokio::test]
async fn questions_of_another_form_are_400() {
    let house = house().await;
    let good = refund(5);
    let mut text = String::new();
    let swap = |from: &str, to: &str| evaluation(good.replacen(from, to, 1));
    for (title, ask) in [
        ("no subject", swap(r#""subject""#, r#""subjekt""#)),
        ("no action", swap(r#""action""#, r#""aktion""#)),
        ("no resource", swap(r#""resource""#, r#""ressource""#)),
        ("no type", swap(r#""type":"user","#, "")),
        ("a number for a name", swap(r#""tools/call""#, "7")),
        ("an empty body", evaluation("")),
        ("no JSON", evaluation("amount=1")),
        ("an array", evaluation("[]")),
        ("a name twice", evaluation(r#"{"subject":{"type":"user","type":"user"}}"#)),
        ("another media type", Ask::post("/access/v1/evaluation").raw(&good).header("content-type", "text/plain")),
        ("no media type", Ask::post("/access/v1/evaluation").raw(&good)),
        ("a tool that is no identifier", swap(r#""id":"refund""#, r#""id":"two words""#)),
        ("a server with a slash", swap(r#""payments""#, r#""a/b""#)),
        ("an agent that is no identifier", swap("support-bot", "support bot")),
    ] {
        let told = house.ask(ask.key(&house.agent).header("x-request-id", "r-1")).await;
        assert_eq!((told.status, told.header("x-request-id")), (400, "r-1"), "{title}: {}", told.text());
        text.push_str(&format!("{title}\n  {}\n  {}\n", problem(&told), told.member("detail")));
    }
    insta::assert_snapshot!(text);
    for (key, status) in [(&house.auditor, 403), (&house.operator, 403)] {
        assert_eq!(house.ask(evaluation(&good).key(key)).await.status, status);
    }
}

#[tokio::test]
async fn keys_reach_as_far_as_they_do() {
    let house = house().await;
    let made = |scope: &str| {
        let body = format!(r#"{{"kind":"agent","label":"x",{scope}}}"#);
        let ask = Ask::post("/v1/keys").key(&house.operator).json(body);
        async { house.ask(ask).await.good().member("secret") }
    };
    let other = made(r#""agents":["other-bot"]"#).await;
    let told = house.ask(evaluation(refund(5)).key(&other)).await;
    assert_eq!((told.status, told.problem().as_str()), (403, "forbidden"));
    // A question that names no agent is by the one whose key it is, in the one place where that may act.
    let own = made(r#""agents":["support-bot"],"environments":["staging"]"#).await;
    let bare =
        r#"{"subject":{"type":"user","id":"ada"},"action":{"name":"can_read"},"resource":{"type":"record","id":"1"}}"#;
    let told = house.ask(evaluation(bare).key(&own)).await.good().json();
    let told = story(&house, &text_at(&told, "context/evaluation_id")).await.json();
    assert_eq!(
        (text_at(&told, "summary/agent"), text_at(&told, "summary/environment")),
        ("support-bot".into(), "staging".into())
    );
    let told = house.ask(evaluation(bare).key(&own).header("x-countersign-environment", "production")).await;
    assert_eq!(told.problem(), "forbidden");
    let twice = evaluation(bare).key(&own).header("x-countersign-environment", "staging");
    let told = house.ask(twice.header("x-countersign-environment", "production")).await;
    assert_eq!((told.status, told.problem().as_str()), (400, "invalid"));
    let itself = r#"{"subject":{"type":"agent","id":"support-bot"},"action":{"name":"can_read"},"resource":{"type":"record","id":"1"}}"#;
    let told = house.ask(evaluation(itself).key(&house.agent)).await.good().json();
    let told = story(&house, &text_at(&told, "context/evaluation_id")).await.json();
    assert_eq!(text_at(&told, "summary/agent"), "support-bot");
    assert!(at(&told, "summary").get("user").is_none());
}

#[tokio::test]
async fn what_is_evaluated_and_then_asked_for_counts_once() {
    let rules = format!(
        r#"{RULES}
        @id("daily") forbid (principal, action == Action::"payment", resource)
        when {{ context.history.sums.refunded.greaterThan(decimal("700.0")) }};"#
    );
    let sums =
        r#"{ "sums": { "refunded": { "tools": ["payments/refund"], "field": "arguments.amount", "window": "24h" } },"#;
    let house = House::with(&rules, &ENTITIES.replacen('{', sums, 1)).await;
    let asking = Asking::of(&house, &refund(601)).await;
    // Were they counted again with the request, that would be 1,202.
    assert_eq!(house.ask(asking.submission()).await.status, 202);
    let told = house.ask(evaluation(refund(100)).key(&house.agent)).await.good();
    assert_eq!(reason(&told), "policy_denied, next: -");
}
