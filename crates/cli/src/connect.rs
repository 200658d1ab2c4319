//! Which gate a command talks to.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_client::{Client, Transport};
use countersign_http::App;
use tokio::net::UnixStream;

use crate::daemon::attach_or_start;
use crate::deployment::Deployment;
use crate::error::Failure;
use crate::global::Global;
use crate::progress::Bar;
use crate::system::SystemClock;

/// The local socket's name within the data folder.
pub(crate) const SOCKET: &str = "countersign.sock";

/// The environment variable that holds a bearer key. There is no option for it: options show in process lists.
const KEY: &str = "COUNTERSIGN_KEY";

/// Longest key file in bytes.
const MOST_KEY_FILE: u64 = 4096;

/// A way to the gate, and the gate itself where it runs in this process.
pub(crate) struct Connection {
    /// The client.
    pub(crate) client: Client,
    /// To be closed when the command is done.
    pub(crate) deployment: Option<Deployment>,
}

impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Connection { client, deployment: None }
    }
}

/// The client: `--url` over TCP; else the data folder's socket if a server answers there; else the folder itself.
///
/// # Errors
/// [`Failure`] where the key file cannot be read, the URL cannot be used, or nothing answers.
pub(crate) async fn connect(global: &Global) -> Result<Connection, Failure> {
    let key = key(global.key_file.as_deref())?;
    if let Some(url) = &global.url {
        return Ok(Client::new(Transport::tcp(base_url(url)?), key).into());
    }
    let data = global.data()?;
    match attach(&data, key.clone()).await? {
        Some(client) => Ok(client.into()),
        None => open_here(&data, global, key).await,
    }
}

/// The client for a gateway: where nobody serves the folder, a daemon is started.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn connect_gateway(global: &Global) -> Result<Client, Failure> {
    match &global.url {
        Some(_) => Ok(connect(global).await?.client),
        None => attach_or_start(&global.data()?, key(global.key_file.as_deref())?).await,
    }
}

/// The client of the server at the folder's socket, if one answers there.
///
/// # Errors
/// [`Failure::File`] where the socket cannot be used.
pub(crate) async fn attach(data: &Path, key: Option<String>) -> Result<Option<Client>, Failure> {
    let socket = data.join(SOCKET);
    match UnixStream::connect(&socket).await {
        Ok(_) => Ok(Some(Client::new(Transport::unix(socket), key))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(source) => Err(Failure::File { path: socket, source }),
    }
}

/// Nobody serves this folder: a gate in this process, for as long as the command runs.
async fn open_here(data: &Path, global: &Global, key: Option<String>) -> Result<Connection, Failure> {
    let config = global.config()?;
    let bar = Bar::new("records into the index");
    let opened = Deployment::open(data, &config, |done, of| bar.at(done, of)).await;
    bar.end();
    let deployment = opened?;
    let most_payload = config.limits.payload_bytes;
    let app = App::new(deployment.gate.clone(), deployment.store.clone(), Arc::new(SystemClock), most_payload);
    let client = Client::new(Transport::InProcess(countersign_http::in_process(&app)), key);
    Ok(Connection { client, deployment: Some(deployment) })
}

fn base_url(url: &str) -> Result<&str, Failure> {
    let base = url.trim_end_matches('/');
    let host = base.strip_prefix("http://").filter(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@']));
    match host {
        Some(_) => Ok(base),
        None if base.starts_with("https://") => Err(Failure::Usage(
            "--url: TLS is not spoken here: use http:// on this host, or a local TLS tunnel".to_owned(),
        )),
        None => Err(Failure::Usage(format!("--url: {url:?} is no address such as http://127.0.0.1:8640"))),
    }
}

/// The key of `--key-file`, else of the environment. Only its absence is told, never its text.
fn key(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(path) => Some(read_key_file(path)?),
        None => match std::env::var(KEY) {
            Ok(text) => Some(text),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::Usage(format!("{KEY} is no text: set it to a key as `key create` showed it")));
            }
        },
    };
    let key = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match key {
        Some(key) if !key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) => Err(Failure::Usage(
            "the key has characters that no key has: use it as `countersign key create` showed it".to_owned(),
        )),
        key => Ok(key),
    }
}

fn read_key_file(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(Failure::file(path))?;
    file.take(MOST_KEY_FILE).read_to_string(&mut text).map_err(Failure::file(path))?;
    if text.trim().is_empty() {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{path} holds no key: put one there as `countersign key create` showed it"
        )));
    }
    Ok(text)
}

/// The data folder where none is named: `$XDG_DATA_HOME/countersign`, else `~/.local/share/countersign`.
pub(crate) fn default_data() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let share = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
    share.map(|share| share.join("countersign"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        assert_eq!(base_url("http://127.0.0.1:8640/").unwrap(), "http://127.0.0.1:8640");
        for bad in ["https://gate", "gate:8640", "http://", "http://user@gate", "http://gate/v1", ""] {
            assert!(matches!(base_url(bad), Err(Failure::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_trimmed_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "cs_operator_abc\n").unwrap();
        assert_eq!(key(Some(&path)).unwrap().as_deref(), Some("cs_operator_abc"));
        for bad in ["", "  \n", "cs operator", "cs_\u{e9}secret"] {
            std::fs::write(&path, bad).unwrap();
            let refused = key(Some(&path)).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert!(matches!(key(Some(&folder.path().join("none"))), Err(Failure::File { .. })));
    }

    #[tokio::test]
    async fn a_folder_without_a_deployment_says_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let global = Global { data: Some(folder.path().to_owned()), ..Global::default() };
        let refused = connect(&global).await.err().unwrap();
        assert!(refused.to_string().contains("countersign init"), "{refused}");
        // A socket that a dead server left behind is no server.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        assert!(connect(&global).await.err().unwrap().to_string().contains("countersign init"));
    }
}
