//! Sessions that begin with `initialize`: who may go on with them, and what passes.

use countersign_wire::State;

use crate::house::{House, INITIALIZE, call};

#[tokio::test]
async fn a_call_reaches_the_server_as_judged_with_a_credential_that_the_agent_never_sees() {
    let house = House::new("").await;
    let session = house.session().await;
    let told = house.call(&session, "echo", r#"{"n":12345678901234567890123}"#).await;
    assert_eq!((told.status, told.messages().len()), (200, 1), "{}", told.text);
    assert!(told.answer().contains(r#""id":7"#) && told.answer().contains(r#""calls":1"#), "{}", told.answer());
    let reached = house.reached().await;
    let got = &reached[0];
    assert_eq!(got.header("authorization"), "Bearer the-real-token");
    assert_eq!((got.header("mcp-session-id"), got.header("mcp-protocol-version")), ("up-1", "2025-11-25"));
    assert!(got.body.to_canonical().contains("12345678901234567890123"));
    assert!(!format!("{reached:?}").contains(&house.key), "no key of an agent reaches a server");
    assert_eq!(house.stands().await, State::Succeeded);
}

#[tokio::test]
async fn a_denied_call_reaches_nothing() {
    let house = House::new("").await;
    let session = house.session().await;
    let told = house.call(&session, "echo", r#"{"bad":true}"#).await;
    assert!(told.answer().contains(r#""reason":"policy_denied""#), "{}", told.answer());
    assert!(house.reached().await.is_empty());
    assert_eq!(house.stands().await, State::Denied);
}

#[tokio::test]
async fn a_session_is_its_own_keys_alone_and_ends() {
    let house = House::new("").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    let another = format!("Bearer {}", house.another_key().await);
    let theirs = house.send("POST", &call("echo", "{}"), &[named[0], ("authorization", &another)]).await;
    assert_eq!(theirs.status, 404, "{}", theirs.text);
    assert_eq!(house.send("DELETE", "", &[named[0], ("authorization", &another)]).await.status, 404);
    assert_eq!(house.send("POST", &call("echo", "{}"), &[]).await.status, 400, "without a session");
    let odd = house.send("POST", &call("echo", "{}"), &[named[0], ("mcp-protocol-version", "1999-01-01")]).await;
    assert_eq!(odd.status, 400);
    assert_eq!(house.send("DELETE", "", &named).await.status, 200);
    assert_eq!(house.send("POST", &call("echo", "{}"), &named).await.status, 404);
    assert!(house.reached().await.is_empty());
}

#[tokio::test]
async fn nobody_comes_in_without_a_key_or_from_another_site() {
    let house = House::new("").await;
    let told = house.send("POST", INITIALIZE, &[("authorization", "Bearer cs_agent_nobody")]).await;
    assert_eq!(told.status, 401);
    let challenge = told.headers["www-authenticate"].to_str().unwrap();
    let token = "Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL2Vsc2V3aGVyZS5leGFtcGxlIn0.";
    assert_eq!(house.send("POST", INITIALIZE, &[("authorization", token)]).await.status, 401, "somebody else's token");
    assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp/u"), "{challenge}");
    for headers in [[("origin", "http://evil.example")], [("host", "evil.example")]] {
        assert_eq!(house.send("POST", INITIALIZE, &headers).await.status, 403, "{headers:?}");
    }
    for body in [
        "",
        "{",
        "[]",
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"initialize"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
    ] {
        let told = house.send("POST", body, &[]).await;
        assert_eq!(told.status, 400, "{body}: {}", told.text);
        assert!(told.text.contains("nothing was passed on"), "{}", told.text);
    }
    assert_eq!(house.send("POST", INITIALIZE, &[("content-type", "text/plain")]).await.status, 415);
    assert_eq!(house.send("GET", "", &[]).await.status, 405);
    assert!(house.upstream.seen.lock().await.is_empty());
}

#[tokio::test]
async fn events_become_events_and_a_stream_that_was_let_go_of_is_taken_up_again() {
    let house = House::new("").await;
    let session = house.session().await;
    let told = house.call(&session, "events", "{}").await;
    let messages = told.messages();
    assert_eq!(messages.len(), 2, "{}", told.text);
    assert!(messages[0].to_canonical().contains(r#""progressToken":"p1""#), "the client's own token");
    assert!(told.answer().contains(r#""by":"events""#) && told.answer().contains(r#""id":7"#));
    let told = house.call(&session, "resumed", "{}").await;
    assert!(told.answer().contains(r#""resumed":true"#), "{}", told.text);
    let told = house.call(&session, "asks", "{}").await;
    assert!(told.messages()[0].to_canonical().contains("sampling/createMessage"), "{}", told.text);
}

#[tokio::test]
async fn what_is_no_call_passes() {
    let house = House::new("").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    let told = house.send("POST", r#"{"jsonrpc":"2.0","id":1,"method":"vendor/thing","vendor":1}"#, &named).await;
    assert_eq!((told.status, told.answer().contains("-32601")), (200, true), "{}", told.text);
    let seen = house.upstream.seen.lock().await;
    assert!(seen.last().unwrap().body.get("vendor").is_some());
}

#[tokio::test]
async fn what_some_readers_take_for_a_call_is_refused() {
    let house = House::new("").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    for body in [
        r#"{"jsonrpc":"2.0","id":9,"result":null,"Method":"tools/call","params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":9,"method":"ping","METHOD":"tools/call","params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":9,"method":"Tools/Call","params":{"name":"echo"}}"#,
    ] {
        let told = house.send("POST", body, &named).await;
        assert_eq!((told.status, told.text.contains("could be taken for")), (400, true), "{body}: {}", told.text);
    }
    let hidden = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo","Arguments":{"bad":true}}}"#;
    let told = house.send("POST", hidden, &named).await;
    assert!(told.answer().contains("-32602"), "{}", told.text);
    let seen = house.upstream.seen.lock().await;
    assert!(seen.iter().all(|got| !got.body.to_canonical().contains("echo")), "{seen:?}");
}

#[tokio::test]
async fn a_client_that_goes_before_its_session_stands_leaves_nothing_behind() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = House::at(&format!("http://{}/mcp", silent.local_addr().unwrap()), "").await;
    for n in 0..80 {
        let begun = house.send("POST", INITIALIZE, &[]);
        let told = tokio::time::timeout(std::time::Duration::from_millis(20), begun).await;
        assert!(told.is_err(), "{n}: {:?}", told.map(|told| told.text));
    }
    // Not even a connection to a server that does not answer.
    for _ in 0..80 {
        let (mut connection, _) = silent.accept().await.unwrap();
        let mut said = Vec::new();
        let ended = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut said);
        tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.unwrap().ok();
    }
}

#[tokio::test]
async fn a_session_is_on_behalf_of_whom_it_began_for() {
    let house = House::new("").await;
    let told = house.send("POST", INITIALIZE, &[("x-countersign-user", "ada"), ("x-countersign-agent", "one")]).await;
    let session = told.headers["mcp-session-id"].to_str().unwrap();
    for (name, value) in
        [("x-countersign-user", "bob"), ("x-countersign-agent", "two"), ("x-countersign-environment", "production")]
    {
        let told = house.send("POST", &call("echo", "{}"), &[("mcp-session-id", session), (name, value)]).await;
        assert_eq!((told.status, told.text.contains("begin another session")), (422, true), "{name}: {}", told.text);
    }
    assert!(house.reached().await.is_empty());
    for said in [&[("mcp-session-id", session)][..], &[("mcp-session-id", session), ("x-countersign-user", "ada")]] {
        let told = house.send("POST", &call("echo", "{}"), said).await;
        assert!(told.answer().contains("calls"), "{}", told.text);
    }
    assert!(house.story().await.contains("\"one\""));
}

#[tokio::test]
async fn another_sessions_listing_says_nothing_of_this_one() {
    let house = House::new("").await;
    let session = house.session().await;
    assert!(house.call(&session, "echo", "{}").await.answer().contains("calls"));
    let other = house.session().await;
    let rest = r#"{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":"2"}}"#;
    *house.upstream.definition.lock().await = 2;
    house.send("POST", rest, &[("mcp-session-id", &other)]).await;
    house.call(&session, "echo", "{}").await;
    let definitions = house.intended().await;
    let definition = |text: &str| text.split("\"definition\":\"").nth(1).map(|rest| rest[..43].to_owned());
    assert_eq!((definitions.len(), definition(&definitions[0])), (2, definition(&definitions[1])), "{definitions:?}");
    assert!(definition(&definitions[0]).is_some(), "{definitions:?}");
}

#[tokio::test]
async fn a_program_that_takes_nothing_more_is_ended_with_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!(
        r#"read line; echo $$ > '{}'
        echo '{{"jsonrpc":"2.0","id":1,"result":{{"protocolVersion":"2025-11-25","capabilities":{{}}}}}}'
        exec sleep 600"#,
        pid.display()
    );
    let house = House::program(&script).await;
    let told = house.send("POST", INITIALIZE, &[]).await;
    let session = told.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let named = [("mcp-session-id", session.as_str())];
    let process = std::path::PathBuf::from(format!("/proc/{}", std::fs::read_to_string(&pid).unwrap().trim()));
    assert!(process.exists());
    let long = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"t":"{}"}}}}"#, "x".repeat(400_000));
    assert_eq!(house.send("POST", &long, &named).await.status, 202);
    assert_eq!(house.send("DELETE", "", &named).await.status, 200);
    for _ in 0..200 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it still runs");
}
