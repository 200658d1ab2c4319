//! Many questions at once (Authorization API 1.0 §7).

use countersign_evidence::json::{Object, Value};
use countersign_gate::Caller;
use futures::StreamExt;
use futures::stream;

use super::body::invalid;
use super::evaluation::evaluate;
use super::mapping::Around;
use super::question::Question;
use crate::app::App;
use crate::problem::Failure;

/// Questions in one request at most.
const MOST: usize = 100;
/// Most bytes that the defaults come to, counted once for each question: each becomes a record of its own.
const MOST_REPEATED: usize = 4 << 20;
/// Decided at the same time, where the order does not matter.
const AT_ONCE: usize = 16;

/// `options.evaluations_semantic`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn read(said: &Object) -> Result<Self, Failure> {
        let options = match said.get("options") {
            None => return Ok(Semantic::ExecuteAll),
            Some(Value::Object(options)) => options,
            Some(_) => return Err(invalid("options must be an object")),
        };
        match options.get("evaluations_semantic").map(Value::as_str) {
            None | Some(Some("execute_all")) => Ok(Semantic::ExecuteAll),
            Some(Some("deny_on_first_deny")) => Ok(Semantic::DenyOnFirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Semantic::PermitOnFirstPermit),
            Some(_) => Err(invalid(
                "options.evaluations_semantic is execute_all, deny_on_first_deny or permit_on_first_permit",
            )),
        }
    }

    /// Whether nothing more is asked after this answer.
    fn ends_with(self, allowed: bool) -> bool {
        match self {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !allowed,
            Semantic::PermitOnFirstPermit => allowed,
        }
    }
}

/// Decides them all, or up to the one that settles it. Without `evaluations` it is one question.
///
/// # Errors
/// [`Failure`] where the request as a whole is wrong. What is wrong with one of them is its own answer, and denies.
pub(crate) async fn evaluate_all(
    app: &App,
    caller: &Caller,
    around: &Around,
    said: &Object,
) -> Result<Object, Failure> {
    let questions = match said.get("evaluations") {
        None => &[],
        Some(Value::Array(questions)) => questions.as_slice(),
        Some(_) => return Err(invalid("evaluations must be an array")),
    };
    if questions.is_empty() {
        return evaluate(app, caller, around, &Question::read(said).map_err(invalid)?).await;
    }
    if questions.len() > MOST {
        return Err(invalid(format!(
            "{} evaluations are over the limit of {MOST}: send fewer at a time",
            questions.len()
        )));
    }
    let repeated = defaults_len(said) * questions.len();
    if repeated > MOST_REPEATED {
        return Err(invalid(format!(
            "what all evaluations share has {repeated} bytes together, over the limit of {MOST_REPEATED}: send fewer at a time"
        )));
    }
    let semantic = Semantic::read(said)?;
    caller.must_act()?;
    let each: Vec<_> = questions.iter().map(|question| one(app, caller, around, question, said)).collect();
    let each = stream::iter(each);
    let mut answers = Vec::with_capacity(questions.len());
    let mut decided = match semantic {
        Semantic::ExecuteAll => each.buffered(AT_ONCE).left_stream(),
        // What comes after the one that settles it must not happen.
        _ => each.buffered(1).right_stream(),
    };
    while let Some(answer) = decided.next().await {
        let allowed = answer.get("decision").and_then(Value::as_bool) == Some(true);
        answers.push(Value::Object(answer));
        if semantic.ends_with(allowed) {
            break;
        }
    }
    Ok(Object::from_iter([("evaluations", answers)]))
}

fn defaults_len(said: &Object) -> usize {
    let defaults = ["subject", "action", "resource", "context"].into_iter().filter_map(|name| said.get(name));
    defaults.map(|default| default.to_canonical().len()).sum()
}

/// One of many. An error denies, and says why.
async fn one(app: &App, caller: &Caller, around: &Around, said: &Value, defaults: &Object) -> Object {
    let question = Question::read_with_defaults(said, defaults).map_err(invalid);
    let answered = match question {
        Ok(question) => evaluate(app, caller, around, &question).await.map_err(Failure::into_bad_request),
        Err(failure) => Err(failure),
    };
    answered.unwrap_or_else(|failure| {
        let problem = failure.problem();
        let mut error = Object::new();
        error.insert("status", u32::from(problem.status));
        error.insert("message", problem.detail.as_str());
        let mut denied = Object::new();
        denied.insert("decision", false);
        denied.insert("context", Object::from_iter([("error", error)]));
        denied
    })
}
