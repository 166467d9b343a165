//! The provider: where are its pages, what are its keys, and whom does a code stand for?

use std::time::Duration;
use std::time::Instant;

use reqwest::Client;
use reqwest::RequestBuilder;
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::access::address;
use crate::access::oidc::Attempt;
use crate::access::oidc::OidcConfig;
use crate::access::oidc::OidcError;
use crate::access::oidc::address;
use crate::access::oidc::token;
use crate::access::oidc::token::Key;
use crate::delivery::channel::secret::Secret;
use crate::time;

/// How long the provider may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of one answer.
const BYTES_MAX: usize = 256 * 1024;
/// How long what it says of itself is believed.
const FRESH: Duration = Duration::from_hours(1);

/// A provider of identities.
pub struct Provider {
    config: OidcConfig,
    secret: Option<Secret>,
    issuer: Url,
    client: Client,
    known: Mutex<Option<Known>>,
}

/// What the provider says of itself.
#[derive(Clone)]
struct Known {
    authorization: Url,
    token: Url,
    /// Whether the secret goes into the body, since the provider takes it nowhere else.
    is_posted: bool,
    keys: Vec<Key>,
    read_at: Instant,
}

/// `/.well-known/openid-configuration`
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Provider {
    /// The provider of the configuration, if there is one. It is asked nothing yet.
    pub fn new(config: &OidcConfig) -> Result<Option<Self>, OidcError> {
        if config.issuer.is_empty() {
            return Ok(None);
        }
        let wrong = |key: &str, problem: &str| OidcError::Config(format!("{key}: {problem}"));
        let issuer = address(&config.issuer).ok_or_else(|| {
            wrong("issuer", "is no encrypted address: write `https://login.example.com/…`")
        })?;
        if config.client_id.is_empty() {
            return Err(wrong("client_id", "is empty: write what the provider calls Siaga"));
        }
        if !config.scopes.iter().any(|scope| scope == "openid") {
            return Err(wrong("scopes", "lack `openid`: add it, it is what asks for an ID token"));
        }
        let inline = Some(&config.client_secret).filter(|secret| !secret.reveal().is_empty());
        let file = Some(&*config.client_secret_file).filter(|path| !path.as_os_str().is_empty());
        let secret =
            Secret::read(inline, file).map_err(|problem| wrong("client_secret", &problem))?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| OidcError::Provider(error.to_string()))?;
        let (config, known) = (config.clone(), Mutex::default());
        Ok(Some(Self { config, secret, issuer, client, known }))
    }

    /// What stands on the button.
    pub fn label(&self) -> &str {
        &self.config.label
    }

    /// Where the browser goes, to come back to `redirect`.
    pub async fn begin(&self, attempt: &Attempt, redirect: &str) -> Result<Url, OidcError> {
        let mut to = self.known(FRESH).await?.authorization;
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(to)
    }

    /// Whom a code stands for: the claim that is the name of the account.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        (state, code): (&str, &str),
        redirect: &str,
    ) -> Result<String, OidcError> {
        if !attempt.is_of(state) {
            return Err(OidcError::Stale);
        }
        let known = self.known(FRESH).await?;
        let id_token = self.exchange(&known, attempt, code, redirect).await?;
        let asked = token::Asked {
            issuer: &self.config.issuer,
            client: &self.config.client_id,
            nonce: &attempt.nonce(),
            claim: &self.config.claim,
            now: time::now(),
        };
        let key = token::header(&id_token)?;
        // Keys come and go: one that is not known may be new. It was the provider that gave us this
        // token, so nobody else makes us ask again and again.
        let is_known = token::has(&known.keys, &key);
        let known = if is_known { known } else { self.known(Duration::ZERO).await? };
        token::subject(&id_token, &key, &known.keys, &asked)
    }

    async fn exchange(
        &self,
        known: &Known,
        attempt: &Attempt,
        code: &str,
        redirect: &str,
    ) -> Result<String, OidcError> {
        let mut form = address::form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("client_id", &self.config.client_id),
            ("code_verifier", &attempt.verifier()),
        ]);
        let mut request = self.client.post(known.token.clone());
        match &self.secret {
            Some(secret) if known.is_posted => {
                form.push('&');
                form.push_str(&address::form(&[("client_secret", secret.reveal())]));
            }
            // RFC 6749 has both parts encoded as in a form.
            Some(secret) => {
                let user = address::encoded(&self.config.client_id);
                request = request.basic_auth(user, Some(address::encoded(secret.reveal())));
            }
            None => {}
        }
        let kind = "application/x-www-form-urlencoded";
        let request = request.header(reqwest::header::CONTENT_TYPE, kind).body(form);
        let (is_success, body) = answer(request).await?;
        if is_success {
            return read::<Tokens>(&body).map(|tokens| tokens.id_token);
        }
        let refusal = read::<Refusal>(&body).map_or_else(|_| "no reason".to_owned(), |r| r.error);
        Err(OidcError::Refused(shown(&refusal)))
    }

    /// What the provider says of itself, read not longer ago than this.
    async fn known(&self, not_older: Duration) -> Result<Known, OidcError> {
        let mut kept = self.known.lock().await;
        if let Some(known) = &*kept
            && time::steady().saturating_duration_since(known.read_at) < not_older
        {
            return Ok(known.clone());
        }
        let known = self.discover().await?;
        *kept = Some(known.clone());
        Ok(known)
    }

    async fn discover(&self) -> Result<Known, OidcError> {
        let issuer = self.issuer.as_str().trim_end_matches('/');
        let told = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        let told: Discovered = read(&told)?;
        let same = |text: &str| text.trim_end_matches('/').to_owned();
        if same(&told.issuer) != same(&self.config.issuer) {
            let other = shown(&told.issuer);
            return Err(OidcError::Provider(format!(
                "it calls itself {other}: set oidc.issuer so"
            )));
        }
        let part = |text: &str| {
            let problem = || format!("`{}` is not encrypted", shown(text));
            address(text).ok_or_else(|| OidcError::Provider(problem()))
        };
        let keys = self.get(part(&told.jwks_uri)?.as_str()).await?;
        let methods = told.token_endpoint_auth_methods_supported.unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|known| known == method);
        Ok(Known {
            authorization: part(&told.authorization_endpoint)?,
            token: part(&told.token_endpoint)?,
            is_posted: takes("client_secret_post") && !takes("client_secret_basic"),
            keys: token::keys(&keys)?,
            read_at: time::steady(),
        })
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, OidcError> {
        match answer(self.client.get(url)).await? {
            (true, body) => Ok(body),
            (false, _) => Err(OidcError::Provider(format!("{url} gives no answer of success"))),
        }
    }
}

/// Whether an answer is one of success, and its body, which is not endless.
async fn answer(request: RequestBuilder) -> Result<(bool, Vec<u8>), OidcError> {
    let failed = |error: reqwest::Error| OidcError::Provider(error.without_url().to_string());
    let mut answer = request.send().await.map_err(failed)?;
    let (is_success, mut body) = (answer.status().is_success(), Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > BYTES_MAX {
            return Err(OidcError::Provider(format!("its answer is above {BYTES_MAX} bytes")));
        }
    }
    Ok((is_success, body))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, OidcError> {
    serde_json::from_slice(body).map_err(|error| OidcError::Provider(error.to_string()))
}

/// What a stranger says, short and without controls.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
