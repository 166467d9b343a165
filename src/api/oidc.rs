//! The way to the company's directory and back.
//!
//! ```text
//! GET /sign-in/oidc?next=…       ─► a cookie of this attempt, and on to the provider
//! GET /sign-in/oidc/callback     ◄─ code, state ─► the session's cookie, and where one wanted to go
//! ```

use std::sync::Arc;

use axum::extract::Query;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::access::oidc::Attempt;
use crate::access::oidc::OidcError;
use crate::access::oidc::Provider;
use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;
use crate::api::sign_in;

/// Name of the attempt's cookie, which goes to these two routes alone.
const COOKIE: &str = "siaga_oidc";
/// Seconds for which somebody may look at the provider's page.
const AGE_S: u32 = 600;

#[derive(Deserialize)]
pub(super) struct Asked {
    next: Option<String>,
}

/// What the provider sends along.
#[derive(Deserialize)]
pub(super) struct Told {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// `GET /sign-in/oidc`
pub(super) async fn begin(
    State(services): State<Arc<Services>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let next = sign_in::local(asked.next);
    let begun = async {
        let (provider, redirect) = (provider(&services)?, redirect(&headers)?);
        let attempt = Attempt::begin().map_err(OidcError::from)?;
        let to = provider.begin(&attempt, &redirect).await?;
        Ok((attempt, to))
    };
    match begun.await {
        Ok((attempt, to)) => {
            let mut response = Redirect::to(to.as_str()).into_response();
            let value = format!("{}.{}", attempt.cookie(), URL_SAFE_NO_PAD.encode(&next));
            set(&mut response, &value, AGE_S, &headers);
            response
        }
        Err(refusal) => refused(&services, next, refusal),
    }
}

/// `GET /sign-in/oidc/callback`
pub(super) async fn finish(
    State(services): State<Arc<Services>>,
    Query(told): Query<Told>,
    headers: HeaderMap,
) -> Response {
    let (attempt, next) = attempt(&headers).unzip();
    let next = sign_in::local(next);
    let mut response = match session(&services, attempt.flatten(), told, &headers).await {
        Ok(cookie) => sign_in::welcome(&cookie, &headers, &next),
        Err(refusal) => refused(&services, next, refusal),
    };
    set(&mut response, "", 0, &headers);
    response
}

/// Why somebody is not signed in.
enum Refusal {
    /// For whoever wanted to.
    Oidc(OidcError),
    /// The request makes no sense, or something of ours failed.
    Problem(Problem),
    /// Known to the directory, and not to us.
    Stranger(String),
}

impl From<OidcError> for Refusal {
    fn from(error: OidcError) -> Self {
        Self::Oidc(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn provider(services: &Services) -> Result<&Arc<Provider>, Problem> {
    let missing = || Problem::missing("No directory is configured: sign in by name and password.");
    services.oidc.as_ref().ok_or_else(missing)
}

/// The session's cookie for whom the provider has named.
async fn session(
    services: &Arc<Services>,
    attempt: Option<Attempt>,
    told: Told,
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    let provider = provider(services)?;
    let attempt = attempt.ok_or(OidcError::Stale)?;
    if let Some(error) = told.error {
        let error = error.chars().filter(char::is_ascii_graphic).take(80).collect();
        return Err(OidcError::Refused(error).into());
    }
    let (Some(code), Some(state)) = (told.code, told.state) else {
        return Err(OidcError::Stale.into());
    };
    let name = provider.finish(&attempt, (&state, &code), &redirect(headers)?).await?;
    let named = name.clone();
    let found = blocking(services, move |services| Ok(services.access.sign_in_named(&named)?));
    found.await?.ok_or(Refusal::Stranger(name))
}

fn refused(services: &Services, next: String, refusal: Refusal) -> Response {
    let (status, text) = match refusal {
        Refusal::Problem(problem) => return problem.into_response(),
        Refusal::Stranger(name) => {
            let text =
                format!("{name} has no account here, or is kept out: ask who runs Siaga for one.");
            (StatusCode::FORBIDDEN, text)
        }
        Refusal::Oidc(error) => {
            tracing::warn!(%error, "nobody was signed in by the directory");
            let status = match error {
                OidcError::Stale | OidcError::Refused(_) => StatusCode::UNAUTHORIZED,
                _ => StatusCode::BAD_GATEWAY,
            };
            let mut text = error.to_string();
            text.push('.');
            (status, text[..1].to_uppercase() + &text[1..])
        }
    };
    sign_in::sign_in_page(services, status, (next, String::new()), Some(text))
}

/// Where the provider leads back to: by the name under which the browser has found us, which `guard`
/// has looked at.
fn redirect(headers: &HeaderMap) -> Result<String, Problem> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| Problem::bad_request("There is no `Host`."))?;
    let scheme = if sign_in::is_by_tls(headers) { "https" } else { "http" };
    Ok(format!("{scheme}://{host}/sign-in/oidc/callback"))
}

/// The attempt of this browser, and where it wanted to go.
fn attempt(headers: &HeaderMap) -> Option<(Option<Attempt>, String)> {
    let texts = headers.get_all(header::COOKIE).into_iter().filter_map(|text| text.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|p| p.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    let (secret, next) = value.split_once('.')?;
    let next = URL_SAFE_NO_PAD.decode(next).ok().and_then(|next| String::from_utf8(next).ok());
    Some((Attempt::of(secret), next.unwrap_or_default()))
}

fn set(response: &mut Response, value: &str, age_s: u32, headers: &HeaderMap) {
    let secure = if sign_in::is_by_tls(headers) { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={value}; Path=/sign-in/oidc; HttpOnly; SameSite=Lax{secure}; Max-Age={age_s}"
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
