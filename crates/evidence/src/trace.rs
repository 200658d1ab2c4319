//! W3C Trace Context: reading and writing `traceparent`, and the ids that an action has in a trace.
//!
//! An action's span has an id that follows from the action's own, so that whatever an enforcement point sends on and whatever is
//! exported later name the same span without asking each other.

use std::fmt;

use uuid::Uuid;

use crate::digest::Digest;
use crate::record::Correlation;

/// Most bytes of a `tracestate` that is sent on.
const MOST_STATE: usize = 2_048;
/// Most members of a `tracestate` (W3C Trace Context §3.3.1.1).
const MOST_MEMBERS: usize = 32;
/// Length of a `traceparent` of version 00.
const PARENT_LENGTH: usize = 55;

/// A trace's id: 16 bytes, not all zero; its text is lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// A span's id: 8 bytes, not all zero; its text is lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// `None` where all bytes are zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(TraceId(bytes))
    }

    /// Exactly 32 lower-case hex digits.
    pub fn read(text: &str) -> Option<Self> {
        Self::from_bytes(from_hex(text)?)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The trace of an action whose requester named none.
    pub fn of_action(action: Uuid) -> Self {
        TraceId(derived("trace", action))
    }
}

impl SpanId {
    /// `None` where all bytes are zero.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(SpanId(bytes))
    }

    /// Exactly 16 lower-case hex digits.
    pub fn read(text: &str) -> Option<Self> {
        Self::from_bytes(from_hex(text)?)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The span of an action: the first bytes of SHA-256(`span` ‖ the action's id as text), never zero.
    pub fn of_action(action: Uuid) -> Self {
        SpanId(derived("span", action))
    }
}

/// The first bytes of SHA-256(`what` ‖ `action`), never all zero.
fn derived<const N: usize>(what: &str, action: Uuid) -> [u8; N] {
    let digest = Digest::of(format!("{what}{action}").as_bytes());
    let mut id = [0; N];
    id.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

/// Lower-case hex of exactly so many bytes.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (to, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *to = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// What a `traceparent` says (W3C Trace Context §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The caller's span in it.
    pub span: SpanId,
    /// The caller may have recorded its part of the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads the header's value. What is not valid is to be treated as absent (§3.2.2), so there is no error.
    pub fn read(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(PARENT_LENGTH)?;
        let mut parts = known.split('-');
        let [version] = from_hex::<1>(parts.next()?)?;
        // Version 00 ends there; later ones may say more behind a dash.
        let fits = match version {
            0xff => false,
            0 => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let (trace, span) = (TraceId::read(parts.next()?)?, SpanId::read(parts.next()?)?);
        let [flags] = from_hex::<1>(parts.next()?)?;
        (fits && parts.next().is_none()).then_some(TraceParent { trace, span, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Where an action's span stands: its trace, and the span that it is a child of. The requester's word, where that is a W3C trace
/// id; else the action has a trace of its own.
pub fn place_of(action: Uuid, correlation: &Correlation) -> (TraceId, Option<SpanId>) {
    match correlation.trace_id.as_deref().and_then(TraceId::read) {
        Some(trace) => (trace, correlation.span_id.as_deref().and_then(SpanId::read)),
        None => (TraceId::of_action(action), None),
    }
}

/// Whether a `tracestate` may be sent on as it is: visible ASCII, spaces and tabs, at most 32 members and 2 KiB.
pub fn is_trace_state(text: &str) -> bool {
    let written = text.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e));
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    let formed = members.clone().all(|member| member.split_once('=').is_some_and(|(key, _)| !key.is_empty()));
    written && formed && text.len() <= MOST_STATE && (1..=MOST_MEMBERS).contains(&members.count())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_good_parent_is_read_and_written_back() {
        let read = TraceParent::read(GOOD).unwrap();
        assert_eq!((read.to_string().as_str(), read.sampled), (GOOD, true));
        let later = TraceParent::read("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-more").unwrap();
        assert_eq!((later.trace, later.sampled), (read.trace, false));
        assert_eq!(later.to_string(), GOOD.replace("-01", "-00"), "what is sent on is of the version that we know");
    }

    #[test]
    fn what_is_not_valid_is_none() {
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "éé-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-é1",
        ] {
            assert_eq!(TraceParent::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_actions_ids_follow_from_its_own() {
        let action = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        let span = SpanId::of_action(action).to_string();
        // printf 'span01920000-0000-7000-8000-000000000001' | sha256sum
        assert_eq!(span, "23bddfb4efbc62bc");
        assert_ne!(SpanId::of_action(Uuid::nil()).to_string(), span);
        assert_eq!(TraceId::of_action(action), TraceId::of_action(action));
        assert_eq!(TraceId::read(&TraceId::of_action(action).to_string()), Some(TraceId::of_action(action)));
    }

    #[test]
    fn the_requester_names_the_trace_or_the_action_has_its_own() {
        let read = TraceParent::read(GOOD).unwrap();
        let named = |trace: &str, span: &str| {
            let correlation =
                Correlation { trace_id: Some(trace.into()), span_id: Some(span.into()), ..Correlation::default() };
            place_of(Uuid::nil(), &correlation)
        };
        assert_eq!(named(&read.trace.to_string(), &read.span.to_string()), (read.trace, Some(read.span)));
        assert_eq!(named(&read.trace.to_string(), "x"), (read.trace, None));
        // A span without its trace is nowhere.
        assert_eq!(named("request-7", &read.span.to_string()), (TraceId::of_action(Uuid::nil()), None));
    }

    #[test]
    fn state_is_passed_within_limits() {
        assert!(is_trace_state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") && is_trace_state("a=1, ,b=2"));
        let many: Vec<String> = (0..33).map(|at| format!("k{at}=v")).collect();
        for bad in ["", " ", "novalue", "=x", "a=é", "a=1\r\nx: y", &many.join(","), &format!("a={}", "x".repeat(3000))]
        {
            assert!(!is_trace_state(bad), "{bad}");
        }
    }
}
