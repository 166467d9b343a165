//! Signing in by the company's directory: `OpenID` Connect, the authorization code with PKCE.
//!
//! ```text
//! begin   cookie: a secret ─► state, nonce, verifier, each another hash of it
//!         browser ─► the provider's page, with state, nonce and the hash of the verifier
//! finish  code, state ─► is it this browser's? ─► token endpoint: code, verifier ─► ID token
//!         ─► signed by the provider, for us, in time, with our nonce ─► a claim ─► the account
//! ```
//!
//! Nothing is stored between the two steps. The directory says who somebody is; what he or she may
//! do, the account says, which has to be there. (`OpenID` Connect Core 1.0, RFC 7636, RFC 9700.)

mod provider;
mod token;

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

pub use self::provider::Provider;
use crate::access::AccessError;
use crate::access::secret::Secret;
use crate::delivery::channel::secret::Secret as Hidden;

/// Section `[oidc]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider: `https://login.example.com/realms/sales`; empty where people sign in by password
    /// alone.
    pub issuer: String,
    /// What the provider calls us.
    pub client_id: String,
    /// What proves to the provider that it is us; empty for a public client.
    pub client_secret: Hidden,
    /// A file that holds it instead; empty for none.
    pub client_secret_file: PathBuf,
    /// Which claim of the ID token is the name of the account.
    pub claim: String,
    /// What the provider is asked for.
    pub scopes: Vec<String>,
    /// What stands on the button.
    pub label: String,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: "".into(),
            client_secret_file: PathBuf::new(),
            claim: "email".to_owned(),
            scopes: vec!["openid".to_owned(), "email".to_owned()],
            label: "Sign in with your company account".to_owned(),
        }
    }
}

/// Why somebody was not signed in by the directory.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The section cannot be used.
    #[error("oidc.{0}")]
    Config(String),
    /// The provider is not there, or says what nobody understands.
    #[error("the directory cannot be asked: {0}")]
    Provider(String),
    /// What came back from the provider is not what this browser was sent for.
    #[error("this sign-in was begun elsewhere, or too long ago: try again")]
    Stale,
    /// The provider says no.
    #[error("the directory did not sign you in: {0}")]
    Refused(String),
    /// The ID token proves nothing.
    #[error("the directory's answer cannot be trusted: {0}")]
    Token(String),
    /// The accounts cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// One browser on its way to the provider and back.
pub struct Attempt(Secret);

impl Attempt {
    /// A new one.
    pub fn begin() -> Result<Self, AccessError> {
        Ok(Self(Secret::random()?))
    }

    /// The one of this cookie.
    pub fn of(cookie: &str) -> Option<Self> {
        Secret::parse(cookie).map(Self)
    }

    /// What the browser keeps of it.
    pub fn cookie(&self) -> String {
        self.0.text()
    }

    fn state(&self) -> String {
        self.0.hash("oidc state").text()
    }

    fn nonce(&self) -> String {
        self.0.hash("oidc nonce").text()
    }

    fn verifier(&self) -> String {
        self.0.hash("oidc verifier").text()
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn is_of(&self, state: &str) -> bool {
        self.state().as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// An address that secrets may go to: TLS, or this machine.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_known_again_by_its_cookie_and_by_nothing_else() {
        let (one, other) = (Attempt::begin().unwrap(), Attempt::begin().unwrap());
        let again = Attempt::of(&one.cookie()).unwrap();
        assert!(again.is_of(&one.state()) && !other.is_of(&one.state()));
        assert_eq!((again.nonce(), again.verifier()), (one.nonce(), one.verifier()));
        let parts = [one.cookie(), one.state(), one.nonce(), one.verifier(), one.challenge()];
        for (place, part) in parts.iter().enumerate() {
            // RFC 7636 asks for 43 characters of a verifier.
            assert_eq!(part.len(), 43);
            assert!(!parts[..place].contains(part), "none tells another");
        }
        assert!(Attempt::of("").is_none() && Attempt::of("nonsense").is_none());
    }

    #[test]
    fn secrets_go_by_tls_or_stay_on_this_machine() {
        for (text, is_safe) in [
            ("https://login.example.com/realms/sales", true),
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000", true),
            ("http://localhost/", true),
            ("http://login.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("https://me:secret@login.example.com", false),
            ("ftp://localhost", false),
            ("login.example.com", false),
        ] {
            assert_eq!(address(text).is_some(), is_safe, "{text}");
        }
    }
}
