//! Who gets in.

use countersign_http::{Access, Peer, route_table};

use crate::house::{Ask, House};

/// A path of the route with something of the right form in its variable parts.
fn example(path: &str) -> String {
    path.replace("{*path}", "0/000")
        .replace("{action}", "018f0000-0000-7000-8000-000000000001")
        .replace("{key}", "018f0000-0000-7000-8000-000000000001")
        .replace("{position}", "0")
        .replace("{name}", "invalid")
        .replace("{version}", "none")
        .replace("{id}", "none")
        .replace("{task}", "arq_018f00000000700080000000000000001")
}

#[tokio::test]
async fn every_route_needs_a_key_unless_it_is_listed_as_public() {
    let house = House::new().await;
    let mut public = Vec::new();
    for route in route_table() {
        let ask = || Ask::new(route.method.clone(), &example(route.path));
        for peer in [Peer::SameUser, Peer::Remote] {
            let told = house.ask(ask().peer(peer)).await;
            let needs_key = match route.access {
                Access::Key => true,
                Access::Public => false,
                Access::Host => peer == Peer::Remote,
            };
            assert_eq!(told.status == 401, needs_key, "{} from {peer:?}", route.path);
            if needs_key {
                assert_eq!((told.status, told.header("www-authenticate")), (401, "Bearer"), "{}", route.path);
            }
        }
        if route.access != Access::Key {
            public.push(route.path);
            continue;
        }
        // A bad key is refused everywhere, on the owner's socket too.
        for key in ["cs_agent_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", ""] {
            for peer in [Peer::Owner, Peer::SameUser, Peer::Remote] {
                let told = house.ask(ask().peer(peer).key(key)).await;
                assert_eq!(told.status, 401, "{} from {peer:?}", route.path);
            }
        }
    }
    let known = [
        "/access/v1/jwks",
        "/.well-known/authzen-configuration",
        "/log/checkpoint",
        "/log/tile/{*path}",
        "/openapi.json",
        "/problems/{name}",
        "/healthz",
        "/readyz",
        "/metrics",
    ];
    assert_eq!(public, known);
}

#[tokio::test]
async fn a_request_without_a_peer_counts_as_remote() {
    let house = House::new().await;
    let mut ask = Ask::get("/v1/keys");
    ask.peer = None;
    assert_eq!(house.ask(ask).await.problem(), "unauthenticated");
}

#[tokio::test]
async fn other_forms_of_the_header_are_no_key() {
    let house = House::new().await;
    let key = house.operator.clone();
    for header in [
        format!("Basic {key}"),
        format!("Bearer  {key}"),
        format!("Bearer{key}"),
        key.clone(),
        format!("Bearer {key} x"),
    ] {
        let ask = Ask::get("/v1/keys").peer(Peer::Owner).header("authorization", &header);
        assert_eq!(house.ask(ask).await.problem(), "unauthenticated", "{header}");
    }
    let twice = Ask::get("/v1/keys").key(&key).header("authorization", &format!("Bearer {key}"));
    assert_eq!(house.ask(twice).await.problem(), "unauthenticated");
    let other_case = Ask::get("/v1/keys").header("authorization", &format!("bearer {key}"));
    assert_eq!(house.ask(other_case).await.status, 200);
}

#[tokio::test]
async fn metrics_are_for_this_host_and_for_those_who_look() {
    let house = House::new().await;
    let metrics = || Ask::get("/metrics").peer(Peer::Remote);
    assert_eq!(house.ask(metrics().key(&house.agent)).await.problem(), "forbidden");
    for key in [&house.operator, &house.auditor] {
        let told = house.ask(metrics().key(key)).await;
        assert_eq!(told.status, 200);
        assert!(told.text().contains("countersign_up 1\n"));
        assert!(told.text().contains("route=\"/v1/keys\",status=\"201\"}"), "{}", told.text());
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working() {
    let house = House::new().await;
    let keys = house.ask(Ask::get("/v1/keys").key(&house.operator)).await.json();
    let of_agent = keys.as_array().unwrap().iter().find(|key| key.get("label").unwrap().as_str() == Some("agent"));
    let id = of_agent.unwrap().get("key").unwrap().as_str().unwrap().to_owned();
    assert!(!keys.to_canonical().contains(&house.agent), "a list of keys shows a secret");
    let propose = || house.refund("before", 1).key(&house.agent);
    assert_eq!(house.ask(propose()).await.status, 201);
    assert_eq!(house.ask(Ask::post(&format!("/v1/keys/{id}/revoke")).key(&house.operator)).await.status, 200);
    assert_eq!(house.ask(propose()).await.problem(), "unauthenticated");
}
