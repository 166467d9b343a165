//! What comes back when somebody presses a button in Slack: is it from Slack, and what is meant?
//!
//! ```text
//! X-Slack-Signature: v0=<hex HMAC-SHA256("v0:" timestamp ":" body)>     not older than five minutes
//! payload={"type":"block_actions","user":{…},"actions":[{"action_id":"siaga:won","value":"<alert>"}]}
//! ```
//!
//! Source: Slack, "Verifying requests from Slack" and "Interaction payloads".

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use reqwest::Url;
use serde::Deserialize;
use sha2::Sha256;

use crate::alert::Action;
use crate::alert::AlertId;
use crate::alert::CloseReason;
use crate::delivery::channel::secret::Secret;
use crate::time::Span;
use crate::time::Timestamp;

/// A button that somebody pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// On which alert.
    pub alert: AlertId,
    /// What it does; `None` for one that only opens a page.
    pub action: Option<Action>,
    /// Member id of who pressed it.
    pub member: String,
    /// Name of who pressed it.
    pub name: String,
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InteractionError {
    /// Not signed, or not with our secret.
    #[error("The request is not signed with this app's signing secret.")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("The request was signed more than five minutes ago: check the clock.")]
    Stale,
    /// Not a button of ours.
    #[error("The payload is no button of ours.")]
    Payload,
}

/// How old a signature may be.
const AGE_MAX: Span = Span::from_millis(300_000);
/// How long "tomorrow" is put aside for.
const SNOOZE: Span = Span::DAY;

/// Whether one of the secrets has signed this body, lately.
pub fn verify(
    secrets: &[Secret],
    (timestamp, signature): (&str, &str),
    body: &[u8],
    now: Timestamp,
) -> Result<(), InteractionError> {
    let seconds: i64 = timestamp.parse().map_err(|_| InteractionError::Signature)?;
    let signed_at = Timestamp::saturating(seconds.saturating_mul(1_000));
    if (now - signed_at).millis().abs() > AGE_MAX.millis() {
        return Err(InteractionError::Stale);
    }
    let hex = signature.strip_prefix("v0=").ok_or(InteractionError::Signature)?;
    let given = decoded(hex).ok_or(InteractionError::Signature)?;
    for secret in secrets {
        let key = secret.reveal().as_bytes();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key).map_err(|_| InteractionError::Signature)?;
        mac.update(format!("v0:{timestamp}:").as_bytes());
        mac.update(body);
        // Compares in constant time.
        if mac.verify_slice(&given).is_ok() {
            return Ok(());
        }
    }
    Err(InteractionError::Signature)
}

fn decoded(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    actions: Vec<Button>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Button {
    action_id: String,
    #[serde(default)]
    value: String,
}

/// Reads the form, once its signature is good. `now` is event time.
pub fn read(body: &[u8], now: Timestamp) -> Result<Pressed, InteractionError> {
    let form = std::str::from_utf8(body).map_err(|_| InteractionError::Payload)?;
    // A form is written as the query of an address is.
    let form = Url::parse(&format!("http://form/?{form}"));
    let form = form.map_err(|_| InteractionError::Payload)?;
    let payload = form.query_pairs().find(|(name, _)| name == "payload");
    let (_, payload) = payload.ok_or(InteractionError::Payload)?;
    let payload: Payload = serde_json::from_str(&payload).map_err(|_| InteractionError::Payload)?;
    let button = payload.actions.first().filter(|_| payload.kind == "block_actions");
    let button = button.ok_or(InteractionError::Payload)?;
    let close = |reason| Some(Action::Close { reason, amount: None });
    let action = match button.action_id.as_str() {
        "siaga:open" => None,
        "siaga:acknowledge" => Some(Action::Acknowledge),
        "siaga:reopen" => Some(Action::Reopen),
        "siaga:snooze" => Some(Action::Snooze { until: now + SNOOZE }),
        "siaga:won" => close(CloseReason::Won),
        "siaga:lost" => close(CloseReason::Lost),
        "siaga:dismiss" => close(CloseReason::Dismissed("Not relevant".to_owned())),
        _ => return Err(InteractionError::Payload),
    };
    let alert = button.value.parse().map_err(|_| InteractionError::Payload)?;
    Ok(Pressed { alert, action, member: payload.user.id, name: payload.user.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
        &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
        &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F\
        T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
        803a0bc887a14d10d2c447fce8b6703c";
    const STAMP: &str = "1531420618";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    #[test]
    fn only_what_slack_signed_lately_is_taken() {
        let at = |seconds: i64| Timestamp::saturating(seconds * 1_000);
        let secrets = [Secret::from("another"), Secret::from(SECRET)];
        let check = |stamp: &str, signature: &str, body: &str, now| {
            verify(&secrets, (stamp, signature), body.as_bytes(), at(now))
        };
        let now = 1_531_420_618;
        assert_eq!(check(STAMP, SIGNATURE, BODY, now), Ok(()));
        assert_eq!(check(STAMP, SIGNATURE, BODY, now + 300), Ok(()));
        for (what, stamp, signature, body, now, want) in [
            ("old", STAMP, SIGNATURE, BODY, now + 301, InteractionError::Stale),
            ("of the future", STAMP, SIGNATURE, BODY, now - 301, InteractionError::Stale),
            ("another body", STAMP, SIGNATURE, "x", now, InteractionError::Signature),
            ("another time", "1531420619", SIGNATURE, BODY, now, InteractionError::Signature),
            ("no time", "soon", SIGNATURE, BODY, now, InteractionError::Signature),
            ("no signature", STAMP, "", BODY, now, InteractionError::Signature),
            ("a short one", STAMP, "v0=a2", BODY, now, InteractionError::Signature),
            ("not hexadecimal", STAMP, "v0=zz", BODY, now, InteractionError::Signature),
        ] {
            assert_eq!(check(stamp, signature, body, now), Err(want), "{what}");
        }
    }

    #[test]
    fn a_button_says_what_is_meant() {
        let id = AlertId::new("r", "customer", "c", "e");
        let payload = |action: &str, value: &str| {
            let form = format!(
                r#"payload={{"type":"block_actions","user":{{"id":"U1","name":"ann"}},
                    "actions":[{{"action_id":"{action}","value":"{value}"}}]}}&more=1"#
            );
            form.replace('"', "%22").replace(':', "%3A")
        };
        let won = payload("siaga:won", &id.to_string());
        let pressed = read(won.as_bytes(), Timestamp::EPOCH).unwrap();
        assert_eq!(pressed.alert, id);
        let won = Action::Close { reason: CloseReason::Won, amount: None };
        assert_eq!(pressed.action, Some(won));
        assert_eq!((pressed.member.as_str(), pressed.name.as_str()), ("U1", "ann"));
        let (other, no_id) = (payload("other:won", &id.to_string()), payload("siaga:won", "x"));
        for bad in ["", "payload={}", "payload", other.as_str(), no_id.as_str(), "\u{0}#%"] {
            let got = read(bad.as_bytes(), Timestamp::EPOCH);
            assert_eq!(got, Err(InteractionError::Payload), "{bad}");
        }
    }
}
