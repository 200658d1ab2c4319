//! Servers that lie, and what is on record of that.

use countersign_wire::State;

use crate::house::{House, modern_call};

/// A call of this tool: what its client is told, and where its action stands.
async fn lie(tool: &str, more: &str) -> (String, State) {
    let house = House::new(more).await;
    let session = house.session().await;
    let told = house.call(&session, tool, "{}").await;
    assert_eq!(told.status, 200, "{}", told.text);
    (told.answer(), house.stands().await)
}

#[tokio::test]
async fn answers_that_are_none_leave_the_outcome_unknown() {
    for tool in ["wrong_id", "huge", "cut", "twice", "broken", "moved"] {
        let (answer, stands) = lie(tool, "").await;
        assert_eq!(stands, State::Unknown, "{tool}: {answer}");
        assert!(answer.contains("not known") && answer.contains(r#""outcome":"unknown""#), "{tool}: {answer}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_for_ever() {
    let (answer, stands) = lie("never", "deadline_s = 1\n").await;
    assert_eq!(stands, State::Unknown);
    assert!(answer.contains("no answer in time"), "{answer}");
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_not_followed() {
    let (answer, stands) = lie("away", "").await;
    assert_eq!(stands, State::Failed);
    assert!(answer.contains("HTTP 307") && !answer.contains("elsewhere"), "{answer}");
}

#[tokio::test]
async fn a_refusal_of_the_gateways_own_credential_stays_there() {
    let house = House::new("").await;
    let session = house.session().await;
    let told = house.call(&session, "refused", "{}").await;
    assert!(told.answer().contains("HTTP 401") && !told.text.contains("realm"), "{}", told.text);
    assert!(!told.headers.contains_key("www-authenticate"));
    assert_eq!(house.stands().await, State::Failed);
}

/// What a server says beside a status is believed only as far as that status goes.
#[tokio::test]
async fn words_beside_a_refusal() {
    for (tool, expected, told) in [
        ("failed_in_words", State::Unknown, "not known"),
        ("refused_in_words", State::Failed, "HTTP 401"),
        ("refused_with_a_result", State::Failed, "HTTP 400"),
    ] {
        let (answer, stands) = lie(tool, "").await;
        assert_eq!(stands, expected, "{tool}: {answer}");
        assert!(answer.contains(told) && !answer.contains("SECRET"), "{tool}: {answer}");
    }
}

/// Also where the gateway begins the conversation itself.
#[tokio::test]
async fn a_server_that_cannot_be_begun_with_is_named() {
    let gone = House::at("http://127.0.0.1:1/mcp", "").await;
    let standard = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "u__echo")];
    let told = gone.send("POST /mcp", &modern_call("u__echo", "{}"), &standard).await;
    let answer = told.answer();
    assert_eq!(told.status, 200, "{answer}");
    for part in [r#""id":"a""#, "-32603", "MCP server u is not there", "cannot be reached"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_executed_nothing() {
    let house = House::new("").await;
    let told = house.modern("echo", "{}", &[]).await;
    assert_eq!(told.status, 200);
    let gone = House::at("http://127.0.0.1:1/mcp", "").await;
    let told = gone.modern("echo", "{}", &[]).await;
    assert!(told.answer().contains("nothing was sent"), "{}", told.text);
    assert_eq!(gone.stands().await, State::Failed);
}
