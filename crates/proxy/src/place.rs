//! Path and query of a request, read so that gateway and upstream cannot read them differently.

use percent_encoding::percent_decode_str;

/// Longest path and query in bytes.
const MOST: usize = 8_192;

/// Where a request goes below its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// As it was written: what is sent.
    pub(crate) path: String,
    /// Its parts, decoded.
    pub(crate) segments: Vec<String>,
    /// Names and values, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
}

/// Why a place is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("path and query have at most 8192 bytes")]
    TooLong,
    #[error("the path has an empty part, `.` or `..`: write it as it is meant")]
    Relative,
    #[error(
        "the path has a semicolon, or an escape that hides a slash, a backslash, a control character or another escape: two \
         readers could read it differently"
    )]
    Ambiguous,
    #[error("the path or query is not UTF-8 where it is escaped")]
    NotUtf8,
}

impl Place {
    /// `path` begins with a slash; `query` is what stands behind the question mark.
    pub(crate) fn read(path: &str, query: Option<&str>) -> Result<Self, PlaceError> {
        if path.len() + query.map_or(0, str::len) > MOST {
            return Err(PlaceError::TooLong);
        }
        let mut segments = Vec::new();
        let rest = path.strip_prefix('/').unwrap_or(path);
        let count = rest.split('/').count();
        for (at, part) in rest.split('/').enumerate() {
            let decoded = percent_decode_str(part).decode_utf8().map_err(|_| PlaceError::NotUtf8)?;
            let plain = |one: char| !matches!(one, '/' | '\\' | ';') && !one.is_control();
            if !decoded.chars().all(plain) || percent_decode_str(&decoded).decode_utf8_lossy() != decoded {
                return Err(PlaceError::Ambiguous);
            }
            match decoded.as_ref() {
                // A slash at the end is part of the path.
                "" if at + 1 == count => {}
                "" | "." | ".." => return Err(PlaceError::Relative),
                text => segments.push(text.to_owned()),
            }
        }
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let query: Vec<(String, String)> = pairs.into_owned().collect();
        if query.iter().any(|(name, value)| [name, value].iter().any(|text| text.contains('\u{fffd}'))) {
            return Err(PlaceError::NotUtf8);
        }
        Ok(Place { path: format!("/{rest}"), segments, query })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (path, error) in [
            ("/a/../b", PlaceError::Relative),
            ("/a/%2e%2e/b", PlaceError::Relative),
            ("/a/./b", PlaceError::Relative),
            ("/a//b", PlaceError::Relative),
            ("/a%2fb", PlaceError::Ambiguous),
            ("/a%5cb", PlaceError::Ambiguous),
            ("/a%00", PlaceError::Ambiguous),
            ("/a/..;/b", PlaceError::Ambiguous),
            ("/a;x=1/b", PlaceError::Ambiguous),
            ("/a/%252e%252e/b", PlaceError::Ambiguous),
            ("/a%0d%0ab", PlaceError::Ambiguous),
            ("/%ff", PlaceError::NotUtf8),
        ] {
            assert_eq!(Place::read(path, None), Err(error), "{path}");
        }
        assert_eq!(Place::read("/a", Some("x=%ff")), Err(PlaceError::NotUtf8));
        assert_eq!(Place::read(&format!("/{}", "a".repeat(9_000)), None), Err(PlaceError::TooLong));
    }

    #[test]
    fn what_is_plain_is_read() {
        let place = Place::read("/v1/caf%C3%A9/x/", Some("a=1&b=x+y&a=2")).unwrap();
        assert_eq!(place.path, "/v1/caf%C3%A9/x/");
        assert_eq!(place.segments, ["v1", "café", "x"]);
        let query: Vec<(&str, &str)> = place.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(query, [("a", "1"), ("b", "x y"), ("a", "2")]);
        assert_eq!(Place::read("/", None).unwrap().segments.len(), 0);
    }
}
