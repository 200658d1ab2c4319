//! Access requests: what is taken, what is not, and what becomes of it.

use super::*;

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
    let bare = asking.clone().with_denial("binding_token", Value::Null);
    let only_id = |id: &str| bare.clone().with_denial("evaluation_id", id);
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
        ("no token, no id", bare.clone().with_denial("evaluation_id", Value::Null).submission()),
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
    let approved = Approved::told(&told.json(), &asking.question);
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
