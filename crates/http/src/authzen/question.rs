//! Subject, action, resource and context of a question (Authorization API 1.0 §5), and what of them is judged and bound.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};

/// Members of a context that say nothing about what would be done: of the profile itself, or of this moment alone.
pub(crate) const PASSING: [&str; 8] =
    ["access_request", "approval", "evaluated_at", "evaluation_id", "reason", "time", "traceparent", "tracestate"];
/// The member of a context that holds what a tool is called with.
const ARGUMENTS: &str = "arguments";

/// One question, of the right form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) subject: Object,
    pub(crate) action: Object,
    pub(crate) resource: Object,
    pub(crate) context: Object,
}

/// The entities, and the members that each must have.
const ENTITIES: [(&str, &[&str]); 3] =
    [("subject", &["type", "id"]), ("action", &["name"]), ("resource", &["type", "id"])];

impl Question {
    /// Reads a question. Members that AuthZEN does not know are passed over.
    ///
    /// # Errors
    /// What is missing or of another form.
    pub(crate) fn read(said: &Object) -> Result<Self, String> {
        let [subject, action, resource] = ENTITIES.map(|(name, members)| entity(said, name, members));
        let context = match said.get("context") {
            None => Object::new(),
            Some(Value::Object(context)) => context.clone(),
            Some(_) => return Err("context must be an object".to_owned()),
        };
        Ok(Question { subject: subject?, action: action?, resource: resource?, context })
    }

    /// Reads one question of many: what it does not say, the default says. An entity is taken whole, but for what identifies it.
    ///
    /// # Errors
    /// As [`Question::read`].
    pub(crate) fn read_with_defaults(said: &Value, defaults: &Object) -> Result<Self, String> {
        let said = said.as_object().ok_or("each evaluation must be an object")?;
        let mut whole = Object::new();
        for (name, members) in ENTITIES {
            let mut own = match (said.get(name), defaults.get(name)) {
                (Some(own), _) => own.clone(),
                (None, Some(default)) => default.clone(),
                (None, None) => continue,
            };
            for member in members {
                let default = defaults.get(name).and_then(|default| default.get(member));
                if let (Some(own), Some(default)) = (own.as_object_mut().filter(|own| !own.contains(member)), default) {
                    own.insert(*member, default.clone());
                }
            }
            whole.insert(name, own);
        }
        if let Some(context) = said.get("context").or_else(|| defaults.get("context")) {
            whole.insert("context", context.clone());
        }
        Question::read(&whole)
    }

    /// Whether it is the call of an MCP tool (COAZ-MCP, default mapping).
    pub(crate) fn is_tool_call(&self) -> bool {
        text(&self.action, "name") == "tools/call" && text(&self.resource, "type") == "tool"
    }

    /// The context as far as it matters.
    pub(crate) fn lasting(&self) -> Object {
        let lasting = |(name, _): &(&str, &Value)| !PASSING.contains(name);
        self.context.iter().filter(lasting).map(|(name, value)| (name, value.clone())).collect()
    }

    /// The rest of the context, for the record. Of an approval only its name.
    pub(crate) fn passing(&self) -> Object {
        let passing = |(name, _): &(&str, &Value)| PASSING.contains(name);
        let kept = |name, value: &Value| match name {
            "approval" => value.get("id").cloned().unwrap_or_default(),
            _ => value.clone(),
        };
        self.context.iter().filter(passing).map(|(name, value)| (name, kept(name, value))).collect()
    }

    /// The gate's payload: everything that matters, and all that an approval binds. Arguments of a tool stand where the MCP
    /// gateway has them, so that the same rule reads both.
    pub(crate) fn payload(&self) -> Value {
        let mut context = self.lasting();
        let mut payload = Object::new();
        if let Some(arguments) = self.is_tool_call().then(|| context.remove(ARGUMENTS)).flatten() {
            payload.insert(ARGUMENTS, arguments);
        }
        payload.insert("subject", self.subject.clone());
        payload.insert("action", self.action.clone());
        payload.insert("resource", self.resource.clone());
        payload.insert("context", context);
        Value::Object(payload)
    }

    /// The question that has this payload.
    pub(crate) fn of_payload(payload: &Value) -> Option<Self> {
        let mut question = Question::read(payload.as_object()?).ok()?;
        if let Some(arguments) = payload.get(ARGUMENTS) {
            question.context.insert(ARGUMENTS, arguments.clone());
        }
        Some(question)
    }

    /// Who acts for the subject (RFC 8693 §4.1).
    pub(crate) fn act(&self) -> Option<&Value> {
        self.subject.get("properties")?.get("act")
    }

    /// `binding_hash` of the profile: subject without its actor, resource, action, and these members of the context. Numbers
    /// are written exactly, so beyond what a double holds the hash is not that of RFC 8785; nobody but this gate reads it.
    pub(crate) fn binding_hash(&self, members: &[String]) -> Digest {
        let mut subject = self.subject.clone();
        if let Some(properties) = subject.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("act");
        }
        let bound = |(name, _): &(&str, &Value)| members.iter().any(|member| member == name);
        let context: Object = self.context.iter().filter(bound).map(|(name, value)| (name, value.clone())).collect();
        let all = Object::from_iter([
            ("subject", subject),
            ("resource", self.resource.clone()),
            ("action", self.action.clone()),
            ("context", context),
        ]);
        Digest::of(Value::Object(all).to_canonical().as_bytes())
    }

    /// Names of the context's members that matter: `binding_context_members`.
    pub(crate) fn bound_members(&self) -> Vec<String> {
        self.lasting().iter().map(|(name, _)| name.to_owned()).collect()
    }
}

fn entity(said: &Object, name: &str, members: &[&str]) -> Result<Object, String> {
    let found = said.get(name).ok_or_else(|| format!("{name} is missing"))?;
    let object = found.as_object().ok_or_else(|| format!("{name} must be an object"))?;
    for member in members {
        match object.get(member).map(Value::as_str) {
            Some(Some(text)) if !text.is_empty() => {}
            Some(Some(_)) => return Err(format!("{name}.{member} is empty")),
            Some(None) => return Err(format!("{name}.{member} must be a text")),
            None => return Err(format!("{name}.{member} is missing")),
        }
    }
    match object.get("properties") {
        None | Some(Value::Object(_)) => Ok(object.clone()),
        Some(_) => Err(format!("{name}.properties must be an object")),
    }
}

/// A member that was checked to be a text.
pub(crate) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_evidence::json::{Limits, parse};

    use super::*;

    fn object(text: &str) -> Object {
        parse(text.as_bytes(), Limits::default()).unwrap().as_object().unwrap().clone()
    }

    const CALL: &str = r#"{"subject":{"type":"user","id":"ada","properties":{"act":{"sub":"bot"},"role":"clerk"}},
        "action":{"name":"tools/call"},"resource":{"type":"tool","id":"refund","properties":{"server":"shop"}},
        "context":{"arguments":{"amount":5},"agent":"bot","time":"now","reason":"x","approval":{"id":"apr_1","state":"s"}}}"#;

    #[test]
    fn the_payload_is_what_matters_and_nothing_else() {
        let question = Question::read(&object(CALL)).unwrap();
        assert_eq!(
            question.payload().to_canonical(),
            r#"{"action":{"name":"tools/call"},"arguments":{"amount":5},"context":{"agent":"bot"},"resource":{"id":"refund","properties":{"server":"shop"},"type":"tool"},"subject":{"id":"ada","properties":{"act":{"sub":"bot"},"role":"clerk"},"type":"user"}}"#
        );
        assert_eq!(
            Value::Object(question.passing()).to_canonical(),
            r#"{"approval":"apr_1","reason":"x","time":"now"}"#
        );
        assert_eq!(question.bound_members(), ["agent", "arguments"]);
        let again = Question::of_payload(&question.payload()).unwrap();
        assert_eq!((again.payload(), again.lasting()), (question.payload(), question.lasting()));
    }

    #[test]
    fn the_binding_hash_is_that_of_the_profile() {
        let question = Question::read(&object(CALL)).unwrap();
        let by_hand = r#"{"action":{"name":"tools/call"},"context":{"agent":"bot","arguments":{"amount":5}},"resource":{"id":"refund","properties":{"server":"shop"},"type":"tool"},"subject":{"id":"ada","properties":{"role":"clerk"},"type":"user"}}"#;
        assert_eq!(question.binding_hash(&question.bound_members()), Digest::of(by_hand.as_bytes()));
        let with = |from: &str, to: &str| Question::read(&object(&CALL.replacen(from, to, 1))).unwrap();
        let hash = |question: &Question| question.binding_hash(&["agent".to_owned(), "arguments".to_owned()]);
        for same in [r#""sub":"bot""#, r#""time":"now""#].map(|from| with(from, &from.replace("o", "0"))) {
            assert_eq!(hash(&same), hash(&question), "{same:?}");
        }
        for (from, to) in [
            ("ada", "eve"),
            ("clerk", "chief"),
            ("tools/call", "tools/list"),
            (r#""id":"refund""#, r#""id":"pay""#),
            ("shop", "bank"),
            (r#""amount":5"#, r#""amount":50"#),
            (r#""agent":"bot","#, ""),
            (r#""agent":"bot""#, r#""agent":null"#),
        ] {
            assert_ne!(hash(&with(from, to)), hash(&question), "{from}");
        }
    }

    #[test]
    fn defaults_fill_what_is_not_said() {
        let defaults = object(
            r#"{"subject":{"type":"user","id":"ada"},"resource":{"type":"record","properties":{"status":"old"}},"context":{"a":1}}"#,
        );
        let said = Value::Object(object(r#"{"action":{"name":"read"},"resource":{"id":"1"}}"#));
        let question = Question::read_with_defaults(&said, &defaults).unwrap();
        assert_eq!(Value::Object(question.resource).to_canonical(), r#"{"id":"1","type":"record"}"#);
        assert_eq!((text(&question.subject, "id"), question.context.len()), ("ada", 1));
        let own = Value::Object(object(r#"{"action":{"name":"read"},"resource":{"id":"1"},"context":{"b":2}}"#));
        let question = Question::read_with_defaults(&own, &defaults).unwrap();
        assert_eq!(Value::Object(question.context).to_canonical(), r#"{"b":2}"#);
        assert_eq!(
            Question::read_with_defaults(&Value::Null, &defaults).unwrap_err(),
            "each evaluation must be an object"
        );
        let nothing = Value::Object(Object::new());
        assert_eq!(Question::read_with_defaults(&nothing, &defaults).unwrap_err(), "action is missing");
    }

    #[test]
    fn another_form_is_refused_with_the_member_s_name() {
        for (from, to, why) in [
            (r#""subject""#, r#""subjekt""#, "subject is missing"),
            (r#""name":"tools/call""#, r#""name":7"#, "action.name must be a text"),
            (r#""id":"refund""#, r#""id":"""#, "resource.id is empty"),
            (r#""type":"user","#, "", "subject.type is missing"),
            (r#"{"name":"tools/call"}"#, r#""tools/call""#, "action must be an object"),
            (r#"{"server":"shop"}"#, r#""shop""#, "resource.properties must be an object"),
        ] {
            assert_eq!(Question::read(&object(&CALL.replacen(from, to, 1))).unwrap_err(), why);
        }
        assert!(Question::read(&object(&CALL.replacen(r#""context":{"#, r#""context":7,"x":{"#, 1))).is_err());
    }
}
