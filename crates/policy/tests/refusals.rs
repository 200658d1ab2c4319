//! A gate is never switched off by a typo: what is refused at load, and in which words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign_policy::{PolicySet, PolicyText};

const ENTITIES: &str = r#"{"review_groups": {"finance": "f", "owners": "o"}, "agent_groups": {"support": "s"},
    "sums": {"refunds": {"tools": ["p/refund"], "field": "amount", "window": "24h"}}}"#;

fn load(files: &[(&str, &str)]) -> Result<PolicySet, String> {
    let mut texts = BTreeMap::from([("entities.json".to_owned(), ENTITIES.to_owned())]);
    texts.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    PolicySet::from_text(PolicyText(texts)).map_err(|errors| errors.to_string())
}

fn refused(files: &[(&str, &str)]) -> String {
    load(files).err().unwrap_or_else(|| "LOADED".to_owned())
}

/// Each of these stands in `rules.cedar`, and each is refused.
const RULES: &[(&str, &str)] = &[
    ("no id", "permit (principal, action, resource);"),
    ("id with a space", "@id(\"a b\") permit (principal, action, resource);"),
    ("misspelt annotation", "@id(\"a\") @reveiw(\"finance\") forbid (principal, action, resource);"),
    ("capital annotation", "@id(\"a\") @Review(\"finance\") forbid (principal, action, resource);"),
    ("unknown review group", "@id(\"a\") @review(\"finanse\") forbid (principal, action, resource);"),
    ("empty review group", "@id(\"a\") @review forbid (principal, action, resource);"),
    ("review on a permit", "@id(\"a\") @review(\"finance\") permit (principal, action, resource);"),
    ("quorum without review", "@id(\"a\") @quorum(\"2\") forbid (principal, action, resource);"),
    ("quorum zero", "@id(\"a\") @review(\"finance\") @quorum(\"0\") forbid (principal, action, resource);"),
    ("quorum in words", "@id(\"a\") @review(\"finance\") @quorum(\"two\") forbid (principal, action, resource);"),
    ("expires without unit", "@id(\"a\") @review(\"finance\") @expires(\"4\") forbid (principal, action, resource);"),
    ("risk outside risk/", "@id(\"a\") @risk(\"5\") permit (principal, action, resource);"),
    ("empty message", "@id(\"a\") @message(\"\") forbid (principal, action, resource);"),
    ("not Cedar", "@id(\"a\") permit (principal, action, resource)\nwhen { context.payload.amount >> 5 };"),
    ("no end", "@id(\"a\") permit (principal, action, resource)"),
    ("template", "@id(\"a\") permit (principal == ?principal, action, resource);"),
    ("unknown action", "@id(\"a\") permit (principal, action == Action::\"wirte\", resource);"),
    ("group with ==", "@id(\"a\") permit (principal, action == Action::\"effect\", resource);"),
    ("unknown agent group", "@id(\"a\") permit (principal in AgentGroup::\"suport\", action, resource);"),
    (
        "unknown group in a condition",
        "@id(\"a\") permit (principal, action, resource) when { principal in AgentGroup::\"x\" };",
    ),
    ("unknown type", "@id(\"a\") permit (principal == Agnet::\"x\", action, resource);"),
    ("unknown type in is", "@id(\"a\") permit (principal, action, resource) when { resource is Tol };"),
    ("server with ==", "@id(\"a\") permit (principal, action, resource == Server::\"files\");"),
    ("tool without server", "@id(\"a\") permit (principal, action, resource == Tool::\"refund\");"),
    ("server with /", "@id(\"a\") permit (principal, action, resource in Server::\"a/b\");"),
    (
        "unknown context",
        "@id(\"a\") forbid (principal, action, resource) when { context.enviroment == \"production\" };",
    ),
    ("unknown context in has", "@id(\"a\") forbid (principal, action, resource) when { context has usr };"),
    (
        "unknown history",
        "@id(\"a\") forbid (principal, action, resource) when { context.history.actions_last_our > 3 };",
    ),
    ("unknown sum", "@id(\"a\") forbid (principal, action, resource) when { context.history.sums.refund > 3 };"),
    ("whole context", "@id(\"a\") forbid (principal, action, resource) when { context == {} };"),
    ("agent attribute", "@id(\"a\") forbid (principal, action, resource) when { principal.owner == \"x\" };"),
    ("tags", "@id(\"a\") forbid (principal, action, resource) when { resource.hasTag(\"x\") };"),
    (
        "deep",
        "@id(\"a\") forbid (principal, action, resource) when { ((((((((((((((((((((((((((((((((true)))))))))))))))))))))))))))))))) };",
    ),
];

#[test]
fn rules_that_are_refused() {
    let mut said = String::new();
    for (name, rule) in RULES {
        let message = refused(&[("rules.cedar", rule)]);
        assert_ne!(message, "LOADED", "{name}");
        writeln!(said, "{name}\n    {}", message.replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!(said);
}

/// Other files, and files together.
#[test]
fn files_that_are_refused() {
    let good = ("rules.cedar", "@id(\"a\") permit (principal, action, resource);");
    let amount = |op: &str| format!("permit (principal, action, resource) when {{ context.payload.amount{op} }};");
    let integers = format!("@id(\"i\") {}", amount(" > 5"));
    let decimals = format!("\n@id(\"d\") {}", amount(".greaterThan(decimal(\"5.0\"))"));
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("misspelt ending", &[good, ("more.ceder", "")]),
        ("test with another ending", &[good, ("tests/a.yml", "")]),
        ("same id twice", &[good, ("z.cedar", good.1)]),
        ("integer here, decimal there", &[("a.cedar", &integers), ("b.cedar", &decimals)]),
        ("no risk in risk/", &[("risk/a.cedar", good.1)]),
        ("risk on a forbid", &[("risk/a.cedar", "@id(\"a\") @risk(\"5\") forbid (principal, action, resource);")]),
        ("risk over 100", &[("risk/a.cedar", "@id(\"a\") @risk(\"101\") permit (principal, action, resource);")]),
        (
            "risk of risk",
            &[(
                "risk/a.cedar",
                "@id(\"a\") @risk(\"1\") permit (principal, action, resource) when { context.risk > 1 };",
            )],
        ),
        ("unknown key", &[good, ("entities.json", r#"{"review_group": {}}"#)]),
        ("key twice", &[good, ("entities.json", r#"{"agents": {}, "agents": {}}"#)]),
        (
            "agent in an unknown group",
            &[good, ("entities.json", r#"{"agent_groups": {"support": ""}, "agents": {"a": {"groups": ["suport"]}}}"#)],
        ),
        ("unknown category", &[good, ("entities.json", r#"{"tools": {"a/b": {"category": "raed"}}}"#)]),
        (
            "unreachable write",
            &[
                good,
                ("entities.json", r#"{"tools": {"a/b": {"category": "write", "on_unreachable": "allow_and_record"}}}"#),
            ],
        ),
        ("tool without server", &[good, ("entities.json", r#"{"tools": {"b": {"category": "read"}}}"#)]),
        ("window", &[good, ("entities.json", r#"{"sums": {"s": {"tools": [], "field": "a", "window": "1w"}}}"#)]),
        (
            "test with an unknown key",
            &[
                good,
                (
                    "tests/a.yaml",
                    "- name: x\n  request: { agent: a, tool: s/t, catgory: read }\n  expect: { decision: allow }\n",
                ),
            ],
        ),
        (
            "test with a key twice",
            &[
                good,
                (
                    "tests/a.yaml",
                    "- name: x\n  name: y\n  request: { agent: a, tool: s/t }\n  expect: { decision: allow }\n",
                ),
            ],
        ),
        (
            "test with an unknown decision",
            &[good, ("tests/a.yaml", "- name: x\n  request: { agent: a, tool: s/t }\n  expect: { decision: alow }\n")],
        ),
        ("not a schema", &[good, ("schema.cedarschema", "entity Agent in;")]),
        (
            "rule against the schema",
            &[
                (
                    "rules.cedar",
                    "@id(\"a\") permit (principal, action, resource) when { context.payload.amount like \"5\" };",
                ),
                ("schema.cedarschema", SCHEMA),
            ],
        ),
    ];
    let mut said = String::new();
    for (name, files) in cases {
        let message = refused(files);
        assert_ne!(message, "LOADED", "{name}");
        writeln!(said, "{name}\n    {}", message.replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!(said);
}

const SCHEMA: &str = "entity AgentGroup; entity Agent in AgentGroup; entity Server; entity Tool in Server;
    action \"any\"; action \"read\" in \"any\" appliesTo { principal: Agent, resource: Tool, context: { payload: { amount: Long } } };";

#[test]
fn a_rule_that_fits_the_schema_loads() {
    let rule = "@id(\"a\") permit (principal, action, resource) when { context.payload.amount > 5 };";
    load(&[("rules.cedar", rule), ("schema.cedarschema", SCHEMA)]).unwrap();
}

#[test]
fn every_problem_is_listed_with_its_line() {
    let text = "// one\n@id(\"a\") @reveiw(\"x\") forbid (principal, action, resource);\n\n\
        @id(\"b\")\npermit (principal, action == Action::\"raed\", resource);\n";
    let said = refused(&[("rules.cedar", text), ("zzz.cedar", "permit")]);
    assert!(said.contains("rules.cedar:2: unknown annotation @reveiw (did you mean \"review\"?)"), "{said}");
    assert!(said.contains("rules.cedar:4: unknown action \"raed\" (did you mean \"read\"?)"), "{said}");
    assert!(said.contains("zzz.cedar:1:"), "{said}");
}

#[test]
fn folders_are_read_within_limits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("rules.cedar", "@id(\"a\") permit (principal, action, resource);");
    write("notes.md", "not part of the set");
    write(".hidden", "neither");
    let set = PolicySet::load_dir(folder.path()).unwrap();
    assert_eq!(set.text().0.keys().collect::<Vec<_>>(), ["rules.cedar"]);
    write("big.cedar", &" ".repeat(256 * 1024 + 1));
    let said = PolicySet::load_dir(folder.path()).unwrap_err().to_string();
    assert!(said.contains("big.cedar: more than 262144 bytes"), "{said}");
    std::fs::remove_file(folder.path().join("big.cedar")).unwrap();
    write("rules.cedr", "");
    assert!(PolicySet::load_dir(folder.path()).is_err());
    assert!(PolicySet::load_dir(&folder.path().join("missing")).is_err());
}

#[test]
fn review_groups_are_bounded() {
    let entities = |count: usize| {
        let groups: Vec<String> = (0..count).map(|n| format!("\"g{n}\": \"\"")).collect();
        format!("{{\"review_groups\": {{{}}}}}", groups.join(", "))
    };
    assert!(load(&[("entities.json", &entities(128))]).is_ok());
    let refused = refused(&[("entities.json", &entities(129))]);
    assert!(refused.contains("more than 128 review groups"), "{refused}");
}

/// Frozen: the digest names a version in records. SHA-256 of the canonical JSON, computed elsewhere.
#[test]
fn the_digest_is_that_of_the_canonical_json() {
    let files = [("a.cedar", "// \u{e9}\n"), ("risk/b.cedar", "")];
    let text = PolicyText(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    assert_eq!(text.digest(), "L4Uau_J_XMjrLaZ-Sx1Dv3PiatG0gFAEGrqI6VpSbmY");
    assert_eq!(text.version(), "2f851abbf27f");
    let set = PolicySet::from_text(text).unwrap();
    assert_eq!((set.digest(), set.version()), ("L4Uau_J_XMjrLaZ-Sx1Dv3PiatG0gFAEGrqI6VpSbmY", "2f851abbf27f"));
}

#[test]
fn a_set_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<PolicySet>();
}
