//! Newline-delimited messages with a limit on their length.

use std::io;

use countersign_evidence::json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::conversation::Out;
use crate::id_scan::IdScan;

/// One line from a peer.
#[derive(Debug)]
pub(crate) enum Line {
    /// Its bytes, without the newline.
    Whole(Vec<u8>),
    /// It had more bytes than allowed; they were not kept.
    TooLong { bytes: usize, scan: IdScan },
}

/// Writes messages as lines, in canonical form, until [`Out::End`], or until the reader is gone. Lines that are ready together are flushed together.
pub(crate) async fn write_lines<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut queue: mpsc::Receiver<Out>,
) -> io::Result<()> {
    while let Some(Out::Message(message)) = queue.recv().await {
        let mut text = Value::Object(message.body).to_canonical();
        text.push('\n');
        writer.write_all(text.as_bytes()).await?;
        if queue.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await?;
    writer.shutdown().await
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `limit` bytes each.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Lines { reader: BufReader::with_capacity(64 << 10, reader), limit }
    }

    /// The next line that is not blank; `None` at the end. Memory is bounded by the limit however long a line gets.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line>> {
        let mut kept = Vec::new();
        let mut too_long: Option<(usize, IdScan)> = None;
        loop {
            let chunk = self.reader.fill_buf().await?;
            let at_end = chunk.is_empty();
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or_default();
            match &mut too_long {
                Some((bytes, scan)) => {
                    *bytes = bytes.saturating_add(part.len());
                    scan.feed(part);
                }
                None => kept.extend_from_slice(part),
            }
            let used = part.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if too_long.is_none() && kept.len() > self.limit {
                too_long = Some((kept.len(), IdScan::of(&std::mem::take(&mut kept))));
            }
            if newline.is_none() && !at_end {
                continue;
            }
            if let Some((bytes, scan)) = too_long {
                return Ok(Some(Line::TooLong { bytes, scan }));
            }
            if !kept.trim_ascii().is_empty() {
                return Ok(Some(Line::Whole(kept)));
            }
            if at_end {
                return Ok(None);
            }
            kept.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn lines_have_a_limit_and_blank_ones_are_skipped() {
        let text = b"ab\n\n  \r\n0123456789\n{\"id\":7,\"xxxxxxxxxxxxxxxxx\":1}\nlast";
        let mut lines = Lines::new(&text[..], 10);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            seen.push(match line {
                Line::Whole(bytes) => String::from_utf8(bytes).unwrap(),
                Line::TooLong { bytes, scan } => format!("{bytes} bytes, id {}", scan.id().unwrap().key()),
            });
        }
        assert_eq!(seen, ["ab", "0123456789", "30 bytes, id 7", "last"]);
    }
}
