//! The same answers over real sockets.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use countersign_client::{Client, Transport};
use countersign_http::{Listener, OwnerSocket, Peer, ServeLimits, in_process, router, serve};
use countersign_wire::{KeyView, LogView, PendingReview, ProposeRequest, RecordView, State};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::house::House;

/// A served gate and how to reach it.
struct Served {
    house: House,
    folder: tempfile::TempDir,
    address: String,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve_on_both(limits: ServeLimits) -> Served {
    let house = House::new().await;
    let folder = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let owner = OwnerSocket::bind(folder.path().join("run/gate.sock")).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let listeners = vec![Listener::Tcp(tcp), Listener::Owner(owner)];
    let serving = serve(router(&house.app), listeners, limits, async { drop(stopped.await) });
    Served { house, folder, address, stop, ended: tokio::spawn(serving) }
}

impl Served {
    fn unix(&self, key: Option<String>) -> Client {
        Client::new(Transport::unix(self.folder.path().join("run/gate.sock")), key)
    }

    fn tcp(&self, key: Option<String>) -> Client {
        Client::new(Transport::tcp(&format!("http://{}", self.address)), key)
    }

    /// Sends these bytes over TCP and reads until the server has nothing more to say.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn request(house: &House, id: &str, amount: u32) -> ProposeRequest {
    let ask = house.refund(id, amount);
    let value = countersign_evidence::json::parse(&ask.body, Default::default()).unwrap();
    countersign_evidence::json::from_value(value).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_needs_no_key_on_its_socket_and_everyone_else_does() {
    let served = serve_on_both(ServeLimits::default()).await;
    let keys: Vec<KeyView> = served.unix(None).get("/v1/keys").await.unwrap();
    assert!(keys.len() >= 4);
    let refused = served.tcp(None).get::<Vec<KeyView>>("/v1/keys").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().name(), "unauthenticated");
    for client in [served.unix(Some(served.house.agent.clone())), served.tcp(Some(served.house.agent.clone()))] {
        let refused = client.get::<Vec<KeyView>>("/v1/keys").await.unwrap_err();
        assert_eq!(refused.problem().unwrap().name(), "forbidden", "a key counts, not the socket");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_lives_over_tcp_and_unix() {
    let served = serve_on_both(ServeLimits::default()).await;
    let agent = served.tcp(Some(served.house.agent.clone()));
    let proposed = agent.propose(&request(&served.house, "r-1", 20)).await.unwrap();
    assert_eq!(proposed.state, State::Authorized);
    let seen = served.unix(None).action(proposed.action, 0).await.unwrap();
    assert_eq!(seen, proposed);
    let log: LogView = served.unix(None).get("/v1/log").await.unwrap();
    assert!(log.sequenced > proposed.position);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owners_socket_is_closed_to_others() {
    let served = serve_on_both(ServeLimits::default()).await;
    let mode = |path: &str| std::fs::metadata(served.folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/gate.sock")), (0o700, 0o600));
    let second = OwnerSocket::bind(served.folder.path().join("run/gate.sock")).await.unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    let open = served.folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = OwnerSocket::bind(open.join("gate.sock")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    std::fs::write(served.folder.path().join("run/file"), "x").unwrap();
    let refused = OwnerSocket::bind(served.folder.path().join("run/file")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists, "only sockets are replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_socket_is_replaced_and_a_stopped_server_leaves_none() {
    let served = serve_on_both(ServeLimits::default()).await;
    let path = served.folder.path().join("run/gate.sock");
    served.stop.send(()).unwrap();
    served.ended.await.unwrap().unwrap();
    assert!(!path.exists());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead process's socket");
    OwnerSocket::bind(&path).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_gets_its_problem_over_tcp() {
    let served = serve_on_both(ServeLimits::default()).await;
    let mut large = request(&served.house, "r-2", 1);
    large.intent = Some("x".repeat(4 << 20));
    for client in [served.tcp(Some(served.house.agent.clone())), served.unix(None)] {
        let refused = client.propose(&large).await.unwrap_err();
        assert_eq!(refused.problem().map(|problem| problem.name()), Some("payload_too_large"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_harms_nobody() {
    let limits = ServeLimits { head_timeout: Duration::from_millis(300), ..ServeLimits::default() };
    let served = serve_on_both(limits).await;
    for bytes in
        [&b"\x00\xff\x16\x03\x01"[..], b"GET", b"GET / HTTP/1.1\r\nhost: x\r\nslow: ", b"P", b"PRI * HTTP/2.0\r\n\r\n"]
    {
        let answer = tokio::task::block_in_place(|| served.raw(bytes));
        assert!(answer.is_empty() || !answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let both = "POST /v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = tokio::task::block_in_place(|| served.raw(both.as_bytes()));
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(served.unix(None).bytes("/healthz").await.unwrap(), "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_allowed_wait_their_turn() {
    let limits = ServeLimits { connections: 2, head_timeout: Duration::from_millis(500), ..ServeLimits::default() };
    let served = serve_on_both(limits).await;
    let silent: Vec<_> = (0..4).map(|_| std::net::TcpStream::connect(&served.address).unwrap()).collect();
    let answer = tokio::time::timeout(Duration::from_secs(8), served.tcp(None).bytes("/healthz")).await;
    assert_eq!(answer.expect("silent connections keep everyone out").unwrap(), "ok\n");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_with_prior_knowledge_is_spoken() {
    use http_body_util::{BodyExt, Empty};
    let served = serve_on_both(ServeLimits::default()).await;
    let stream = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let ask = || hyper::Request::get("http://gate/readyz").body(Empty::<bytes::Bytes>::new()).unwrap();
    let (one, two) = (sender.send_request(ask()), sender.clone().send_request(ask()));
    for answer in [one.await.unwrap(), two.await.unwrap()] {
        assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ready\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_says_how_far_the_caller_stands() {
    let served = serve_on_both(ServeLimits::default()).await;
    let house = &served.house;
    let over_tcp = served.tcp(Some(house.gateway.clone())).propose(&request(house, "near", 1)).await.unwrap();
    let from_afar = house.ask(house.refund("far", 1).key(&house.gateway).peer(Peer::Remote)).await.good();
    for (action, isolation) in [(over_tcp.action.to_string(), "same_user"), (from_afar.member("action"), "remote")] {
        let records: Vec<RecordView> = served.unix(None).get(&format!("/v1/actions/{action}/records")).await.unwrap();
        let proposed = &records.first().unwrap().envelope;
        assert!(proposed.contains(&format!("\"isolation\":\"{isolation}\"")), "{proposed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_proposal_is_answered_when_people_have_decided() {
    let served = serve_on_both(ServeLimits::default()).await;
    let agent = served.tcp(Some(served.house.agent.clone()));
    let held = ProposeRequest { wait_s: 60, ..request(&served.house, "held", 501) };
    let holding = tokio::spawn(async move { agent.propose(&held).await });
    let reviewer = served.tcp(Some(served.house.reviewer.clone()));
    let waiting = loop {
        let pending: Vec<PendingReview> = reviewer.get("/v1/reviews").await.unwrap();
        match pending.first() {
            Some(review) => break review.action,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(!holding.is_finished(), "it was answered before anybody decided");
    served.house.ask(served.house.decision(&waiting.to_string(), "approve").await).await.good();
    let answer = tokio::time::timeout(Duration::from_secs(10), holding).await.expect("nobody woke the caller");
    assert_eq!(answer.unwrap().unwrap().state, State::Authorized);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_does_not_wait_for_reviewers() {
    let limits = ServeLimits { grace: Duration::from_millis(300), ..ServeLimits::default() };
    let served = serve_on_both(limits).await;
    let agent = served.tcp(Some(served.house.agent.clone()));
    let held = ProposeRequest { wait_s: 600, ..request(&served.house, "held", 501) };
    let holding = tokio::spawn(async move { agent.propose(&held).await });
    let reviews = || async { served.unix(None).get::<Vec<PendingReview>>("/v1/reviews").await.unwrap() };
    while reviews().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    served.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), served.ended).await.expect("it waits on").unwrap().unwrap();
    let cut_off = tokio::time::timeout(Duration::from_secs(5), holding).await.expect("its connection lives on");
    assert!(cut_off.unwrap().unwrap_err().problem().is_none(), "no answer means no");
}

#[tokio::test]
async fn the_same_api_answers_without_a_socket() {
    let house = House::new().await;
    let transport = || Transport::InProcess(in_process(&house.app));
    let owner = Client::new(transport(), None);
    assert!(owner.get::<Vec<KeyView>>("/v1/keys").await.unwrap().len() >= 4);
    let agent = Client::new(transport(), Some(house.agent.clone()));
    let proposed = agent.propose(&request(&house, "inside", 1)).await.unwrap();
    assert_eq!(agent.action(proposed.action, 0).await.unwrap(), proposed);
    let refused = agent.get::<Vec<KeyView>>("/v1/keys").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().name(), "forbidden");
}
