//! Standard input as a stream that does not keep the process from ending.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use tokio::net::UnixStream;

/// Standard input, read by a thread of its own.
///
/// Tokio's own reader blocks the runtime's shutdown until a read returns; a gateway whose server has ended must not wait
/// for a client that says nothing.
///
/// # Errors
/// Where no socket pair or thread can be had.
pub fn standard_input() -> io::Result<UnixStream> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    std::thread::Builder::new().name("standard-input".to_owned()).spawn(move || {
        let mut theirs = theirs;
        // Either end may close; both mean that nothing more comes.
        drop(io::copy(&mut io::stdin().lock(), &mut theirs));
    })?;
    UnixStream::from_std(ours)
}
