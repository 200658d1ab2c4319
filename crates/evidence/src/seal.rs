//! Sealed fields: RFC 9901 disclosures with salts that one key makes, and that go when the key goes.
//!
//! `disclosure = base64url(JSON([salt, name, value]))`, `digest = base64url(SHA-256(ASCII(disclosure)))`. An object's
//! value is `{"_sd": [digests]}` of its members, so that each member opens alone.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::digest::Digest;
use crate::json::{self, Limits, Object, Value};
use crate::key::Key;

const SALT_PURPOSE: &[u8] = b"salt/v1\0";
const DIGESTS: &str = "_sd";
/// Most levels of objects within a sealed value, and of arrays within one disclosure.
const MOST_DEPTH: usize = 128;

/// Most bytes of names on the way to one member that a gate takes in.
pub const MOST_PATH: usize = 4_096;

/// Bytes of names on the longest way to a member that is sealed by itself. Each disclosure's salt takes time in its path.
pub fn longest_path(value: &Value) -> usize {
    let Value::Object(members) = value else { return 0 };
    members.iter().map(|(name, member)| name.len() + 1 + longest_path(member)).max().unwrap_or_default()
}

/// Makes disclosures under one key. The same key, label, name and value always make the same disclosure.
pub struct Sealer {
    mac: Hmac<Sha256>,
}

/// A field after sealing: the digest that the envelope holds, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Digest of the outermost disclosure.
    pub digest: Digest,
    /// All disclosures, the outermost first.
    pub disclosures: Vec<String>,
}

/// Why a disclosure is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// Not base64url of a JSON array `[salt, name, value]` in canonical form.
    #[error("a disclosure is unpadded base64url of canonical JSON [salt, name, value]: {0}")]
    Malformed(&'static str),
    /// It opens another field than the one that commits to it.
    #[error("the disclosure that opens {expected:?} says that it is {found:?}")]
    WrongName {
        /// The field's name in the envelope.
        expected: String,
        /// The name in the disclosure.
        found: String,
    },
    /// Two members of one object open under the same name.
    #[error("two disclosures of one object have the name {0:?}")]
    DuplicateMember(String),
}

/// A field as far as the given disclosures open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What is open. Members that are withheld are absent.
    pub value: Value,
    /// How many digests no disclosure opened.
    pub withheld: usize,
}

impl Sealer {
    /// A sealer under `key`.
    pub fn new(key: &Key) -> Self {
        // HMAC takes a key of any length.
        #[allow(clippy::expect_used)]
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key length fits HMAC");
        Sealer { mac }
    }

    /// Seals `value` as the field `name`. `label` is `payload/<version>` or `<record id>/<field>`
    /// (`docs/evidence-format.md` §4).
    pub fn seal(&self, label: &str, name: &str, value: &Value) -> Sealed {
        let mut disclosures = Vec::new();
        let digest = self.seal_as(label, name, value, &mut |text| disclosures.push(text.to_owned()));
        disclosures.reverse();
        Sealed { digest, disclosures }
    }

    /// Only the digest of [`Sealer::seal`].
    pub fn digest(&self, label: &str, name: &str, value: &Value) -> Digest {
        self.seal_as(label, name, value, &mut |_| {})
    }

    fn seal_as(&self, label: &str, name: &str, value: &Value, each: &mut dyn FnMut(&str)) -> Digest {
        let (label, text) = (label.to_owned(), String::with_capacity(512));
        Desk { mac: &self.mac, label, text, encoded: String::new(), each }.seal(name, value)
    }
}

/// Where disclosures are written, one above the other: an object's begins before those of its members and ends after them.
struct Desk<'a> {
    mac: &'a Hmac<Sha256>,
    /// Label of the disclosure on top.
    label: String,
    text: String,
    encoded: String,
    each: &'a mut dyn FnMut(&str),
}

impl Desk<'_> {
    fn seal(&mut self, name: &str, value: &Value) -> Digest {
        let begin = self.text.len();
        self.text.push_str("[\"");
        self.write_salt();
        self.text.push_str("\",");
        json::write_string(name, &mut self.text);
        self.text.push(',');
        match value {
            Value::Object(members) => self.write_members(members),
            value => value.write_canonical(&mut self.text),
        }
        self.text.push(']');
        self.encoded.clear();
        URL_SAFE_NO_PAD.encode_string(self.text.get(begin..).unwrap_or_default(), &mut self.encoded);
        self.text.truncate(begin);
        (self.each)(&self.encoded);
        Digest::of(self.encoded.as_bytes())
    }

    /// The first 16 bytes of HMAC-SHA256(key, "salt/v1" ‖ 0x00 ‖ label), as base64url.
    fn write_salt(&mut self) {
        let mut mac = self.mac.clone();
        mac.update(SALT_PURPOSE);
        mac.update(self.label.as_bytes());
        let salt = mac.finalize().into_bytes();
        URL_SAFE_NO_PAD.encode_string(salt.get(..16).unwrap_or_default(), &mut self.text);
    }

    fn write_members(&mut self, members: &Object) {
        let above = self.label.len();
        let mut digests = Vec::with_capacity(members.len());
        for (name, value) in members.iter() {
            self.label.push('/');
            for character in name.chars() {
                match character {
                    '~' => self.label.push_str("~0"),
                    '/' => self.label.push_str("~1"),
                    other => self.label.push(other),
                }
            }
            digests.push(self.seal(name, value).to_text());
            self.label.truncate(above);
        }
        digests.sort_unstable();
        self.text.push_str("{\"");
        self.text.push_str(DIGESTS);
        self.text.push_str("\":[");
        for (at, digest) in digests.iter().enumerate() {
            self.text.push_str(if at > 0 { ",\"" } else { "\"" });
            self.text.push_str(digest.as_str());
            self.text.push('"');
        }
        self.text.push_str("]}");
    }
}

/// Disclosures by their digests.
#[derive(Debug, Default, Clone)]
pub struct Disclosures(HashMap<Digest, String>);

impl Disclosures {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the field `name` that commits to `digest`. `None` where its disclosure is not here.
    ///
    /// # Errors
    /// [`DisclosureError`] where a disclosure that a digest names is not what it should be.
    pub fn open(&self, name: &str, digest: Digest) -> Result<Option<Opened>, DisclosureError> {
        let Some((found, value)) = self.read(digest)? else { return Ok(None) };
        if found != name {
            return Err(DisclosureError::WrongName { expected: name.to_owned(), found });
        }
        self.open_value(value, &mut HashSet::new(), 0).map(Some)
    }

    /// Each digest opens once (RFC 9901 §7.1) and no deeper than we seal: foreign disclosures can name each other so that
    /// they open into far more than their own length.
    fn open_value(&self, value: Value, seen: &mut HashSet<Digest>, depth: usize) -> Result<Opened, DisclosureError> {
        let Value::Object(object) = value else { return Ok(Opened { value, withheld: 0 }) };
        let digests = object.get(DIGESTS).and_then(Value::as_array).filter(|_| object.len() == 1);
        let digests = digests.ok_or(DisclosureError::Malformed("an object's value is {\"_sd\": [digests]}"))?;
        let (mut members, mut withheld) = (Object::new(), 0);
        for digest in digests {
            let digest = digest.as_str().and_then(|text| text.parse().ok());
            let digest = digest.ok_or(DisclosureError::Malformed("_sd holds digests"))?;
            if !seen.insert(digest) || depth >= MOST_DEPTH {
                return Err(DisclosureError::Malformed("a digest is named twice, or nested deeper than 128 levels"));
            }
            let Some((name, value)) = self.read(digest)? else {
                withheld += 1;
                continue;
            };
            let opened = self.open_value(value, seen, depth + 1)?;
            withheld += opened.withheld;
            if members.insert(name.clone(), opened.value).is_some() {
                return Err(DisclosureError::DuplicateMember(name));
            }
        }
        Ok(Opened { value: Value::Object(members), withheld })
    }

    fn read(&self, digest: Digest) -> Result<Option<(String, Value)>, DisclosureError> {
        self.0.get(&digest).map(|text| read_disclosure(text)).transpose()
    }
}

impl<S: Into<String>> Extend<S> for Disclosures {
    fn extend<I: IntoIterator<Item = S>>(&mut self, disclosures: I) {
        for text in disclosures {
            let text = text.into();
            self.0.insert(Digest::of(text.as_bytes()), text);
        }
    }
}

impl<S: Into<String>> FromIterator<S> for Disclosures {
    fn from_iter<I: IntoIterator<Item = S>>(disclosures: I) -> Self {
        let mut set = Disclosures::new();
        set.extend(disclosures);
        set
    }
}

/// Reads one disclosure: its name and its value as sealed.
///
/// # Errors
/// [`DisclosureError::Malformed`].
pub fn read_disclosure(text: &str) -> Result<(String, Value), DisclosureError> {
    let malformed = DisclosureError::Malformed;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed("not unpadded base64url"))?;
    // A payload is limited before it is sealed; the limit here only stops what we never made.
    let limits = Limits { bytes: 8 << 20, depth: MOST_DEPTH };
    let value = json::parse(&bytes, limits).map_err(|_| malformed("not strict JSON"))?;
    if !json::is_canonical(&bytes, &value) {
        return Err(malformed("not in canonical form"));
    }
    let Value::Array(items) = value else { return Err(malformed("not an array")) };
    let [Value::String(salt), Value::String(name), value] =
        <[Value; 3]>::try_from(items).map_err(|_| malformed("not three elements"))?
    else {
        return Err(malformed("salt and name are strings"));
    };
    let salt = URL_SAFE_NO_PAD.decode(salt).map_err(|_| malformed("the salt is not base64url"))?;
    if salt.len() < 16 {
        return Err(malformed("the salt is shorter than 128 bits"));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes(), Limits::default()).unwrap()
    }

    fn sealer() -> Sealer {
        Sealer::new(&Key::from_bytes([7; 32]))
    }

    #[test]
    fn all_disclosures_open_the_whole_value() {
        let payload = value(r#"{"a":{"b":[1,{"c":2}],"d/e":null,"_sd":["x"]},"amount":12.50,"":""}"#);
        let sealed = sealer().seal("payload/0", "payload", &payload);
        let opened = sealed.disclosures.iter().cloned().collect::<Disclosures>().open("payload", sealed.digest);
        assert_eq!(opened.unwrap().unwrap(), Opened { value: payload, withheld: 0 });
    }

    #[test]
    fn a_withheld_member_is_absent_and_counted() {
        let payload = value(r#"{"address":{"city":"x","street":"y"},"amount":5}"#);
        let sealed = sealer().seal("payload/0", "payload", &payload);
        let shown = sealed.disclosures.iter().filter(|text| {
            let (name, _) = read_disclosure(text).unwrap();
            name != "address"
        });
        let opened = shown.cloned().collect::<Disclosures>().open("payload", sealed.digest).unwrap().unwrap();
        assert_eq!(opened, Opened { value: value(r#"{"amount":5}"#), withheld: 1 });
    }

    #[test]
    fn digests_are_equal_exactly_when_label_and_value_are() {
        let sealer = sealer();
        let digest = |label, text| sealer.digest(label, "payload", &value(text));
        assert_eq!(digest("payload/0", r#"{"a":1,"b":2}"#), digest("payload/0", r#"{"b":2.0,"a":1e0}"#));
        assert_ne!(digest("payload/0", r#"{"a":1}"#), digest("payload/0", r#"{"a":2}"#));
        assert_ne!(digest("payload/0", r#"{"a":1}"#), digest("payload/1", r#"{"a":1}"#));
        assert_ne!(digest("payload/0", r#"{"a":{"b":1}}"#), digest("payload/0", r#"{"a/b":1}"#));
    }

    #[test]
    fn a_disclosure_under_another_name_is_refused() {
        let sealed = sealer().seal("payload/0", "payload", &value("1"));
        let set: Disclosures = sealed.disclosures.into_iter().collect();
        assert!(matches!(set.open("response", sealed.digest), Err(DisclosureError::WrongName { .. })));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        for json in [
            "[]",
            r#"["AAAAAAAAAAAAAAAAAAAAAA","n"]"#,
            r#"["AAAA","n",1]"#,
            r#"["AAAAAAAAAAAAAAAAAAAAAA", "n",1]"#,
            "{}",
        ] {
            assert!(read_disclosure(&URL_SAFE_NO_PAD.encode(json)).is_err(), "{json}");
        }
        assert!(read_disclosure("****").is_err());
    }
}
