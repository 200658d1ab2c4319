//! Questions and their answers.

use super::*;

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
