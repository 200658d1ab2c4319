use axum::extract::State;
use countersign_wire::Ended;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// End all access of a person
///
/// Its keys, sessions and ways to sign in have stopped working when this answers; its decisions stay.
#[utoipa::path(post, path = "/v1/people/{person}/end", tag = "access",
    params(("person" = Uuid, Path, description = "The person's id")),
    responses((status = 200, body = Ended, description = "Ended")))]
pub(crate) async fn end_person(State(app): State<App>, Asker(caller): Asker, Id(person): Id) -> Answer {
    app.gate().end_person(&caller, person).await?;
    ok(&Ended { ended: person })
}
