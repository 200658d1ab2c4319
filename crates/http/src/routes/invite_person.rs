use axum::extract::State;
use countersign_wire::InvitationView;

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// Make a link by which a person sets how it signs in
///
/// It lets one person in, once, for a day; an earlier link ends.
#[utoipa::path(post, path = "/v1/people/{person}/invite", tag = "access",
    params(("person" = Uuid, Path, description = "The person's id")),
    responses((status = 201, body = InvitationView, description = "The only time that the link is shown")))]
pub(crate) async fn invite_person(State(app): State<App>, Asker(caller): Asker, Id(person): Id) -> Answer {
    created(&app.gate().invite(&caller, person).await?)
}
