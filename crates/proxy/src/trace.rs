//! W3C Trace Context around a call: what its request says, what is recorded of it, what goes upstream.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use countersign_evidence::key::Random;
use countersign_evidence::record::Correlation;
use countersign_evidence::trace::{SpanId, TraceId, TraceParent, is_trace_state, place_of};
use uuid::Uuid;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// What a request says of its trace. What is not valid counts as absent (W3C Trace Context §3.2.2, §3.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) parent: Option<TraceParent>,
    pub(crate) state: Option<String>,
}

impl Incoming {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let texts = |name: &HeaderName| headers.get_all(name).iter().map(HeaderValue::to_str).collect::<Vec<_>>();
        let parent = match texts(&PARENT).as_slice() {
            [Ok(only)] => TraceParent::read(only),
            _ => None,
        };
        // It may come in several headers, whose values make one list.
        let state: Option<Vec<&str>> = texts(&STATE).into_iter().map(Result::ok).collect();
        let state = state.map(|parts| parts.join(",")).filter(|state| parent.is_some() && is_trace_state(state));
        Incoming { parent, state }
    }

    /// What is recorded: the caller's trace and span, or a fresh trace.
    pub(crate) fn ids(&self, random: &dyn Random) -> (Option<String>, Option<String>) {
        match self.parent {
            Some(parent) => (Some(parent.trace.to_string()), Some(parent.span.to_string())),
            None => {
                let mut fresh = [0; 16];
                random.fill(&mut fresh);
                (TraceId::from_bytes(fresh).map(|trace| trace.to_string()), None)
            }
        }
    }

    /// Unchanged, for a call that has no span of its own.
    pub(crate) fn unchanged(&self) -> HeaderMap {
        headers(self.parent, self.state.as_deref())
    }

    /// With the action's own span as the parent. The action's trace is the one on record: a request that takes over an action
    /// which waited may belong to another, and its state does not go along then.
    pub(crate) fn through(&self, action: Uuid, recorded: &Correlation) -> HeaderMap {
        let (trace, _) = place_of(action, recorded);
        let same = self.parent.filter(|parent| parent.trace == trace);
        // Whoever says nothing of sampling gets everything: the gate itself keeps every action.
        let sampled = same.is_none_or(|parent| parent.sampled);
        let own = TraceParent { trace, span: SpanId::of_action(action), sampled };
        headers(Some(own), self.state.as_deref().filter(|_| same.is_some()))
    }
}

fn headers(parent: Option<TraceParent>, state: Option<&str>) -> HeaderMap {
    let parent = parent.map(|parent| (PARENT, parent.to_string()));
    let state = state.map(|state| (STATE, state.to_owned()));
    let written = parent.into_iter().chain(state);
    written.filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn incoming(given: &[(&'static str, &str)]) -> Incoming {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        Incoming::of(&headers)
    }

    fn recorded(trace: &str) -> Correlation {
        Correlation { trace_id: Some(trace.to_owned()), ..Correlation::default() }
    }

    #[test]
    fn the_gateways_span_is_the_parent_and_the_state_stays() {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-00");
        let read = incoming(&[("traceparent", &parent), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let (action, trace) = (Uuid::from_u128(7), recorded(TRACE));
        let sent = read.through(action, &trace);
        let expected = format!("00-{TRACE}-{}-00", SpanId::of_action(action));
        assert_eq!(sent["traceparent"], expected.as_str());
        assert_eq!(sent["tracestate"], "a=1,b=2");
        assert_eq!(read.unchanged()["traceparent"], parent.as_str());
    }

    #[test]
    fn another_requests_state_does_not_follow_an_action() {
        let other = format!("00-{}-b7ad6b7169203331-00", TRACE.replace('0', "1"));
        let sent = incoming(&[("traceparent", &other), ("tracestate", "a=1")]).through(Uuid::nil(), &recorded(TRACE));
        assert!(sent["traceparent"].to_str().unwrap().starts_with(&format!("00-{TRACE}-")), "{sent:?}");
        assert!(sent["traceparent"].to_str().unwrap().ends_with("-01") && !sent.contains_key("tracestate"));
    }

    #[test]
    fn what_is_not_valid_counts_as_absent() {
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        for given in [
            vec![("traceparent", "00-x"), ("tracestate", "a=1")],
            vec![("traceparent", good.as_str()), ("traceparent", good.as_str())],
            vec![("tracestate", "a=1")],
        ] {
            assert_eq!(incoming(&given), Incoming::default(), "{given:?}");
        }
        let read = incoming(&[("traceparent", &good), ("tracestate", "a")]);
        assert!(read.parent.is_some() && read.state.is_none());
    }
}
