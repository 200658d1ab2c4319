//! The description and the routes are the same thing.

use std::collections::BTreeSet;
use std::path::Path;

use countersign_evidence::json::{self, Limits, Value};
use countersign_http::{Access, openapi, route_table};

fn description() -> Value {
    json::parse(openapi().as_bytes(), Limits::default()).unwrap()
}

fn operation<'a>(description: &'a Value, path: &str, method: &str) -> Option<&'a Value> {
    description.get("paths")?.get(&path.replace("{*", "{"))?.get(&method.to_lowercase())
}

#[test]
fn the_committed_description_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let again = "cargo run -p countersign-http --example openapi > docs/openapi.json";
    assert!(committed == openapi(), "docs/openapi.json is not what the code describes; run: {again}");
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, item) in description.get("paths").unwrap().as_object().unwrap().iter() {
        described.extend(item.as_object().unwrap().iter().map(|(method, _)| format!("{method} {path}")));
    }
    let routed = route_table()
        .into_iter()
        .map(|route| format!("{} {}", route.method.as_str().to_lowercase(), route.path.replace("{*", "{")));
    assert_eq!(described, routed.collect());
}

#[test]
fn what_is_described_is_what_the_table_says() {
    let description = description();
    for route in route_table() {
        let operation = operation(&description, route.path, route.method.as_str()).unwrap();
        let secured = operation.get("security").is_some();
        assert_eq!(secured, route.access == Access::Key, "{}", route.path);
        let parameters = operation.get("parameters").and_then(Value::as_array).unwrap_or_default();
        let of = |place: &str| parameters.iter().filter(|one| one.get("in").unwrap().as_str() == Some(place)).count();
        assert_eq!(of("query") > 0, route.query, "{}", route.path);
        assert_eq!(of("path"), route.path.matches('{').count(), "{}", route.path);
        assert!(operation.get("responses").unwrap().get("default").is_some(), "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let description = description();
    let schemas = description.get("components").unwrap().get("schemas").unwrap();
    let mut stack = vec![&description];
    let mut seen = 0;
    while let Some(value) = stack.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let name = target.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.get(name).is_some(), "{name} is not described");
            seen += 1;
        }
        stack.extend(value.as_array().unwrap_or_default());
        stack.extend(value.as_object().into_iter().flat_map(|object| object.iter().map(|(_, inner)| inner)));
    }
    assert!(seen > 30, "only {seen} references were seen");
}
