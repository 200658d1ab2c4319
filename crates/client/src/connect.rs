use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

/// Most bytes of an answer that is read.
const MOST_ANSWER: usize = 64 << 20;

/// A service in the same process.
pub type InProcess = Arc<dyn Fn(Request<Full<Bytes>>) -> InProcessAnswer + Send + Sync>;
/// Its answer.
pub type InProcessAnswer = std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, String>> + Send>>;

/// How requests reach the gate.
#[derive(Clone)]
pub enum Transport {
    /// HTTP over TCP; the base URL, such as `http://127.0.0.1:8640`.
    Tcp {
        /// Scheme and authority, without a trailing slash.
        base: String,
        /// Kept connections.
        pool: Box<Pool<HttpConnector, Full<Bytes>>>,
    },
    /// HTTP over a Unix socket.
    Unix {
        /// The socket's path.
        path: PathBuf,
        /// An idle connection, kept for the next request.
        idle: Arc<Mutex<Vec<hyper::client::conn::http1::SendRequest<Full<Bytes>>>>>,
    },
    /// A service in this process.
    InProcess(InProcess),
}

/// The gate could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("the gate does not answer at {at}: {source}. Is `countersign serve` running there?")]
    Connect {
        /// Where it was looked for.
        at: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The connection broke, or the answer was no HTTP.
    #[error("the connection to the gate broke: {0}")]
    Broken(String),
}

impl Transport {
    /// HTTP over TCP to `base`, such as `http://127.0.0.1:8640`.
    pub fn tcp(base: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Transport::Tcp { base: base.trim_end_matches('/').to_owned(), pool: Box::new(pool) }
    }

    /// HTTP over the Unix socket at `path`.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Transport::Unix { path: path.into(), idle: Arc::default() }
    }

    /// The URL that a request for `path` names.
    pub(crate) fn url(&self, path: &str) -> String {
        match self {
            Transport::Tcp { base, .. } => format!("{base}{path}"),
            _ => format!("http://countersign{path}"),
        }
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`TransportError`]; the gate may or may not have acted, so ask again with the same ids.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, TransportError> {
        match self {
            Transport::Tcp { base, pool } => {
                let answer = pool.request(request).await.map_err(|error| tcp_error(base, &error))?;
                collect(answer).await
            }
            Transport::Unix { path, idle } => {
                let kept = idle.lock().await.pop();
                let mut sender = match kept.filter(|sender| sender.is_ready()) {
                    Some(sender) => sender,
                    None => connect_unix(path).await?,
                };
                let answer = sender.send_request(request).await.map_err(broken)?;
                let answer = collect(answer).await?;
                if sender.ready().await.is_ok() {
                    idle.lock().await.push(sender);
                }
                Ok(answer)
            }
            Transport::InProcess(service) => service(request).await.map_err(TransportError::Broken),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> TransportError {
    TransportError::Broken(error.to_string())
}

fn tcp_error(base: &str, error: &hyper_util::client::legacy::Error) -> TransportError {
    if error.is_connect() {
        let source = std::io::Error::other(error.to_string());
        return TransportError::Connect { at: base.to_owned(), source };
    }
    broken(error)
}

async fn connect_unix(
    path: &std::path::Path,
) -> Result<hyper::client::conn::http1::SendRequest<Full<Bytes>>, TransportError> {
    let at = || path.display().to_string();
    let stream = UnixStream::connect(path).await.map_err(|source| TransportError::Connect { at: at(), source })?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn collect<B>(answer: Response<B>) -> Result<Response<Bytes>, TransportError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MOST_ANSWER).collect().await.map_err(broken)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
