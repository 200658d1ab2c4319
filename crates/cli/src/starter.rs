//! The starter policy, as it lies in `policies/starter`.

macro_rules! starter {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/starter/", $path)))),*]
    };
}

/// Path within the policy folder, and text.
pub(crate) const STARTER: &[(&str, &str)] = starter![
    "README.md",
    "entities.json",
    "files.cedar",
    "limits.cedar",
    "money.cedar",
    "outbound.cedar",
    "reads.cedar",
    "risk/points.cedar",
    "tests/files.yaml",
    "tests/money.yaml",
    "tests/outbound.yaml",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::path::Path;

    use countersign_policy::{PolicySet, PolicyText, run_tests};

    use super::*;

    #[test]
    fn it_is_the_whole_folder_and_passes_its_own_tests() {
        let folder = PolicyText::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/starter")).unwrap();
        let embedded = STARTER.iter().filter(|(path, _)| !path.ends_with(".md"));
        let embedded: BTreeMap<String, String> =
            embedded.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        assert_eq!(folder.0.keys().collect::<Vec<_>>(), embedded.keys().collect::<Vec<_>>());
        let outcomes = run_tests(&PolicySet::from_text(PolicyText(embedded)).unwrap());
        assert!(!outcomes.is_empty() && outcomes.iter().all(countersign_policy::TestOutcome::passed), "{outcomes:?}");
    }
}
