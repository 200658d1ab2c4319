//! What people approved lets exactly that through, once.

use super::*;

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
async fn a_stricter_policy_asks_again() {
    let house = house().await;
    let approved = Approved::new(&house, 501).await;
    let stricter =
        RULES.replace("refunds-large", "refunds-larger").replace("\"owners\")", "\"owners\") @quorum(\"2\")");
    house.activate(&stricter, ENTITIES).await;
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "grant_pending, next: retry");
    assert_eq!(at(&told.json(), "context/retry_after").to_canonical(), "5");
    house.activate("@id(\"none\") permit (principal, action == Action::\"read\", resource);", ENTITIES).await;
    let told = house.ask(approved.redeemed().key(&house.agent)).await.good();
    assert_eq!(reason(&told), "policy_denied, next: none");
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

/// Even the right key's signature does not make a token good: each claim that matters is changed and signed anew.
#[tokio::test]
async fn a_token_for_anybody_or_anything_else_is_worth_nothing() {
    let house = house().await;
    let asking = Asking::of(&house, &refund(501)).await;
    let token = text_at(&asking.denial, "binding_token");
    let with = |name: &str, new: &str| {
        asking.clone().with_denial("binding_token", resigned(&house, &token, name, new)).submission()
    };
    let later = "2099-01-01T00:00:00.000000Z";
    for (name, new) in [
        ("aud", "http://localhost:8640"),
        ("aud", "https://other.example/access/v1/requests"),
        ("iss", "https://other.example"),
        ("evaluation_id", "019b7c00-0000-7000-8000-000000000001"),
        ("binding_hash", "A4OQIWEUSqMfBMGeaAoTbgmSi9xZRXBJ-vqnZQCcfqQ"),
        ("denial_expires_at", later),
    ] {
        let told = house.ask(with(name, new)).await;
        assert_eq!(problem(&told), "400 invalid_denial_binding", "{name} {new}");
    }
    let prolonged = asking.clone().with_denial("expires_at", later);
    let prolonged = prolonged.with_denial("binding_token", resigned(&house, &token, "denial_expires_at", later));
    assert_eq!(problem(&house.ask(prolonged.submission()).await), "400 invalid_denial_binding");
    assert_eq!(house.ask(with("note", "nothing of matter")).await.status, 202, "it is the claims that were wrong");

    let (approved, other) = (Approved::new(&house, 600).await, Approved::new(&house, 700).await);
    let state = text_at(&approved.approval, "state");
    let with = |name: &str, new: &str| approved.instead(&state, &resigned(&house, &state, name, new)).key(&house.agent);
    for (name, new) in [
        ("aud", "http://localhost:8640/access/v1/requests"),
        ("aud", "https://other.example"),
        ("iss", "https://other.example"),
        ("approval_id", "apr_019b7c00000070008000000000000001"),
        ("task_id", other.task.as_str()),
        ("task_id", "none"),
        ("approved_until", "some day"),
    ] {
        let told = house.ask(with(name, new)).await.good();
        assert_eq!(reason(&told), "approval_unverifiable, next: none", "{name} {new}");
    }
    let told = house.ask(with("approved_until", "2020-01-01T00:00:00.000000Z")).await.good();
    assert_eq!(reason(&told), "approval_expired, next: request, requestable");
    assert!(allowed(&house.ask(with("note", "nothing of matter")).await.good()), "it is the claims that were wrong");
}
