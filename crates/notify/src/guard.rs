//! Where nobody should be led to: addresses of this host and of the network behind it. Names are looked up here, and what
//! is connected to is what was looked at (a name may answer otherwise a moment later).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::target::NotifyError;

/// So long the other side may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a place is not gone to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// It lies within.
    #[error("{0} leads to this host or a private network: set notify.private_addresses where that is wanted")]
    Private(String),
    /// It is not a web address.
    #[error("{0} is no http or https address")]
    NotWeb(String),
}

/// Decides where one may go.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Whether private addresses are allowed.
    pub private: bool,
}

impl Guard {
    /// Whether one may connect to this address.
    pub fn allows(self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }

    /// Checks a place as it is written. Names are looked up when it is gone to.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn check(self, place: &Url) -> Result<(), GuardError> {
        if !matches!(place.scheme(), "http" | "https") {
            return Err(GuardError::NotWeb(place.scheme().to_owned()));
        }
        let address = match place.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(GuardError::NotWeb(place.as_str().to_owned())),
        };
        match self.allows(address) {
            true => Ok(()),
            false => Err(GuardError::Private(address.to_string())),
        }
    }

    /// A client that goes nowhere else: no redirects, no proxy of the environment.
    pub(crate) fn client(self) -> Result<reqwest::Client, NotifyError> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.timeout(PATIENCE).dns_resolver(Arc::new(self)).build();
        client.map_err(|error| NotifyError::Settings(error.to_string()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|one| guard.allows(one.ip())).collect();
            match allowed.is_empty() {
                true => Err(GuardError::Private(name.as_str().to_owned()).into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is one of the open internet (IANA special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner),
            // 2000::/3 is all that is given out; 2001::/23 (protocols), documentation and 6to4 are not for us.
            None => {
                let [first, second, ..] = address.segments();
                first & 0xe000 == 0x2000
                    && !(first == 0x2001 && second < 0x0200)
                    && !(first == 0x2001 && second == 0x0db8)
            }
        },
    }
}

/// IPv4 within IPv6: mapped, 6to4 and NAT64.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0x2002, high, low, ..] => Some(of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        _ => address.to_ipv4_mapped(),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !special
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_lies_within_is_not_gone_to() {
        let guard = Guard { private: false };
        for within in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "198.18.0.1",
            "255.255.255.255",
        ] {
            assert!(!guard.allows(within.parse().unwrap()), "{within}");
        }
        for open in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(guard.allows(open.parse().unwrap()), "{open}");
        }
        for place in [
            "http://127.1/x",
            "http://0x7f000001/",
            "http://[::1]:80/",
            "http://2130706433/",
            "file:///etc/x",
            "gopher://x/",
        ] {
            assert!(guard.check(&Url::parse(place).unwrap()).is_err(), "{place}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_within_is_not_gone_to() {
        let client = Guard { private: false }.client().unwrap();
        let error = client.get("http://localhost:9/").send().await.unwrap_err();
        assert!(format!("{error:?}").contains("Private("), "{error:?}");
    }
}
