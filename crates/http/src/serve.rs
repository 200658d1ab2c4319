//! HTTP/1.1 and HTTP/2 (with prior knowledge) over TCP and Unix sockets.

use std::io::Result;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use crate::listener::{Listener, Stream};
use crate::peer::{Address, Peer};

/// What protects the server from its callers.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Most connections at a time; more wait to be accepted.
    pub connections: usize,
    /// How long a caller may take to send a request's head, and may stay idle.
    pub head_timeout: Duration,
    /// Most concurrent requests of one HTTP/2 connection.
    pub streams: u32,
    /// How long requests in flight may still take once the server shuts down.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        ServeLimits {
            connections: 4_096,
            head_timeout: Duration::from_secs(60),
            streams: 256,
            grace: Duration::from_secs(5),
        }
    }
}

struct Server {
    router: axum::Router,
    http: Builder<TokioExecutor>,
    permits: Arc<Semaphore>,
    graceful: GracefulShutdown,
    head_timeout: Duration,
    /// Connections end at the latest when this is dropped.
    over: watch::Sender<()>,
}

/// Serves until `shutdown` resolves; then lets requests in flight end, within limits.
///
/// # Errors
/// Only before it begins; an accept that fails is tried again.
pub async fn serve(
    router: axum::Router,
    listeners: Vec<Listener>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let server = Arc::new(Server {
        router,
        http: http(limits),
        permits: Arc::new(Semaphore::new(limits.connections)),
        graceful: GracefulShutdown::new(),
        head_timeout: limits.head_timeout,
        over: watch::Sender::new(()),
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&server)));
    }
    shutdown.await;
    accepting.shutdown().await;
    if let Some(server) = Arc::into_inner(server)
        && tokio::time::timeout(limits.grace, server.graceful.shutdown()).await.is_err()
    {
        tracing::info!("ended with requests still in flight; what they recorded is durable");
    }
    Ok(())
}

fn http(limits: ServeLimits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.head_timeout)
        .keep_alive_timeout(limits.head_timeout);
    http
}

async fn accept(listener: Listener, server: Arc<Server>) {
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&server.permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok(Some(Stream::Unix(stream))) => server.begin(stream, Peer::Owner, None, permit),
            Ok(Some(Stream::Tcp(stream))) => {
                // A connection that is gone already has no other end.
                if let Ok(remote) = stream.peer_addr() {
                    let address = Some(Address(remote.ip()));
                    server.begin(stream, Peer::of_tcp(remote), address, permit);
                }
            }
            Ok(None) => {}
            Err(error) => {
                // Out of file descriptors, as a rule: trying again at once would only burn the processor.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Server {
    fn begin<S>(&self, stream: S, peer: Peer, address: Option<Address>, permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (http, router, watcher) = (self.http.clone(), self.router.clone(), self.graceful.watcher());
        let (head_timeout, mut over) = (self.head_timeout, self.over.subscribe());
        tokio::spawn(async move {
            let asked = AtomicBool::new(false);
            let answer = service_fn(|request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                address.map(|address| request.extensions_mut().insert(address));
                router.clone().call(request)
            });
            let connection = watcher.watch(http.serve_connection(TokioIo::new(stream), answer));
            tokio::select! {
                ended = unless_silent(connection, head_timeout, &asked) => if let Some(Err(error)) = ended {
                    tracing::debug!(%error, "a connection broke");
                },
                _ = over.changed() => {}
            }
            drop(permit);
        });
    }
}

/// Lets a connection go on to its end, or drops it where nobody has asked anything on it in time: until the first bytes
/// tell HTTP/1.1 from HTTP/2, neither protocol's own timer runs.
async fn unless_silent<T>(connection: impl Future<Output = T>, limit: Duration, asked: &AtomicBool) -> Option<T> {
    let mut connection = pin!(connection);
    match tokio::time::timeout(limit, &mut connection).await {
        Ok(ended) => Some(ended),
        Err(_) if asked.load(Ordering::Relaxed) => Some(connection.await),
        Err(_) => None,
    }
}
