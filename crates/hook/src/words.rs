//! What the model is told when its call does not run.

use countersign_client::ClientError;
use countersign_client::wire::{ActionView, State};

/// The action ended without permission.
pub(crate) fn ended(view: &ActionView) -> String {
    match view.state {
        State::Denied | State::Closed if !view.message.is_empty() => view.message.clone(),
        State::Denied => "This call was denied. Do not retry it.".to_owned(),
        State::Closed => "This call was given up, and not executed.".to_owned(),
        _ => "This call was executed before; it is not executed again.".to_owned(),
    }
}

/// People have not decided yet.
pub(crate) fn pending(view: &ActionView) -> String {
    let groups = view.review.as_ref().map(|review| review.groups.as_slice()).unwrap_or_default();
    let groups: Vec<String> = groups.iter().map(|group| format!("#{group}")).collect();
    let whom = if groups.is_empty() { "its reviewers".to_owned() } else { groups.join(", ") };
    format!(
        "Approval {} is pending with {whom}. Call the same tool again with identical input after it is approved.",
        view.action
    )
}

/// The gate gave no permission: it could not be asked, or refused to be.
pub(crate) fn refused(error: &ClientError) -> String {
    match error {
        ClientError::Refused(problem) => {
            let what = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
            format!("This call was refused and not executed: {what}")
        }
        error => format!(
            "This call was not executed: the gate that must authorize it gives no usable answer ({error}). Try again later, \
             or tell the user."
        ),
    }
}

/// What was authorized cannot be passed on.
pub(crate) fn unusable(why: &str) -> String {
    format!("This call was not executed: {why}.")
}
