//! Server-sent events as they come (WHATWG HTML §9.2), with a limit on each.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The id to resume behind, where it names one.
    pub(crate) id: Option<String>,
    /// Its data, lines joined.
    pub(crate) data: String,
    /// How long to wait before coming back, in milliseconds.
    pub(crate) retry_ms: Option<u64>,
}

/// An event is longer than allowed, or no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than allowed, or no UTF-8")]
pub(crate) struct BadEvent;

/// Takes a stream's bytes apart.
#[derive(Debug)]
pub(crate) struct Events {
    most: usize,
    line: Vec<u8>,
    after_cr: bool,
    event: Event,
    has_data: bool,
}

impl Events {
    /// Events of at most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Events { most, line: Vec::new(), after_cr: false, event: Event::default(), has_data: false }
    }

    /// The events that these bytes complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, BadEvent> {
        let mut complete = Vec::new();
        for byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => complete.extend(self.end_line()?),
                _ if self.line.len() + self.event.data.len() >= self.most => return Err(BadEvent),
                _ => self.line.push(*byte),
            }
        }
        Ok(complete)
    }

    fn end_line(&mut self) -> Result<Option<Event>, BadEvent> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| BadEvent)?;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let told = std::mem::take(&mut self.has_data) || event.id.is_some() || event.retry_ms.is_some();
            return Ok(told.then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry_ms = value.parse().ok(),
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_come_out_however_the_bytes_are_cut() {
        let text = b": hello\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nretry: 50\n\ndata:x\revent: y\r\rdata: cut";
        for cut in 1..text.len() {
            let mut events = Events::new(64);
            let mut all = Vec::new();
            for part in text.chunks(cut) {
                all.extend(events.feed(part).unwrap());
            }
            assert_eq!(all.len(), 3, "{cut}: {all:?}");
            assert_eq!(all[0], Event { id: Some("1".into()), data: "{\"a\":\n1}".into(), retry_ms: None });
            assert_eq!((all[1].retry_ms, all[2].data.as_str()), (Some(50), "x"));
        }
    }

    #[test]
    fn no_event_grows_without_end() {
        let mut events = Events::new(8);
        assert_eq!(events.feed(b"data: 0123456789"), Err(BadEvent));
        let mut lines = Events::new(8);
        let fed: Result<Vec<_>, _> = (0..100).map(|_| lines.feed(b"data:x\n")).collect();
        assert!(fed.is_err(), "many short lines of one event");
    }
}
