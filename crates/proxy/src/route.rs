//! Which tool a request is: method and path against the routes of its upstream.

use std::collections::BTreeMap;

use countersign_evidence::record::Category;

/// One route: requests of this method whose path fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: String,
    segments: Vec<Segment>,
    /// Anything may follow.
    open_ended: bool,
    pub(crate) tool: String,
    pub(crate) category: Category,
    /// Type of the resource, and where its id stands: `{name}` of the path, or a JSON Pointer into the payload.
    pub(crate) resource: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Is(String),
    Any(String),
}

impl Route {
    /// `path` is a template such as `/v1/charges/{charge}/refunds` or `/v1/files/*`.
    pub(crate) fn new(
        method: &str,
        path: &str,
        tool: &str,
        category: Category,
        resource: Option<(String, String)>,
    ) -> Result<Self, String> {
        let rest = path.strip_prefix('/').ok_or_else(|| format!("the path {path:?} begins with a slash"))?;
        let (rest, open_ended) = match rest.strip_suffix('*') {
            Some(rest) => (rest.trim_end_matches('/'), true),
            None => (rest, false),
        };
        let mut segments = Vec::new();
        for part in rest.split('/').filter(|_| !rest.is_empty()) {
            segments.push(match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) if !name.is_empty() => Segment::Any(name.to_owned()),
                Some(_) => return Err(format!("a variable part of {path:?} has no name")),
                None if part.contains(['{', '}', '*']) || part.is_empty() => {
                    return Err(format!("{path:?}: a part is a text, {{name}}, or * at the end"));
                }
                None => Segment::Is(part.to_owned()),
            });
        }
        if let Some((_, place)) = &resource {
            match place.strip_prefix('{').and_then(|place| place.strip_suffix('}')) {
                Some(name) if segments.iter().any(|part| matches!(part, Segment::Any(known) if known == name)) => {}
                Some(_) => return Err(format!("resource {place:?}: the path {path:?} has no such part")),
                None if place.starts_with('/') => {}
                None => {
                    return Err(format!(
                        "resource {place:?}: name a part of the path, {{name}}, or point into the payload, /body/…"
                    ));
                }
            }
        }
        let (method, tool) = (method.to_ascii_uppercase(), tool.to_owned());
        Ok(Route { method, segments, open_ended, tool, category, resource })
    }

    /// The variable parts, where the request is of this route.
    pub(crate) fn fits(&self, method: &str, segments: &[String]) -> Option<BTreeMap<String, String>> {
        let enough = match self.open_ended {
            true => segments.len() >= self.segments.len(),
            false => segments.len() == self.segments.len(),
        };
        if self.method != method || !enough {
            return None;
        }
        let mut named = BTreeMap::new();
        for (wanted, given) in self.segments.iter().zip(segments) {
            match wanted {
                Segment::Is(text) if text == given => {}
                Segment::Is(_) => return None,
                Segment::Any(name) => drop(named.insert(name.clone(), given.clone())),
            }
        }
        Some(named)
    }
}

/// What a method does where no route says more.
pub(crate) fn category_of(method: &str) -> Category {
    match method {
        "GET" | "HEAD" | "OPTIONS" => Category::Read,
        "DELETE" => Category::Delete,
        _ => Category::Write,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn route(path: &str) -> Route {
        Route::new("post", path, "t", Category::Write, None).unwrap()
    }

    fn parts(path: &str) -> Vec<String> {
        path.split('/').skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn paths_fit_their_templates() {
        let fits = |template: &str, path: &str| route(template).fits("POST", &parts(path));
        assert!(fits("/v1/refunds", "/v1/refunds").is_some());
        assert!(fits("/v1/refunds", "/v1/refunds/1").is_none());
        assert!(fits("/v1/refunds", "/v1").is_none());
        assert_eq!(fits("/v1/{id}/x", "/v1/7/x").unwrap().get("id").map(String::as_str), Some("7"));
        assert!(fits("/v1/{id}/x", "/v1/7/y").is_none());
        for path in ["/v1", "/v1/a", "/v1/a/b"] {
            assert!(fits("/v1/*", path).is_some(), "{path}");
        }
        assert!(fits("/*", "/anything/at/all").is_some());
        assert!(route("/v1").fits("GET", &parts("/v1")).is_none(), "another method");
    }

    #[test]
    fn templates_that_make_no_sense_are_refused() {
        for path in ["v1", "/v1/{}", "/v1/a*b", "/v1//x", "/a{b}c", "/*/x"] {
            assert!(Route::new("POST", path, "t", Category::Write, None).is_err(), "{path}");
        }
        let of = |place: &str| Route::new("POST", "/v1/{id}", "t", Category::Write, Some(("x".into(), place.into())));
        for place in ["{idd}", "id", "{}", ""] {
            assert!(of(place).is_err(), "{place}");
        }
        assert!(of("{id}").is_ok() && of("/body/id").is_ok());
    }
}
