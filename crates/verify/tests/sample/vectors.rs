//! The files of `docs/vectors`: what another implementation must accept, refuse and compute.

mod canonical;
mod conformance;
mod envelopes;
mod packed;
mod sealing;
mod signatures;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::json::{self, Object, Value};
use countersign_tlog::TrustFile;
use countersign_verify::{Options, verify_folder};

use super::courses::log;
use super::publish::{packed_by, prove, publish, trust_text};
use super::{Key, Writer};

const SEED: u64 = 2026;
const ACTIONS: usize = 60;

/// Path below `docs/vectors` to bytes.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files.insert("canonical.json".to_owned(), canonical::file());
    files.insert("envelopes.json".to_owned(), envelopes::file());
    files.insert("conformance.json".to_owned(), conformance::file());
    files.insert("disclosures.json".to_owned(), sealing::disclosures());
    files.insert("packed.json".to_owned(), packed::file());
    files.insert("signatures.json".to_owned(), signatures::file());
    files.insert("vault.json".to_owned(), sealing::vault());
    published(&mut files);
    files
}

fn published(files: &mut BTreeMap<String, Vec<u8>>) {
    let log = log(SEED, ACTIONS);
    let size = log.entries.len() as u64;
    let folder = publish(&log.entries, &[100, 256, size]);
    for index in [0, 7, 99, 255, 256, size - 1] {
        let proof = prove(&folder, index).to_bytes();
        files.insert(format!("proofs/{index}.tlog-proof"), proof);
        files.insert(format!("proofs/{index}.json"), log.entries[index as usize].0.clone());
    }
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let options = Options { trust: Some(&trust), keys: Some(&log.ring), ..Options::default() };
    let folder = packed_by(folder, packed::by_blocks);
    let report = verify_folder(&folder, options, &mut |_| {}).unwrap();
    files.insert("report.json".to_owned(), lines(&json::to_value(&report).unwrap()));
    files.insert("trust".to_owned(), trust_text().into_bytes());
    files.insert("keys.json".to_owned(), keys(&log));
    files.extend(folder.0.into_iter().map(|(path, bytes)| (format!("log/{path}"), bytes)));
}

/// Made-up keys, published on purpose: id to base64url.
fn keys(log: &Writer) -> Vec<u8> {
    let keys = log.ring.0.iter().map(|(id, key)| (id.to_string(), encode_key(key)));
    lines(&Value::from(keys.collect::<Object>()))
}

fn encode_key(key: &Key) -> String {
    encode(key.as_bytes())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn texts(texts: &[String]) -> Value {
    Value::from(texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>())
}

fn case<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::from(Object::from_iter(members))
}

/// A JSON file with one case per line: an object's members, or the elements of its lists.
fn lines(file: &Value) -> Vec<u8> {
    let mut out = String::from("{\n");
    let members = file.as_object().unwrap();
    for (at, (name, value)) in members.iter().enumerate() {
        out.push_str(&Value::from(name).to_canonical());
        out.push_str(": ");
        match value {
            Value::Array(cases) if !cases.is_empty() => {
                let cases: Vec<String> = cases.iter().map(Value::to_canonical).collect();
                out.push_str(&format!("[\n{}\n]", cases.join(",\n")));
            }
            value => value.write_canonical(&mut out),
        }
        out.push_str(if at + 1 < members.len() { ",\n" } else { "\n" });
    }
    out.push_str("}\n");
    out.into_bytes()
}
