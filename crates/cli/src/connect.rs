//! Which gate a command talks to.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use countersign_client::{Client, Transport};
use tokio::net::UnixStream;

use crate::error::Failure;
use crate::global::Global;

/// The local socket's name within the data folder.
pub(crate) const SOCKET: &str = "countersign.sock";

/// The environment variable that holds a bearer key. There is no option for it: options show in process lists.
const KEY: &str = "COUNTERSIGN_KEY";

/// Longest key file in bytes.
const MOST_KEY_FILE: u64 = 4096;

/// The client: `--url` over TCP; else the data folder's socket if a server answers there; else the folder itself.
///
/// # Errors
/// [`Failure`] where the key file cannot be read, the URL cannot be used, or nothing answers.
pub(crate) async fn connect(global: &Global) -> Result<Client, Failure> {
    let key = key(global.key_file.as_deref())?;
    if let Some(url) = &global.url {
        return Ok(Client::new(Transport::tcp(base_url(url)?), key));
    }
    let data = global.data()?;
    let socket = data.join(SOCKET);
    match UnixStream::connect(&socket).await {
        Ok(_) => Ok(Client::new(Transport::unix(socket), key)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            open_here(&data, key).await
        }
        Err(source) => Err(Failure::File { path: socket, source }),
    }
}

/// The seam to the assembly: a gate in this process over the data folder, for as long as the client lives.
#[allow(clippy::unused_async)] // opening a deployment is asynchronous
async fn open_here(data: &Path, _key: Option<String>) -> Result<Client, Failure> {
    let at = data.display();
    Err(Failure::Unreachable(format!("no server is running on {at}: start `countersign serve`, or name one with --url")))
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
        return Err(Failure::Usage(format!("{path} holds no key: put one there as `countersign key create` showed it")));
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
    async fn without_a_server_one_is_told_to_start_it() {
        let folder = tempfile::tempdir().unwrap();
        let global = Global { data: Some(folder.path().to_owned()), ..Global::default() };
        let refused = connect(&global).await.err().unwrap();
        assert!(refused.to_string().contains("countersign serve"), "{refused}");
        // A socket that a dead server left behind is no server.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        assert!(connect(&global).await.err().unwrap().to_string().contains("countersign serve"));
    }
}
