//! Where a request may come from (MCP "Security Warning": DNS rebinding).

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use url::Url;

/// Whether a request may come in: a browser says whose page sent it, and that must be one of the console's own site or of this
/// host; and the host that was asked for must be an address or the console's own, not a name that somebody else lets point here.
pub(crate) fn fits(headers: &HeaderMap, public_url: &str) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or_default().to_owned());
        (first, values.next().is_some())
    };
    let (origin, more_origins) = one(ORIGIN);
    let (host, more_hosts) = one(HOST);
    let own = Url::parse(public_url).ok();
    let own_host = own.as_ref().and_then(Url::host_str);
    // HTTP/2 names its host elsewhere; browsers, which this is about, do not come that way without TLS.
    let host_fits =
        host.is_none_or(|host| host_of(&format!("http://{host}")).is_some_and(|host| known(&host, own_host)));
    let origin_fits = origin.is_none_or(|origin| {
        origin == public_url || host_of(&origin).is_some_and(|host| is_here(&host) && is_here_or_none(own_host))
    });
    host_fits && origin_fits && !more_origins && !more_hosts
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase())
}

fn known(host: &str, own: Option<&str>) -> bool {
    host.parse::<IpAddr>().is_ok() || host == "localhost" || own.is_some_and(|own| own.eq_ignore_ascii_case(host))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_here_or_none(own: Option<&str>) -> bool {
    own.is_none_or(|own| is_here(own.trim_matches(['[', ']'])))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fits_with(host: &str, origin: Option<&str>, public: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        fits(&headers, public)
    }

    #[test]
    fn only_known_places_come_in() {
        let here = "http://localhost:8640";
        for host in ["127.0.0.1:8640", "localhost:8640", "[::1]:8640", "10.0.0.7:8640"] {
            assert!(fits_with(host, None, here), "{host}");
        }
        assert!(!fits_with("evil.example:8640", None, here));
        assert!(fits_with("127.0.0.1:8640", Some("http://127.0.0.1:8640"), here));
        assert!(fits_with("localhost:8640", Some("http://localhost:6274"), here), "a tool on this host");
        assert!(!fits_with("localhost:8640", Some("http://evil.example"), here));
        assert!(!fits_with("localhost:8640", Some("null"), here));
        let gate = "https://gate.example";
        assert!(fits_with("gate.example", Some(gate), gate));
        assert!(!fits_with("gate.example", Some("http://localhost:3000"), gate));
        assert!(!fits_with("gate.example.evil.example", None, gate));
    }
}
