//! Where connections come in, and what the operating system says about the other end.

use std::fs::{DirBuilder, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A place to accept connections at.
#[derive(Debug)]
pub enum Listener {
    /// TCP, for callers with a key.
    Tcp(TcpListener),
    /// The data folder owner's Unix socket.
    Owner(OwnerSocket),
}

/// A Unix socket that only its owner (and root) may use: the socket's mode and its folder's keep others out, and each
/// peer's user id is checked as well. The file goes when this is dropped.
#[derive(Debug)]
pub struct OwnerSocket {
    listener: UnixListener,
    path: PathBuf,
    uid: u32,
}

/// An accepted connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl OwnerSocket {
    /// Listens at `path`. A folder that is not there is made with mode 0700; one that others may write to is refused. A
    /// socket that nobody listens at any more is replaced.
    ///
    /// # Errors
    /// `AddrInUse` where another process answers there; otherwise as the file system says.
    pub async fn bind(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let uid = own_uid()?;
        prepare_folder(folder, uid)?;
        if UnixStream::connect(&path).await.is_ok() {
            let what = format!("another process serves at {}: stop it first, or attach to it", path.display());
            return Err(Error::new(ErrorKind::AddrInUse, what));
        }
        remove_stale(&path)?;
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(OwnerSocket { listener, path, uid })
    }

    /// Whether the other end runs as the same user as this process, or as root.
    fn trusts(&self, stream: &UnixStream) -> bool {
        stream.peer_cred().is_ok_and(|peer| peer.uid() == self.uid || peer.uid() == 0)
    }
}

impl Drop for OwnerSocket {
    fn drop(&mut self) {
        // It may be gone already; the next start replaces a stale one.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// The next connection; `None` where it is not let in.
    pub(crate) async fn accept(&self) -> Result<Option<Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are small and someone waits for each.
                stream.set_nodelay(true)?;
                Ok(Some(Stream::Tcp(stream)))
            }
            Listener::Owner(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                if !socket.trusts(&stream) {
                    tracing::warn!("refused another user at the owner's socket");
                    return Ok(None);
                }
                Ok(Some(Stream::Unix(stream)))
            }
        }
    }
}

/// The user that this process acts as: the one at the other end of a socket to itself.
fn own_uid() -> Result<u32> {
    let (this, _other) = UnixStream::pair()?;
    Ok(this.peer_cred()?.uid())
}

/// Whoever can write to the folder could put a socket of their own in our place.
fn prepare_folder(folder: &Path, uid: u32) -> Result<()> {
    if !folder.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let metadata = std::fs::metadata(folder)?;
    if metadata.mode() & 0o022 != 0 || (metadata.uid() != uid && metadata.uid() != 0) {
        let what =
            format!("{} can be written by other users: put the socket into a folder of mode 0700", folder.display());
        return Err(Error::new(ErrorKind::PermissionDenied, what));
    }
    Ok(())
}

fn remove_stale(path: &Path) -> Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("{} is there and is no socket", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
