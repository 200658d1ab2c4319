//! The paths of the API that the commands use, on one screen.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

/// What RFC 3986 leaves unreserved stays as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) const ACTIONS: &str = "/v1/actions";
pub(crate) const REVIEWS: &str = "/v1/reviews";
pub(crate) const POLICIES: &str = "/v1/policies";
pub(crate) const KEYS: &str = "/v1/keys";
pub(crate) const PEOPLE: &str = "/v1/people";
pub(crate) const ERASE_PERSON: &str = "/v1/people/erase";
pub(crate) const ERASE_SUBJECT: &str = "/v1/subjects/erase";
pub(crate) const STANDING: &str = "/v1/standing";
pub(crate) const SESSIONS: &str = "/v1/sessions";
pub(crate) const LOG: &str = "/v1/log";
pub(crate) const CHECKPOINT: &str = "/log/checkpoint";

pub(crate) fn oversight(since: &str, until: Option<&str>) -> String {
    let mut path = format!("/v1/oversight?since={}", utf8_percent_encode(since, ESCAPED));
    if let Some(until) = until {
        path.push_str(&format!("&until={}", utf8_percent_encode(until, ESCAPED)));
    }
    path
}

pub(crate) fn story(action: Uuid) -> String {
    format!("{ACTIONS}/{action}/story")
}

pub(crate) fn context(action: Uuid) -> String {
    format!("{ACTIONS}/{action}/context")
}

pub(crate) fn review(action: Uuid) -> String {
    format!("{REVIEWS}/{action}")
}

pub(crate) fn ask(action: Uuid) -> String {
    format!("{REVIEWS}/{action}/ask")
}

pub(crate) fn hand_over(action: Uuid) -> String {
    format!("{REVIEWS}/{action}/hand-over")
}

pub(crate) fn settle(action: Uuid) -> String {
    format!("{ACTIONS}/{action}/resolve")
}

pub(crate) fn answer(action: Uuid) -> String {
    format!("{ACTIONS}/{action}/answer")
}

pub(crate) fn policy(version: &str) -> String {
    format!("{POLICIES}/{}", escaped(version))
}

pub(crate) fn server_tools(server: &str) -> String {
    format!("/v1/tools/{}", escaped(server))
}

pub(crate) fn revoke(key: Uuid) -> String {
    format!("{KEYS}/{key}/revoke")
}

pub(crate) fn invite(person: Uuid) -> String {
    format!("{PEOPLE}/{person}/invite")
}

pub(crate) fn end_person(person: Uuid) -> String {
    format!("{PEOPLE}/{person}/end")
}

pub(crate) fn revoke_standing(standing: Uuid) -> String {
    format!("{STANDING}/{standing}/revoke")
}

pub(crate) fn end_session(session: Uuid) -> String {
    format!("{SESSIONS}/{session}/end")
}

pub(crate) fn proof(position: u64) -> String {
    format!("/v1/records/{position}/proof")
}

pub(crate) fn resolve(id: &str) -> String {
    format!("/v1/resolve/{}", escaped(id))
}

/// `path?name=value&…` with what is set.
pub(crate) fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let set = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> = set.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_ids_cannot_leave_their_segment() {
        assert_eq!(resolve("../keys?x=1#é "), "/v1/resolve/..%2Fkeys%3Fx%3D1%23%C3%A9%20");
        let query = [("a", Some("x&y=z".to_owned())), ("b", None), ("c", Some("1+1".to_owned()))];
        assert_eq!(with_query("/v1/actions", &query), "/v1/actions?a=x%26y%3Dz&c=1%2B1");
        assert_eq!(with_query("/v1/actions", &[("b", None)]), "/v1/actions");
    }
}
