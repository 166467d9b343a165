//! ID tokens: is it the provider's, is it for us and of this sign-in, and whom does it name?
//!
//! ```text
//! header.claims.signature ─► algorithm one of ours ─► key of that name and kind ─► signature right?
//!                         ─► issuer, audience, times, nonce ─► a claim
//! ```
//!
//! A token says how it was signed, so what it says is only ever chosen from a list of signatures by
//! public keys, each with the one kind of key that it goes with (RFC 8725, RFC 7518). Nothing of a
//! token is believed before its signature.

use aws_lc_rs::signature;
use aws_lc_rs::signature::RsaParameters;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::access::oidc::OidcError;
use crate::access::oidc::provider::shown;
use crate::time::Timestamp;

/// Seconds by which the provider's clock may be off.
const LEEWAY_S: f64 = 60.0;

/// What a token has to say.
pub(super) struct Asked<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) claim: &'a str,
    pub(super) now: Timestamp,
}

/// By which key a token says that it was signed, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    how: How,
    key: Option<String>,
}

/// A signature with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// A key of the provider (RFC 7517); of other kinds only the kind is known.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Key {
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    #[serde(flatten)]
    public: Public,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kty")]
enum Public {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Curve { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Edwards { crv: String, x: String },
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    nbf: Option<f64>,
    #[serde(default)]
    nonce: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl How {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Rs256, "RS256"),
        (Self::Rs384, "RS384"),
        (Self::Rs512, "RS512"),
        (Self::Ps256, "PS256"),
        (Self::Ps384, "PS384"),
        (Self::Ps512, "PS512"),
        (Self::Es256, "ES256"),
        (Self::Es384, "ES384"),
        (Self::EdDsa, "EdDSA"),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }
}

fn bad(problem: &str) -> OidcError {
    OidcError::Token(problem.to_owned())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&decoded(part)?).ok()
}

/// The keys of the provider; those of a kind that is not known here are left out.
pub(super) fn keys(body: &[u8]) -> Result<Vec<Key>, OidcError> {
    #[derive(Deserialize)]
    struct Listed {
        keys: Vec<Value>,
    }
    let listed: Listed = serde_json::from_slice(body)
        .map_err(|error| OidcError::Provider(format!("its keys: {error}")))?;
    let keys = listed.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(keys.collect())
}

/// How a token says that it was signed.
pub(super) fn header(token: &str) -> Result<Header, OidcError> {
    #[derive(Deserialize)]
    struct Told {
        alg: String,
        kid: Option<String>,
        crit: Option<Value>,
    }
    let told = token.split('.').next().and_then(read::<Told>);
    let told = told.ok_or_else(|| bad("it is no signed token"))?;
    if told.crit.is_some() {
        return Err(bad("it asks for something that is not known here"));
    }
    let how = How::ALL.iter().find(|(_, name)| *name == told.alg).map(|(how, _)| *how);
    let how = how.ok_or_else(|| bad("it is signed in a way that proves nothing"))?;
    Ok(Header { how, key: told.kid })
}

impl Key {
    fn may_have_signed(&self, header: &Header) -> bool {
        let kind = match &self.public {
            Public::Rsa { .. } => header.how.rsa().is_some(),
            Public::Curve { crv, .. } => match header.how {
                How::Es256 => crv == "P-256",
                How::Es384 => crv == "P-384",
                _ => false,
            },
            Public::Edwards { crv, .. } => header.how == How::EdDsa && crv == "Ed25519",
        };
        kind && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == header.how.name())
            && (header.key.is_none() || self.kid == header.key)
    }

    /// Whether it has made this signature; it is one that may have.
    fn has_signed(&self, how: How, (message, signed): (&[u8], &[u8])) -> Option<()> {
        let verify = |by: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(by, key).verify(message, signed).ok()
        };
        match &self.public {
            Public::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n: decoded(n)?, e: decoded(e)? };
                key.verify(how.rsa()?, message, signed).ok()
            }
            Public::Curve { x, y, .. } => {
                let (by, length): (&'static dyn VerificationAlgorithm, _) = match how {
                    How::Es384 => (&signature::ECDSA_P384_SHA384_FIXED, 48),
                    _ => (&signature::ECDSA_P256_SHA256_FIXED, 32),
                };
                let (x, y) = (decoded(x)?, decoded(y)?);
                // An uncompressed point, as SEC 1 writes it.
                let point = [&[4][..], &x, &y].concat();
                (x.len() == length && y.len() == length).then(|| verify(by, &point))?
            }
            Public::Edwards { x, .. } => verify(&signature::ED25519, &decoded(x)?),
        }
    }
}

/// Whether a key that could have signed so is among these.
pub(super) fn has(keys: &[Key], header: &Header) -> bool {
    keys.iter().any(|key| key.may_have_signed(header))
}

/// Whom the token names, if everything about it is right.
pub(super) fn subject(
    token: &str,
    header: &Header,
    keys: &[Key],
    asked: &Asked<'_>,
) -> Result<String, OidcError> {
    if !has(keys, header) {
        return Err(bad("it is signed by a key of nobody we know"));
    }
    let parts = token.rsplit_once('.').and_then(|(message, signed)| {
        let (_, claims) = message.split_once('.')?;
        Some((message.as_bytes(), decoded(signed)?, claims))
    });
    let (message, signed, claims) = parts.ok_or_else(|| bad("it is no signed token"))?;
    let mut fitting = keys.iter().filter(|key| key.may_have_signed(header));
    if !fitting.any(|key| key.has_signed(header.how, (message, &signed)).is_some()) {
        return Err(bad("its signature is wrong"));
    }
    let claims: Claims = read(claims).ok_or_else(|| bad("it lacks issuer, audience or end"))?;
    claims.check(asked)?;
    claims.name(asked.claim)
}

impl Claims {
    fn check(&self, asked: &Asked<'_>) -> Result<(), OidcError> {
        let same = |text: &str| text.trim_end_matches('/').to_owned();
        if same(&self.iss) != same(asked.issuer) || self.sub.is_empty() {
            return Err(bad("it is of another provider, or of nobody"));
        }
        let (is_for_us, is_for_many) = match &self.aud {
            Audience::One(one) => (one == asked.client, false),
            Audience::Many(many) => (many.iter().any(|one| one == asked.client), many.len() > 1),
        };
        let azp = self.azp.as_deref();
        let is_given_to_us = azp == Some(asked.client) || (azp.is_none() && !is_for_many);
        if !is_for_us || !is_given_to_us {
            return Err(bad("it is for somebody else"));
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        let now = (asked.now.millis() / 1_000) as f64;
        let is_in_time =
            self.exp > now - LEEWAY_S && self.nbf.is_none_or(|from| from < now + LEEWAY_S);
        if !is_in_time {
            return Err(bad("its time is over, or has not come"));
        }
        if !bool::from(self.nonce.as_bytes().ct_eq(asked.nonce.as_bytes())) {
            return Err(bad("it is of another sign-in"));
        }
        Ok(())
    }

    fn name(&self, claim: &str) -> Result<String, OidcError> {
        let name = if claim == "sub" {
            self.sub.as_str()
        } else {
            self.others.get(claim).and_then(Value::as_str).unwrap_or_default()
        };
        if name.is_empty() {
            return Err(bad(&format!("it has no `{claim}`: set oidc.claim to one it has")));
        }
        // Anybody could call himself by an address that is somebody else's.
        let verified = self.others.get("email_verified");
        let is_verified = matches!(verified, Some(Value::Bool(true)))
            || verified.and_then(Value::as_str) == Some("true");
        if claim == "email" && !is_verified {
            let problem = "it does not say that the mail address is verified: let the directory say \
                           so, or set oidc.claim to another claim";
            return Err(bad(problem));
        }
        Ok(shown(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_a_signature_by_a_public_key_or_is_refused() {
        for (text, want) in [
            (r#"{"alg":"RS256","kid":"a"}"#, Some((How::Rs256, Some("a")))),
            (r#"{"alg":"EdDSA"}"#, Some((How::EdDsa, None))),
            (r#"{"alg":"none"}"#, None),
            (r#"{"alg":"HS256","kid":"a"}"#, None),
            (r#"{"alg":"rs256"}"#, None),
            (r#"{"alg":"RS256","crit":["exp"]}"#, None),
            (r#"{"alg":["RS256"]}"#, None),
            ("{}", None),
            ("", None),
        ] {
            let found = header(&format!("{}.e30.", URL_SAFE_NO_PAD.encode(text))).ok();
            let want = want.map(|(how, key)| Header { how, key: key.map(str::to_owned) });
            assert_eq!(found, want, "{text}");
        }
        for (how, name) in How::ALL {
            assert_eq!(how.name(), name);
        }
    }

    #[test]
    fn a_key_signs_only_in_the_way_of_its_kind() {
        let body = br#"{"keys":[
            {"kty":"RSA","kid":"r","n":"AQ","e":"AQAB"},
            {"kty":"RSA","kid":"s","n":"AQ","e":"AQAB","alg":"PS256"},
            {"kty":"RSA","kid":"e","n":"AQ","e":"AQAB","use":"enc"},
            {"kty":"EC","kid":"c","crv":"P-256","x":"AQ","y":"AQ"},
            {"kty":"OKP","kid":"o","crv":"Ed25519","x":"AQ"},
            {"kty":"oct","kid":"p","k":"AQ"}]}"#;
        let keys = keys(body).unwrap();
        assert_eq!(keys.len(), 5);
        for (how, kid, may) in [
            (How::Rs256, "r", true),
            (How::Ps512, "r", true),
            (How::Es256, "r", false),
            (How::EdDsa, "r", false),
            (How::Ps256, "s", true),
            (How::Rs256, "s", false),
            (How::Rs256, "e", false),
            (How::Es256, "c", true),
            (How::Es384, "c", false),
            (How::Rs256, "c", false),
            (How::EdDsa, "o", true),
            (How::Rs256, "unknown", false),
        ] {
            let header = Header { how, key: Some(kid.to_owned()) };
            assert_eq!(has(&keys, &header), may, "{how:?} by {kid}");
        }
    }
}
