//! One connection from its first message to its last.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::config::{Error, Settings};
use crate::conversation::{Conversation, LAST_WORDS, Opened};
use crate::gateway::Gateway;
use crate::lines::{Lines, write_lines};
use crate::pump::{from_client, from_server};

/// The four streams between which a gateway stands.
#[derive(Debug)]
pub struct Pipes<CR, CW, SR, SW> {
    /// What the client says.
    pub from_client: CR,
    /// What the client hears.
    pub to_client: CW,
    /// What the server says.
    pub from_server: SR,
    /// What the server hears.
    pub to_server: SW,
}

/// Who ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
    Hurry,
}

/// Stands between a client and a server until one of them ends, or until `hurry` does (a signal to end now).
///
/// When the client ends, held calls are cancelled; calls that run get the grace period, then their outcome is recorded as
/// unknown; then the server's input is closed. When the server ends, calls that run are recorded as unknown and the client
/// gets errors. On return every call is either recorded or was never sent.
///
/// # Errors
/// [`Error::Io`] where a task of the connection died.
pub async fn serve<CR, CW, SR, SW>(
    settings: Settings,
    pipes: Pipes<CR, CW, SR, SW>,
    hurry: impl Future<Output = ()>,
) -> Result<(), Error>
where
    CR: AsyncRead + Unpin + Send + 'static,
    CW: AsyncWrite + Unpin + Send + 'static,
    SR: AsyncRead + Unpin + Send + 'static,
    SW: AsyncWrite + Unpin + Send + 'static,
{
    let (grace, most) = (settings.grace, settings.most_line);
    let Opened { conversation, to_client, to_server } = Conversation::open(settings);
    let gateway = Arc::clone(&conversation.gateway);
    let client_writer = tokio::spawn(write_lines(pipes.to_client, to_client));
    tokio::spawn(write_lines(pipes.to_server, to_server));
    let mut client = tokio::spawn(from_client(conversation, Lines::new(pipes.from_client, most)));
    let mut server = tokio::spawn(from_server(Arc::clone(&gateway), Lines::new(pipes.from_server, most)));
    tokio::pin!(hurry);

    let mut end = tokio::select! {
        _ = &mut client => End::Client,
        _ = &mut server => End::Server,
        () = &mut hurry => End::Hurry,
    };
    client.abort();
    if end != End::Server {
        gateway.flights.client_gone();
        end = let_finish(&gateway, &mut server, hurry.as_mut(), grace, end).await;
        if end != End::Server {
            gateway.flights.over();
            let _ = timeout(LAST_WORDS, gateway.calls_ended()).await;
            gateway.end_server().await;
        }
        if end == End::Client {
            // What the server still says is the client's, if it still reads.
            end = read_on(&mut server, hurry, grace).await;
        }
    }
    server.abort();
    if end == End::Server {
        gateway.server_gone().await;
        let _ = timeout(LAST_WORDS, gateway.calls_ended()).await;
    }
    gateway.end_client().await;
    finish_writing(client_writer).await
}

/// Lets the calls that run end by themselves, for a while.
async fn let_finish<F: Future<Output = ()>>(
    gateway: &Gateway,
    server: &mut JoinHandle<()>,
    hurry: Pin<&mut F>,
    grace: Duration,
    end: End,
) -> End {
    if end == End::Hurry {
        return end;
    }
    tokio::select! {
        () = gateway.calls_ended() => end,
        _ = server => End::Server,
        () = sleep(grace) => end,
        () = hurry => End::Hurry,
    }
}

async fn read_on<F: Future<Output = ()>>(server: &mut JoinHandle<()>, hurry: Pin<&mut F>, grace: Duration) -> End {
    tokio::select! {
        _ = server => End::Server,
        () = sleep(grace) => End::Client,
        () = hurry => End::Hurry,
    }
}

async fn finish_writing(writer: JoinHandle<std::io::Result<()>>) -> Result<(), Error> {
    match timeout(LAST_WORDS, writer).await {
        // A client that does not read its last answers is no failure of ours.
        Ok(Ok(_)) | Err(_) => Ok(()),
        Ok(Err(error)) => Err(Error::Io { what: "writing to the client", source: std::io::Error::other(error) }),
    }
}
