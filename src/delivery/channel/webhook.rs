//! Webhooks: a program elsewhere gets each change of an alert, signed.
//!
//! ```text
//! webhook-id: <delivery>    webhook-timestamp: <seconds>
//! webhook-signature: v1,<base64 HMAC-SHA256(id.timestamp.body)> v1,<… of the second secret>
//! {"specversion":"1.0","type":"com.siaga.alert.opened","subject":"<alert>","data":{…}}
//! ```
//!
//! Signed as Standard Webhooks 1.0.0 has it, the body a CloudEvent 1.0, or Alertmanager's webhook
//! form of version 4 for what understands that already. The id is the same in every attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::Serialize;
use sha2::Sha256;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::alertmanager::labels;
use crate::delivery::channel::egress::Egress;
use crate::delivery::channel::egress::Endpoint;
use crate::delivery::channel::secret::Secret;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;
use crate::delivery::wire::WireAlert;
use crate::delivery::wire::WireTime;

/// What the body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A CloudEvent 1.0 in structured mode.
    #[default]
    CloudEvents,
    /// Alertmanager's webhook JSON of version 4.
    Alertmanager,
}

/// A webhook.
pub(super) struct Webhook {
    to: Endpoint,
    egress: Egress,
    keys: Vec<Vec<u8>>,
    form: Form,
}

/// Fewest and most bytes of a key, by Standard Webhooks.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys of one or several secrets, parted by blanks; the newest first.
///
/// Fails with what is wrong, and never with the secret.
pub(super) fn keys(secret: &Secret) -> Result<Vec<Vec<u8>>, String> {
    let keys = secret.reveal().split_whitespace().map(|word| {
        let encoded = word.strip_prefix("whsec_").ok_or(
            "does not begin with `whsec_`: write `whsec_` and the base64 form of 24 to 64 random \
             bytes, as `printf 'whsec_%s\\n' \"$(head -c 32 /dev/urandom | base64)\"` makes it",
        )?;
        let key = STANDARD.decode(encoded);
        let key = key.map_err(|_| "is not base64 behind `whsec_`: copy it whole")?;
        if KEY_BYTES.contains(&key.len()) {
            return Ok(key);
        }
        Err(format!("has {} bytes: a key has 24 to 64", key.len()))
    });
    let keys = keys.collect::<Result<Vec<_>, String>>()?;
    if keys.is_empty() { Err("is empty: write `whsec_…`".to_owned()) } else { Ok(keys) }
}

impl Webhook {
    pub(super) fn new(to: Endpoint, egress: Egress, keys: Vec<Vec<u8>>, form: Form) -> Self {
        Self { to, egress, keys, form }
    }

    fn body(&self, message: &Message) -> Result<Vec<u8>, RenderError> {
        match self.form {
            Form::CloudEvents => as_cloud_event(message),
            Form::Alertmanager => Ok(serde_json::to_vec(&version_4(message)?)?),
        }
    }

    fn headers(&self, message: &Message, body: &[u8]) -> Vec<(&'static str, String)> {
        let kind = match self.form {
            Form::CloudEvents => "application/cloudevents+json; charset=utf-8",
            Form::Alertmanager => "application/json",
        };
        let seconds = message.sent_at.millis().div_euclid(1_000);
        let signatures: Vec<String> =
            self.keys.iter().map(|key| signature(key, &message.id, seconds, body)).collect();
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("webhook-id", message.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
        ];
        if !signatures.is_empty() {
            headers.push(("webhook-signature", signatures.join(" ")));
        }
        headers
    }
}

/// `v1,` and the base64 form of the HMAC-SHA256 of `id.timestamp.body`.
fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    time: WireTime,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Alert(Box<WireAlert<'a>>),
    Digest { person: &'a str, alerts: Vec<WireAlert<'a>> },
}

/// The message as a CloudEvent 1.0 in JSON.
pub(super) fn as_cloud_event(message: &Message) -> Result<Vec<u8>, RenderError> {
    Ok(serde_json::to_vec(&cloud_event(message)?)?)
}

fn cloud_event(message: &Message) -> Result<CloudEvent<'_>, RenderError> {
    let (subject, data) = if message.about == About::Digest {
        let alerts = message.alerts.iter().map(WireAlert::from).collect();
        (message.person.clone(), Data::Digest { person: &message.person, alerts })
    } else {
        let alert = message.alert()?;
        (alert.id.to_string(), Data::Alert(Box::new(WireAlert::from(alert))))
    };
    Ok(CloudEvent {
        specversion: "1.0",
        id: &message.id,
        source: if message.pages.is_empty() { "/siaga" } else { &message.pages },
        kind: match message.about {
            About::Opened => "com.siaga.alert.opened",
            About::Changed | About::Updated => "com.siaga.alert.changed",
            About::Escalated => "com.siaga.alert.escalated",
            About::Digest => "com.siaga.digest",
        },
        subject,
        time: WireTime(message.sent_at),
        datacontenttype: "application/json",
        data,
    })
}

/// Alertmanager's webhook payload, version 4.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version4<'a> {
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
    status: &'static str,
    receiver: &'static str,
    group_labels: BTreeMap<String, String>,
    common_labels: BTreeMap<String, String>,
    common_annotations: BTreeMap<&'static str, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<Version4Alert>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version4Alert {
    status: &'static str,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: WireTime,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

fn version_4(message: &Message) -> Result<Version4<'_>, RenderError> {
    let first = message.alert()?;
    let status = |alert: &Alert| match alert.state {
        AlertState::Closed { .. } => "resolved",
        _ => "firing",
    };
    let annotations = |alert: &Alert| {
        let texts = [("summary", &alert.summary), ("description", &alert.description)];
        texts.map(|(name, text)| (name, text.clone())).into()
    };
    let alert = |alert: &Alert| Version4Alert {
        status: status(alert),
        labels: labels(alert),
        annotations: annotations(alert),
        starts_at: WireTime(alert.opened_at),
        ends_at: match alert.state {
            AlertState::Closed { at, .. } => at.to_string(),
            _ => "0001-01-01T00:00:00Z".to_owned(),
        },
        generator_url: message.page(alert).unwrap_or_default(),
        // Alertmanager's are 64 bits; these too are a hash of what makes the alert.
        fingerprint: alert.id.to_string().get(..16).unwrap_or_default().to_owned(),
    };
    Ok(Version4 {
        version: "4",
        group_key: format!("{{}}:{{alert=\"{}\"}}", first.id),
        truncated_alerts: 0,
        status: status(first),
        receiver: "siaga",
        group_labels: [("alertname".to_owned(), first.rule.clone())].into(),
        common_labels: labels(first),
        common_annotations: annotations(first),
        external_url: &message.pages,
        alerts: message.alerts.iter().map(alert).collect(),
    })
}

impl Channel for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn is_for_people(&self) -> bool {
        false
    }

    fn address(&self, _id: &str, _person: Option<&Person>) -> Result<String, String> {
        Ok(String::new())
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let body = self.body(message)?;
        let mut head = format!("POST {}\n", self.to.shown());
        for (name, value) in self.headers(message, &body) {
            head += &format!("{name}: {value}\n");
        }
        Ok(Rendered { head, body, html: None })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let body = match self.body(message) {
                Ok(body) => body,
                Err(error) => return Attempt::Refused(error.to_string()),
            };
            let pairs = self.headers(message, &body).into_iter().filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
            });
            let headers: HeaderMap = pairs.collect();
            match self.egress.post(&self.to, headers, body).await {
                Ok(reply) => reply.attempt(),
                Err(attempt) => attempt,
            }
        })
    }
}

/// Posts JSON, and says what the status of the answer means.
pub(super) async fn post_json(
    (egress, to): (&Egress, &Endpoint),
    body: Result<Vec<u8>, RenderError>,
) -> Attempt {
    let body = match body {
        Ok(body) => body,
        Err(error) => return Attempt::Refused(error.to_string()),
    };
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match egress.post(to, headers.into_iter().collect(), body).await {
        Ok(reply) => reply.attempt(),
        Err(attempt) => attempt,
    }
}

/// How long an answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of Standard Webhooks; its value was computed with another program (OpenSSL).
        let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = &keys(&secret).unwrap()[0];
        let body = br#"{"test": 2432232314}"#;
        let got = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(got, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_its_form_and_length() {
        for (text, want) in [
            ("", "is empty"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin with `whsec_`"),
            ("whsec_***", "is not base64"),
            ("whsec_c2hvcnQ=", "has 5 bytes"),
        ] {
            let error = keys(&Secret::from(text)).unwrap_err();
            assert!(error.contains(want) && !error.contains("c2hvcnQ"), "{error}");
        }
        let two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
        assert_eq!(keys(&Secret::from(two)).unwrap().len(), 2);
    }
}
