//! Every route that changes something writes a record; looking writes none.

use countersign_http::route_table;
use http_body_util::BodyExt;

use crate::authzen::{self, Asking};
use crate::house::{Ask, House};

/// A question of AuthZEN.
const QUESTION: &str =
    r#"{"subject":{"type":"user","id":"ada"},"action":{"name":"read"},"resource":{"type":"docs","id":"1"}}"#;

/// A call of the route that succeeds.
async fn good_call(house: &House, route: &str) -> Ask {
    let of_agent = |path: String, body: &str| Ask::post(&path).json(body).key(&house.agent);
    let of_operator = |body: &str| Ask::post(route).json(body).key(&house.operator);
    match route {
        "/v1/actions" => house.refund("walk", 1).key(&house.agent),
        "/v1/actions/{action}/start" => {
            let action = house.refunded("to-start", 1).await;
            of_agent(format!("/v1/actions/{action}/start"), r#"{"attempt":"a","payload":{"amount":1}}"#)
        }
        "/v1/actions/{action}/finish" => {
            let action = house.refunded("to-finish", 1).await;
            let start = of_agent(format!("/v1/actions/{action}/start"), r#"{"attempt":"a","payload":{"amount":1}}"#);
            house.ask(start).await.good();
            of_agent(
                format!("/v1/actions/{action}/finish"),
                r#"{"attempt":"a","outcome":"succeeded","response":{"ok":true}}"#,
            )
        }
        "/v1/actions/{action}/resolve" => {
            let action = house.refunded("to-resolve", 1).await;
            let start = of_agent(format!("/v1/actions/{action}/start"), r#"{"attempt":"a","payload":{"amount":1}}"#);
            house.ask(start).await.good();
            let lost = r#"{"attempt":"a","outcome":"unknown"}"#;
            house.ask(of_agent(format!("/v1/actions/{action}/finish"), lost)).await.good();
            Ask::post(&format!("/v1/actions/{action}/resolve"))
                .json(r#"{"outcome":"failed","basis":"downstream_ledger","evidence":{"seen":false}}"#)
                .key(&house.operator)
        }
        "/v1/actions/{action}/cancel" => {
            let action = house.refunded("to-cancel", 1).await;
            of_agent(format!("/v1/actions/{action}/cancel"), "{}")
        }
        "/v1/reviews/{action}/decide" => {
            let action = house.refunded("to-review", 501).await;
            house.decision(&action, "approve").await
        }
        "/v1/reviews/{action}/ask" | "/v1/actions/{action}/answer" => {
            let action = house.refunded("to-ask", 501).await;
            let asked =
                Ask::post(&format!("/v1/reviews/{action}/ask")).json(r#"{"question":"Why?"}"#).key(&house.reviewer);
            if route.ends_with("ask") {
                return asked;
            }
            house.ask(asked).await.good();
            Ask::post(&format!("/v1/actions/{action}/answer")).json(r#"{"answer":"So."}"#).key(&house.agent)
        }
        "/v1/reviews/{action}/hand-over" => {
            let action = house.refunded("to-hand-over", 501).await;
            let made = Ask::post("/v1/people").json(r#"{"name":"Ada","groups":["owners"]}"#).key(&house.operator);
            let person = house.ask(made).await.good().member("person");
            let path = format!("/v1/reviews/{action}/hand-over");
            Ask::post(&path).json(format!(r#"{{"to":"{person}"}}"#)).key(&house.reviewer)
        }
        "/v1/policies" => of_operator(
            r#"{"files":{"rules.cedar":"@id(\"none\") permit (principal, action == Action::\"read\", resource);","entities.json":"{\"review_groups\":{\"owners\":\"x\"}}"}}"#,
        ),
        "/v1/keys" => of_operator(r#"{"kind":"auditor","label":"walk"}"#),
        "/v1/keys/{key}/revoke" => {
            let made = Ask::post("/v1/keys").json(r#"{"kind":"auditor","label":"to revoke"}"#).key(&house.operator);
            let key = house.ask(made).await.good().member("key");
            Ask::post(&format!("/v1/keys/{key}/revoke")).key(&house.operator)
        }
        "/v1/people" => of_operator(r#"{"name":"Ada","groups":["owners"]}"#),
        "/v1/people/erase" => {
            let made = Ask::post("/v1/people").json(r#"{"name":"Ada","groups":["owners"]}"#).key(&house.operator);
            let person = house.ask(made).await.good().member("person");
            of_operator(&format!(r#"{{"person":"{person}"}}"#))
        }
        "/v1/people/{person}/invite" | "/v1/people/{person}/end" => {
            let made = Ask::post("/v1/people").json(r#"{"name":"Ada","groups":["owners"]}"#).key(&house.operator);
            let person = house.ask(made).await.good().member("person");
            Ask::post(&route.replace("{person}", &person)).key(&house.operator)
        }
        "/v1/sessions/{session}/end" => {
            let session = house.signed_in().await.session;
            Ask::post(&format!("/v1/sessions/{session}/end")).key(&house.operator)
        }
        "/v1/tools" => {
            Ask::post("/v1/tools").json(r#"{"server":"payments","tools":[{"name":"refund"}]}"#).key(&house.gateway)
        }
        "/v1/standing" => house.standing("to-stand").await,
        "/v1/standing/{standing}/revoke" => {
            let standing = house.standing("to-revoke").await;
            let standing = house.ask(standing).await.good().member("standing");
            Ask::post(&format!("/v1/standing/{standing}/revoke")).key(&house.operator)
        }
        "/v1/delegations" => house.delegation().await,
        "/v1/delegations/{delegation}/end" => {
            let delegation = house.ask(house.delegation().await).await.good().member("delegation");
            Ask::post(&format!("/v1/delegations/{delegation}/end")).key(&house.operator)
        }
        "/v1/subjects/erase" => {
            house.refunded("to-erase", 1).await;
            of_operator(r#"{"user":"ada@example.com"}"#)
        }
        "/access/v1/evaluation" => of_agent(route.to_owned(), QUESTION),
        "/access/v1/evaluations" => of_agent(route.to_owned(), &format!(r#"{{"evaluations":[{QUESTION}]}}"#)),
        "/access/v1/requests" | "/access/v1/requests/{task}/cancel" => {
            let asked = Asking::about(house).await;
            if route.ends_with("requests") {
                return asked.submission();
            }
            let task = house.ask(asked.submission()).await.good().json();
            let task = task.get("task").unwrap().get("id").unwrap().as_str().unwrap().to_owned();
            Ask::post(&route.replace("{task}", &task)).key(&house.agent)
        }
        other => panic!("{other} changes something: give it a good call here, and see that it writes a record"),
    }
}

#[tokio::test]
async fn every_route_that_changes_something_writes_a_record() {
    for route in route_table().into_iter().filter(|route| route.changes) {
        let house = if route.path.starts_with("/access/") { authzen::house().await } else { House::new().await };
        let call = good_call(&house, route.path).await;
        let before = house.durable().await;
        let told = house.ask(call).await;
        assert!((200..300).contains(&told.status), "{} answered {}: {}", route.path, told.status, told.text());
        assert!(house.durable().await > before, "{} changed something and wrote no record", route.path);
    }
}

#[tokio::test]
async fn looking_writes_no_record_but_for_reviewers_and_auditors() {
    let house = House::new().await;
    let waiting = house.refunded("shown", 501).await;
    let version = house.ask(Ask::get("/v1/policies").key(&house.operator)).await.good().json();
    let version = version.as_array().unwrap()[0].get("version").unwrap().as_str().unwrap().to_owned();
    // Following the log has no end; its test is below.
    for route in route_table().into_iter().filter(|route| route.method == "GET" && route.path != "/v1/events") {
        let path = route.path.replace("{action}", &waiting).replace("{id}", &waiting).replace("{version}", &version);
        let path = path
            .replace("{task}", "arq_none")
            .replace("{position}", "0")
            .replace("{name}", "invalid")
            .replace("{*path}", "0/000.p/1");
        let before = house.durable().await;
        house.ask(Ask::get(&path).key(&house.operator)).await;
        assert_eq!(house.durable().await, before, "{path}");
        // What an auditor looks at is on record, but for what is open to everyone.
        let authenticated = house.ask(Ask::get(&path)).await.status == 401;
        house.ask(Ask::get(&path).key(&house.auditor)).await;
        assert_eq!(house.durable().await, before + u64::from(authenticated), "{path}");
    }
    let before = house.durable().await;
    house.ask(Ask::get(&format!("/v1/reviews/{waiting}")).key(&house.reviewer)).await.good();
    assert_eq!(house.durable().await, before + 1, "review.presented");
}

#[tokio::test]
async fn an_action_from_proposal_to_story() {
    let house = House::new().await;
    let action = house.refunded("story", 501).await;
    let told = house.ask(house.decision(&action, "approve").await).await.good();
    assert_eq!(told.member("state"), "authorized");
    let step = |verb: &str, body: &str| Ask::post(&format!("/v1/actions/{action}/{verb}")).json(body).key(&house.agent);
    house.ask(step("start", r#"{"attempt":"a","payload":{"amount":501}}"#)).await.good();
    house.ask(step("finish", r#"{"attempt":"a","outcome":"succeeded","downstream_request_id":"re_42"}"#)).await.good();
    let told = house.ask(Ask::get(&format!("/v1/actions/{action}/story")).key(&house.auditor)).await.good();
    assert_eq!((told.member("badge").as_str(), told.member("state").as_str()), ("EXACT", "succeeded"));
    assert_eq!(told.json().get("answers").unwrap().as_array().unwrap().len(), 4);
    let resolved = house.ask(Ask::get("/v1/resolve/re_42").key(&house.auditor)).await.good();
    assert!(resolved.text().contains(&action), "{}", resolved.text());
    let path = "/v1/actions?state=succeeded&tool=payments/refund&limit=5";
    let page = house.ask(Ask::get(path).key(&house.operator)).await.good();
    assert!(page.text().contains(&action) && page.member("behind") == "0", "{}", page.text());
    let asked = "/v1/actions?q=state%3Asucceeded%20tool%3Apayments%2F*&limit=5";
    let same = house.ask(Ask::get(asked).key(&house.operator)).await.good();
    assert_eq!(same.text(), page.text(), "the search box's language asks the same");
    for wrong in ["q=agnt%3Ax", "q=agent%3Ax&agent=x", "q=%22"] {
        let told = house.ask(Ask::get(&format!("/v1/actions?{wrong}")).key(&house.auditor)).await;
        assert_eq!(told.problem(), "bad_query", "{wrong}");
    }
    let none = house.ask(Ask::get("/v1/actions?state=failed").key(&house.auditor)).await.good();
    assert!(!none.text().contains(&action));
}

/// Reads a stream of events up to the first one of that type.
async fn up_to(body: &mut axum::body::Body, kind: &str) -> String {
    let mut text = String::new();
    while !text.contains(&format!(r#""type":"{kind}""#)) {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(20), body.frame()).await.unwrap();
        text.push_str(&String::from_utf8_lossy(frame.unwrap().unwrap().data_ref().unwrap()));
    }
    text
}

#[tokio::test]
async fn the_log_is_followed_live_and_from_where_one_left_off() {
    let house = House::new().await;
    let before = house.durable().await;
    let mut live = house.stream("/v1/events", None).await;
    let action = house.refunded("live", 501).await;
    let text = up_to(&mut live, "action.decided").await;
    let (here, records) = text.split_once("\n\n").unwrap();
    assert_eq!(here, format!("id: {}\nevent: here\ndata: {{}}", before - 1));
    let first = format!("id: {before}\nevent: record\ndata: {{\"action\":\"{action}\"");
    assert!(records.starts_with(&first), "{text}");
    assert!(!text.contains("amount") && !text.contains("ada@example.com"), "clear fields alone: {text}");
    let again = up_to(&mut house.stream("/v1/events", Some(before)).await, "action.decided").await;
    assert!(again.starts_with(&format!("id: {before}\nevent: here\ndata: {{}}\n\nid: {}\n", before + 1)), "{again}");
    let same = up_to(&mut house.stream(&format!("/v1/events?after={before}"), None).await, "action.decided").await;
    assert_eq!(same, again);
    let limited = Ask::post("/v1/keys").json(r#"{"kind":"auditor","label":"x","agents":["support-bot"]}"#);
    let limited = house.ask(limited.key(&house.operator)).await.good().member("secret");
    assert_eq!(house.ask(Ask::get("/v1/events").key(&limited)).await.problem(), "forbidden");
}
