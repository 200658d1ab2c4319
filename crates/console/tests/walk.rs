//! Every page of the table, as somebody without a session meets it.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use countersign_console::{Surroundings, page_table, router, site};
use countersign_gate::Settings;
use countersign_gate::testing::{Setup, TestGate};
use countersign_http::{Access, App, Peer};
use tower::ServiceExt;

async fn opened() -> (TestGate, App) {
    let test = TestGate::open(Setup::default()).await;
    let app = App::new(test.gate.clone(), test.store.clone(), test.clock.clone(), Settings::default().most_payload);
    (test, app)
}

fn asked(path: &str, peer: Peer) -> Request<Body> {
    let request = Request::builder().uri(path).header(header::ACCEPT, "text/html");
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(peer);
    request
}

#[tokio::test]
async fn what_does_not_read_is_answered_with_a_safe_page() {
    let (_test, app) = opened().await;
    let site = site(&app, Surroundings::default());
    for (path, status) in [
        ("/actions/x", StatusCode::BAD_REQUEST),
        ("/reviews/x", StatusCode::BAD_REQUEST),
        ("/actions?before=x", StatusCode::BAD_REQUEST),
        ("/sign-in?what=x", StatusCode::BAD_REQUEST),
        ("/nothing/here", StatusCode::NOT_FOUND),
    ] {
        let answer = site.clone().oneshot(asked(path, Peer::Owner)).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header(header::CONTENT_TYPE), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"), "{path}");
        assert!(header(header::CONTENT_SECURITY_POLICY).is_some(), "{path}");
    }
}

#[tokio::test]
async fn nobody_without_a_session_sees_or_changes_anything() {
    let (test, app) = opened().await;
    let router = router(&app, Surroundings::default());
    let before = test.gate.durable();
    for page in page_table() {
        let path = page.path.replace("{action}", "019b7c00-0000-7000-8000-000000000001");
        let request = Request::builder().method(&page.method).uri(&path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::SameUser);
        let answer = router.clone().oneshot(request).await.unwrap();
        let (status, to) = (answer.status(), answer.headers().get(header::LOCATION).cloned());
        let sent_to_sign_in = || {
            status == StatusCode::SEE_OTHER
                && to.as_ref().is_some_and(|to| to.as_bytes().starts_with(b"/sign-in?next="))
        };
        match (page.access, page.changes) {
            (Access::Public, false) => {
                let refused = matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY);
                assert!(status.is_success() || refused, "{path}: {status}")
            }
            (Access::Public, true) => assert_eq!(status, StatusCode::FORBIDDEN, "{path}: no page of ours sent it"),
            _ => assert!(sent_to_sign_in(), "{path}: {status}"),
        }
    }
    assert_eq!(test.gate.durable(), before, "nothing was recorded");
}
