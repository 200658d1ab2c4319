//! Signed answers: what is stated, and whether a passkey of the reviewer signs it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Assertion, Meaning, Statement};
use countersign_evidence::seal::Sealer;
use countersign_wire::{DecideRequest, StatementView};
use uuid::Uuid;

use crate::caller::{Caller, Person};
use crate::draft::payload_label;
use crate::error::GateError;
use crate::gate::{Gate, may_see};
use crate::open_action::OpenAction;

impl Gate {
    /// What a signed answer will state, for a passkey to sign. Nothing is recorded.
    ///
    /// # Errors
    /// [`GateError::NotFound`], [`GateError::NotAReviewer`], [`GateError::BadSignature`] where the reviewer has no passkey.
    pub fn statement(
        &self,
        caller: &Caller,
        action: Uuid,
        request: &DecideRequest,
    ) -> Result<StatementView, GateError> {
        self.reviewer(caller, request.on_behalf_of)?;
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        may_see(caller, &open)?;
        let person = signer(caller)?;
        let statement = statement(&open, request)?;
        let host = countersign_passkey::host_of(self.public_url());
        let host = host.ok_or_else(|| bad("public_url cannot carry passkeys"))?;
        Ok(StatementView {
            text: statement.text(),
            challenge: URL_SAFE_NO_PAD.encode(statement.challenge().0),
            rp_id: host.to_owned(),
            credentials: person.passkeys.iter().map(|one| URL_SAFE_NO_PAD.encode(&one.credential)).collect(),
        })
    }

    /// The assertion to be sealed with an answer that is signed. Checked before anything is recorded.
    pub(super) fn signed(
        &self,
        caller: &Caller,
        open: &OpenAction,
        request: &DecideRequest,
    ) -> Result<Option<Assertion>, GateError> {
        let Some(given) = &request.signature else { return Ok(None) };
        let person = signer(caller)?;
        let credential = URL_SAFE_NO_PAD.decode(&given.credential).map_err(|_| bad("its credential does not read"))?;
        let passkey = person.passkeys.iter().find(|one| one.credential == credential);
        let passkey = passkey.ok_or_else(|| bad("that passkey is not one of yours"))?;
        let assertion = Assertion {
            credential: given.credential.clone(),
            public_key: passkey.public_key.clone(),
            authenticator_data: given.authenticator_data.clone(),
            client_data: given.client_data.clone(),
            signature: given.signature.clone(),
        };
        let checked = countersign_passkey::check_at(self.public_url(), &statement(open, request)?, &assertion);
        checked.map_err(|error| bad(&error.to_string()))?;
        Ok(Some(assertion))
    }
}

fn signer(caller: &Caller) -> Result<&Person, GateError> {
    let person = caller.person.as_ref().filter(|person| !person.passkeys.is_empty());
    person.ok_or_else(|| bad("you have no passkey yet: add one to your account"))
}

fn bad(why: &str) -> GateError {
    GateError::BadSignature(why.to_owned())
}

/// What this answer to this review states. The payload is the one in question, or the edited one as it will be sealed.
fn statement(open: &OpenAction, request: &DecideRequest) -> Result<Statement, GateError> {
    let presentation = request.presentation_digest.ok_or_else(|| bad("say which presentation it is about"))?;
    Ok(Statement {
        action: open.id(),
        payload: match &request.payload {
            None => open.action.payload(),
            Some(payload) => sealed_as_next(open, payload),
        },
        presentation,
        verdict: request.verdict,
        meaning: Meaning::of(request.verdict, request.payload.is_some()),
        policy: policy_of(open),
    })
}

fn sealed_as_next(open: &OpenAction, payload: &Value) -> countersign_evidence::digest::Digest {
    let label = payload_label(open.action.payload_version() + 1);
    Sealer::new(&open.key).digest(&label, "payload", payload)
}

/// Version of the policy that asks.
pub(super) fn policy_of(open: &OpenAction) -> String {
    open.action.decided.as_ref().map(|decided| decided.policy_set.version.clone()).unwrap_or_default()
}
