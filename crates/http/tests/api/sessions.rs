//! Somebody who is signed in: what a browser sends along by itself is not enough to change anything.

use countersign_gate::csrf_of;

use crate::house::{Ask, House};

const HERE: &str = "http://localhost:8640";

fn with_cookie(ask: Ask, token: &str) -> Ask {
    ask.header("cookie", &format!("other=1; countersign={token}"))
}

#[tokio::test]
async fn a_session_looks_and_changes_nothing_without_its_token() {
    let house = House::new().await;
    let token = house.signed_in().await.token;
    house.ask(with_cookie(Ask::get("/v1/reviews"), &token)).await.good();
    let action = house.refunded("csrf", 501).await;
    let decide = || {
        let body = r#"{"verdict":"deny","reason":"no","payload_digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
        with_cookie(Ask::post(&format!("/v1/reviews/{action}/decide")).json(body), &token)
    };
    let csrf = csrf_of(&token);
    let refused = [
        ("nothing", decide()),
        ("the origin alone", decide().header("origin", HERE)),
        ("the token alone", decide().header("x-csrf-token", &csrf)),
        ("another origin", decide().header("origin", "https://evil.example").header("x-csrf-token", &csrf)),
        ("no origin, as a sandboxed page has", decide().header("origin", "null").header("x-csrf-token", &csrf)),
        ("another site", decide().header("sec-fetch-site", "cross-site").header("x-csrf-token", &csrf)),
        ("the token of another session", decide().header("origin", HERE).header("x-csrf-token", &csrf_of("x"))),
    ];
    for (name, ask) in refused {
        let told = house.ask(ask).await;
        assert_eq!((told.status, told.problem().as_str()), (403, "foreign_request"), "{name}: {}", told.text());
    }
    for proof in [("origin", HERE), ("sec-fetch-site", "same-origin")] {
        let told = house.ask(decide().header(proof.0, proof.1).header("x-csrf-token", &csrf)).await;
        assert_eq!(told.problem(), "stale_review", "it comes through to the gate: {}", told.text());
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to_and_when_time_is_up() {
    let house = House::new().await;
    let ended = house.signed_in().await;
    let idle = house.signed_in().await;
    let used = house.signed_in().await;
    let looks = async |token: &str| house.ask(with_cookie(Ask::get("/v1/reviews"), token)).await.status;
    let path = format!("/v1/sessions/{}/end", ended.session);
    house.ask(Ask::post(&path).key(&house.operator)).await.good();
    assert_eq!(looks(&ended.token).await, 401);
    assert_eq!(house.ask(Ask::post(&path).key(&house.operator)).await.problem(), "not_found");
    for _ in 0..3 {
        house.later(3 * 3_600);
        assert_eq!(looks(&used.token).await, 200);
    }
    assert_eq!(looks(&idle.token).await, 401, "four hours without use");
    for _ in 0..6 {
        house.later(3 * 3_600);
        looks(&used.token).await;
    }
    assert_eq!(looks(&used.token).await, 401, "a day in any case");
}

#[tokio::test]
async fn a_person_without_access_is_out_at_once() {
    let house = House::new().await;
    let session = house.signed_in().await;
    let person = house.people().await[0];
    house.ask(with_cookie(Ask::get("/v1/reviews"), &session.token)).await.good();
    house.ask(Ask::post(&format!("/v1/people/{person}/end")).key(&house.operator)).await.good();
    assert_eq!(house.ask(with_cookie(Ask::get("/v1/reviews"), &session.token)).await.status, 401);
    let key = house.ask(Ask::get("/v1/reviews").key(&house.reviewer)).await;
    assert_eq!(key.problem(), "unauthenticated", "its key has gone with it");
}

#[tokio::test]
async fn what_a_person_may_do_is_what_its_roles_say() {
    let house = House::new().await;
    let session = house.signed_in().await;
    for path in ["/v1/keys", "/v1/policies"] {
        let ask = with_cookie(Ask::post(path).json("{}"), &session.token);
        let ask = ask.header("origin", HERE).header("x-csrf-token", &csrf_of(&session.token));
        let told = house.ask(ask).await;
        assert!(["invalid", "forbidden"].contains(&told.problem().as_str()), "{path}: {}", told.text());
    }
    let made = r#"{"kind":"auditor","label":"x"}"#;
    let ask = with_cookie(Ask::post("/v1/keys").json(made), &session.token);
    let told = house.ask(ask.header("origin", HERE).header("x-csrf-token", &csrf_of(&session.token))).await;
    assert_eq!(told.problem(), "forbidden");
    assert!(told.text().contains("you may not change people and keys: that takes the role admin"), "{}", told.text());
}

#[tokio::test]
async fn two_cookies_of_the_name_are_none() {
    let house = House::new().await;
    let token = house.signed_in().await.token;
    let twice = Ask::get("/v1/reviews").header("cookie", &format!("countersign={token}; countersign={token}"));
    assert_eq!(house.ask(twice).await.status, 401);
}
