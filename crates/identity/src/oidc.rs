//! OpenID Connect Core 1.0: the authorization code flow with PKCE (RFC 7636). The provider is discovered, its ID token is
//! checked (issuer, audience, nonce, signature, expiry), and claims that it does not hold are asked for at its user-info
//! endpoint.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::key::Random;
use countersign_evidence::time::{Clock, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, SubjectIdentifier,
    TokenResponse, UserInfoClaims,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// So long the provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Microseconds for which its metadata and keys are kept.
const KEPT: i64 = 300 * 1_000_000;
/// Most groups that are read of one account.
const MOST_GROUPS: usize = 1_000;

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The settings do not work.
    #[error("the OpenID Connect settings do not work: {0}")]
    Settings(String),
    /// The provider cannot be reached, or says nothing sensible.
    #[error("the sign-in provider {issuer} does not answer as it should: {why}")]
    Provider {
        /// Which.
        issuer: String,
        /// What happened.
        why: String,
    },
    /// The provider's answer does not hold.
    #[error("the sign-in provider's answer is not accepted: {0}")]
    Refused(String),
}

/// A provider of accounts, as the deployment names it.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// What people know it as.
    pub name: String,
    /// Its issuer URL, exactly as it writes it.
    pub issuer: String,
    /// The name by which it knows this deployment.
    pub client_id: String,
    /// The secret that goes with it; none for a public client.
    pub client_secret: Option<String>,
    /// Where it sends people back to.
    pub redirect: String,
    /// The claim that lists groups.
    pub groups_claim: String,
}

/// What an account's owner has proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Who vouches for it.
    pub issuer: String,
    /// The account as the provider knows it for good.
    pub subject: String,
    /// The name to show.
    pub name: Option<String>,
    /// The address, where the provider has verified it.
    pub email: Option<String>,
    /// The groups that it lists; `None` where it says nothing of groups.
    pub groups: Option<Vec<String>>,
    /// Whether more than one factor was asked for (`amr` holds `mfa`, RFC 8176).
    pub multi_factor: bool,
}

/// A sign-in that has begun: what its end is checked against.
pub struct Begun {
    nonce: String,
    verifier: String,
}

/// Claims beyond the standard ones, as they come.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct More {
    #[serde(flatten)]
    all: HashMap<String, Value>,
}

impl openidconnect::AdditionalClaims for More {}

type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Answer = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider; cheap to clone.
#[derive(Clone)]
pub struct Oidc {
    inner: Arc<Inner>,
}

struct Inner {
    settings: OidcSettings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
}

impl Oidc {
    /// A provider by its settings. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OidcError::Settings`].
    pub fn new(settings: OidcSettings, clock: Arc<dyn Clock>) -> Result<Self, OidcError> {
        let bad = |what: &str, why: &dyn std::fmt::Display| OidcError::Settings(format!("{what}: {why}"));
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| bad("oidc.issuer", &error))?;
        let redirect = RedirectUrl::new(settings.redirect.clone()).map_err(|error| bad("public_url", &error))?;
        // A provider that sends its client elsewhere could make it ask anything (OAuth 2.0 Security BCP).
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
        let http = http.build().map_err(|error| bad("the HTTP client", &error))?;
        let inner = Inner { settings, issuer, redirect, http, clock, known: Mutex::default() };
        Ok(Oidc { inner: Arc::new(inner) })
    }

    /// What people know it as.
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    fn provider(&self, why: impl std::fmt::Display) -> OidcError {
        OidcError::Provider { issuer: self.inner.settings.issuer.clone(), why: why.to_string() }
    }

    async fn relying(&self) -> Result<Relying, OidcError> {
        let now = self.inner.clock.now();
        let known = self.inner.known.lock().clone();
        let metadata = match known.filter(|(then, _)| now.since(*then) < KEPT) {
            Some((_, metadata)) => metadata,
            None => {
                let found = CoreProviderMetadata::discover_async(self.inner.issuer.clone(), &self.inner.http).await;
                let metadata = found.map_err(|error| self.provider(whole(&error)))?;
                *self.inner.known.lock() = Some((now, metadata.clone()));
                metadata
            }
        };
        let settings = &self.inner.settings;
        let secret = settings.client_secret.clone().map(ClientSecret::new);
        let client = Client::from_provider_metadata(metadata, ClientId::new(settings.client_id.clone()), secret);
        Ok(client.set_redirect_uri(self.inner.redirect.clone()))
    }

    /// Where to send the browser; `state` comes back with its answer.
    ///
    /// # Errors
    /// [`OidcError::Provider`].
    pub async fn begin(&self, state: &str, random: &dyn Random) -> Result<(String, Begun), OidcError> {
        let begun = Begun { nonce: secret(random), verifier: secret(random) };
        let client = self.relying().await?;
        let (csrf, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(begun.nonce.clone()));
        let verifier = PkceCodeVerifier::new(begun.verifier.clone());
        let ask = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, || csrf, || nonce);
        let scopes = ["email", "profile", "groups"].map(|scope| Scope::new(scope.to_owned()));
        let known = self.inner.known.lock().as_ref().and_then(|(_, metadata)| metadata.scopes_supported().cloned());
        // A provider may refuse a scope that it does not know.
        let wanted = scopes.into_iter().filter(|scope| match &known {
            Some(known) => known.contains(scope),
            None => scope.as_str() != "groups",
        });
        let ask = ask.add_scopes(wanted).set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let (address, _, _) = ask.url();
        Ok((address.into(), begun))
    }

    /// What the account's owner has proved, from the code that the browser brought back.
    ///
    /// # Errors
    /// [`OidcError`]; nobody is let in then.
    pub async fn finish(&self, code: String, begun: Begun) -> Result<Proved, OidcError> {
        let client = self.relying().await?;
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(|error| self.provider(error))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(begun.verifier));
        let answer = exchange.request_async(&self.inner.http).await.map_err(|error| self.provider(whole(&error)))?;
        let token = answer.id_token().ok_or_else(|| OidcError::Refused("it holds no ID token".to_owned()))?;
        let now = self.inner.clock.now();
        let verifier = client.id_token_verifier().set_time_fn(move || utc(now));
        let claims = token.claims(&verifier, &Nonce::new(begun.nonce));
        let claims = claims.map_err(|error| {
            // Its keys may have changed: the next sign-in asks for them anew.
            *self.inner.known.lock() = None;
            OidcError::Refused(whole(&error))
        })?;
        let amr = claims.auth_method_refs().map(Vec::as_slice).unwrap_or_default();
        let mut proved = Proved {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            name: localized(claims.name()),
            email: claims.email().filter(|_| claims.email_verified() == Some(true)).map(|email| email.to_string()),
            groups: groups(claims.additional_claims(), &self.inner.settings.groups_claim),
            multi_factor: amr.iter().any(|one| one.as_str() == "mfa"),
        };
        if proved.name.is_none() || proved.email.is_none() || proved.groups.is_none() {
            self.ask_for_more(&client, &answer, claims.subject(), &mut proved).await?;
        }
        Ok(proved)
    }

    /// Providers may leave claims out of the ID token where there is an access token to ask for them (§5.4).
    async fn ask_for_more(
        &self,
        client: &Relying,
        answer: &Answer,
        subject: &SubjectIdentifier,
        proved: &mut Proved,
    ) -> Result<(), OidcError> {
        let Ok(request) = client.user_info(answer.access_token().clone(), Some(subject.clone())) else { return Ok(()) };
        let more: Result<UserInfoClaims<More, CoreGenderClaim>, _> = request.request_async(&self.inner.http).await;
        let more = more.map_err(|error| self.provider(whole(&error)))?;
        let verified = more.email_verified() == Some(true);
        proved.name = proved.name.take().or_else(|| localized(more.name()));
        proved.email = proved.email.take().or_else(|| more.email().filter(|_| verified).map(|email| email.to_string()));
        let listed = || groups(more.additional_claims(), &self.inner.settings.groups_claim);
        proved.groups = proved.groups.take().or_else(listed);
        Ok(())
    }
}

fn utc(now: Timestamp) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(now.as_micros()).unwrap_or_default()
}

/// 256 random bits as text.
fn secret(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An error with all that led to it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

fn localized(name: Option<&openidconnect::LocalizedClaim<openidconnect::EndUserName>>) -> Option<String> {
    name.and_then(|name| name.get(None)).map(|name| name.to_string()).filter(|name| !name.trim().is_empty())
}

/// A list of texts, or one text.
fn groups(more: &More, claim: &str) -> Option<Vec<String>> {
    match more.all.get(claim)? {
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).map(str::to_owned).take(MOST_GROUPS).collect()),
        Value::String(one) => Some(vec![one.clone()]),
        _ => Some(Vec::new()),
    }
}
