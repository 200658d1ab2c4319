//! The leanest client there is: one blocking socket, so that what is timed is the gate.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::load::Target;
use crate::error::Failure;

/// One HTTP/1.1 connection on loopback.
pub(super) struct Connection(BufReader<TcpStream>);

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the gate did not answer: {what}"))
}

impl Connection {
    pub(super) fn open(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Sends one request and reads the whole answer.
    pub(super) fn send(&mut self, target: &Target, body: &[u8]) -> Result<(), Failure> {
        self.send_with(target, "", body).map(drop)
    }

    /// The same, with more lines in its head; the answer's text.
    pub(super) fn send_with(&mut self, target: &Target, lines: &str, body: &[u8]) -> Result<String, Failure> {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{lines}",
            target.path,
            body.len()
        );
        if let Some(key) = &target.key {
            request.push_str(&format!("authorization: Bearer {key}\r\n"));
        }
        let message = [request.as_bytes(), b"\r\n", body].concat();
        self.0.get_mut().write_all(&message).map_err(failed)?;
        let (status, length) = self.head()?;
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).map_err(failed)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        match status == target.expect.as_u16() {
            true => Ok(text),
            false => Err(failed(format!("{status}: {text}"))),
        }
    }

    /// The status, and how long the body is.
    fn head(&mut self) -> Result<(u16, usize), Failure> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut length = 0;
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(failed)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok((status.ok_or_else(|| failed("no status"))?, length))
    }

    /// One line of the head; empty at its end.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.0.read_line(&mut line).map_err(failed)? {
            0 => Err(failed("the connection was closed")),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
