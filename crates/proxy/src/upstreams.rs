//! Which upstreams there are, from a TOML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use countersign_evidence::id::is_identifier;
use countersign_evidence::record::Category;
use countersign_http::credential;
use serde::Deserialize;
use url::Url;

use crate::route::Route;

/// The upstreams by name.
#[derive(Debug, Default)]
pub struct Upstreams(pub(crate) BTreeMap<String, Upstream>);

/// One API behind the gateway.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    /// Without a slash at the end.
    pub(crate) base: Url,
    /// What the gateway adds to each request; the agent never sees it.
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
    /// Headers that are part of what is judged, besides the content type.
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) routes: Vec<Route>,
    /// Safe methods go by without a decision.
    pub(crate) reads_pass: bool,
    /// The agent of requests that name none.
    pub(crate) agent: String,
    pub(crate) timeout: Duration,
    pub(crate) hold: Duration,
}

/// Why the file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamsError {
    /// It does not read.
    #[error("the upstreams' file does not read: {0}")]
    Form(String),
    /// Some make no sense: for each its name, what is wrong, and what to write.
    #[error("{}", .0.join("\n"))]
    Upstreams(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    upstream: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    base: String,
    credential_file: Option<PathBuf>,
    #[serde(default = "authorization")]
    credential_header: String,
    #[serde(default = "bearer")]
    credential_prefix: String,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    reads: Reads,
    #[serde(default = "usual_agent")]
    agent: String,
    #[serde(default = "half_a_minute")]
    timeout_s: u64,
    #[serde(default = "a_minute")]
    hold_s: u64,
    #[serde(default)]
    route: Vec<Rule>,
}

#[derive(Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Reads {
    /// Decided and recorded like everything else.
    #[default]
    Record,
    /// Sent on without a decision and without a record.
    Pass,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    method: String,
    path: String,
    tool: String,
    category: Category,
    resource_type: Option<String>,
    resource: Option<String>,
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer ".to_owned()
}

fn usual_agent() -> String {
    "http".to_owned()
}

fn half_a_minute() -> u64 {
    30
}

fn a_minute() -> u64 {
    60
}

/// Headers that the gateway itself has a say in: no upstream asks for them.
const OURS: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Upstreams {
    /// Reads the file's text. `secret` reads a file that it names: its text without the line end.
    ///
    /// # Errors
    /// [`UpstreamsError`], naming what to change.
    pub fn parse(text: &str, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Self, UpstreamsError> {
        let file: File = toml::from_str(text).map_err(|error| UpstreamsError::Form(error.to_string()))?;
        let (mut upstreams, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, entry) in file.upstream {
            match entry.upstream(&name, &secret) {
                Ok(upstream) => drop(upstreams.insert(name, upstream)),
                Err(what) => problems.push(format!("upstream {name}: {what}")),
            }
        }
        if problems.is_empty() { Ok(Upstreams(upstreams)) } else { Err(UpstreamsError::Upstreams(problems)) }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Entry {
    fn upstream(self, name: &str, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Upstream, String> {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one));
        if !plain(name) || !is_identifier(&self.agent) {
            return Err("a name has letters, digits, - and _; an agent's id has no spaces".to_owned());
        }
        let base = Url::parse(&self.base).map_err(|error| format!("base {:?}: {error}", self.base))?;
        let fits = matches!(base.scheme(), "http" | "https")
            && base.host_str().is_some()
            && base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !fits {
            return Err("base is http:// or https:// with host and path, and nothing else".to_owned());
        }
        let credential = match &self.credential_file {
            None => None,
            Some(file) => {
                let shown = credential(&self.credential_header, &self.credential_prefix, &secret(file)?);
                Some(shown.map_err(|error| error.to_string())?)
            }
        };
        let mut headers = Vec::new();
        for text in &self.headers {
            let named: HeaderName = text.to_ascii_lowercase().parse().map_err(|_| format!("{text:?} is no header"))?;
            let injected = credential.as_ref().is_some_and(|(name, _)| *name == named);
            if OURS.contains(&named.as_str()) || named.as_str().starts_with("x-countersign-") || injected {
                return Err(format!("headers: {text:?} is the gateway's own matter"));
            }
            headers.push(named);
        }
        let routes = self.route.into_iter().map(Rule::route).collect::<Result<_, _>>()?;
        if !(1..=3_600).contains(&self.timeout_s) || self.hold_s > 3_600 {
            return Err("timeout_s is 1 to 3600, hold_s at most 3600".to_owned());
        }
        Ok(Upstream {
            name: name.to_owned(),
            base,
            credential,
            headers,
            routes,
            reads_pass: self.reads == Reads::Pass,
            agent: self.agent,
            timeout: Duration::from_secs(self.timeout_s),
            hold: Duration::from_secs(self.hold_s),
        })
    }
}

impl Rule {
    fn route(self) -> Result<Route, String> {
        if !is_identifier(&self.tool) || self.resource_type.as_deref().is_some_and(|kind| !is_identifier(kind)) {
            return Err(format!("tool {:?}: tools and types of resources are written without spaces", self.tool));
        }
        let resource = match (self.resource_type, self.resource) {
            (Some(kind), Some(place)) => Some((kind, place)),
            (None, None) => None,
            _ => return Err(format!("tool {:?}: resource_type and resource go together", self.tool)),
        };
        Route::new(&self.method, &self.path, &self.tool, self.category, resource)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Upstreams, UpstreamsError> {
        Upstreams::parse(text, |_| Ok("s3cret".to_owned()))
    }

    #[test]
    fn a_file_reads() {
        let upstreams = parse(
            r#"
            [upstream.shop]
            base = "https://api.shop.example/v2"
            credential_file = "shop.token"
            headers = ["Shop-Version"]
            [[upstream.shop.route]]
            method = "POST"
            path = "/refunds/{charge}"
            tool = "refund"
            category = "payment"
            resource_type = "charge"
            resource = "{charge}"
            "#,
        )
        .unwrap();
        let shop = upstreams.0.get("shop").unwrap();
        let (name, value) = shop.credential.as_ref().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer s3cret"));
        assert_eq!((shop.routes.len(), shop.reads_pass), (1, false));
        assert!(!format!("{shop:?}").contains("s3cret"), "no secret in a log");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, told) in [
            ("[upstream.a]\nbase = \"ftp://x\"", "base is http"),
            ("[upstream.a]\nbase = \"https://u:p@x\"", "base is http"),
            ("[upstream.a]\nbase = \"https://x?y\"", "base is http"),
            ("[upstream.\"a b\"]\nbase = \"https://x\"", "a name has letters"),
            ("[upstream.a]\nbase = \"https://x\"\nheaders = [\"Host\"]", "own matter"),
            ("[upstream.a]\nbase = \"https://x\"\nheaders = [\"x y\"]", "no header"),
            ("[upstream.a]\nbase = \"https://x\"\ntimeout_s = 0", "timeout_s"),
            ("[upstream.a]\nbase = \"https://x\"\nbsae = 1", "does not read"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
