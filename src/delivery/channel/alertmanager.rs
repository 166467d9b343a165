//! Alertmanager: alerts fire and resolve there, beside those of the machines.
//!
//! ```text
//! POST <url>/api/v2/alerts   [{"labels":{"alertname":…},"annotations":…,"startsAt":…,"endsAt":…}]
//! open   ─► endsAt in the future: when it expires, else the longest that an alert stays open there
//! closed ─► endsAt when it was closed: resolved
//! ```
//!
//! Alertmanager knows an alert by its labels, so only what never changes is among them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::egress::Egress;
use crate::delivery::channel::egress::Endpoint;
use crate::delivery::channel::webhook::post_json;
use crate::delivery::channel::words;
use crate::delivery::person::Person;
use crate::time::Span;
use crate::time::Timestamp;

/// An Alertmanager.
pub(super) struct Alertmanager {
    to: Endpoint,
    egress: Egress,
    stays: Span,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
}

/// What names the alert over there. A label without a value is none, to Alertmanager.
pub(super) fn labels(alert: &Alert) -> BTreeMap<String, String> {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let own = alert.labels.iter().filter(|(name, _)| is_name(name));
    let mut labels: BTreeMap<String, String> =
        own.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in [
        ("alertname", alert.rule.clone()),
        ("alert_id", alert.id.to_string()),
        ("family", alert.family.name().to_owned()),
        ("severity", alert.severity.name().to_owned()),
        (alert.entity_kind.name(), alert.entity_id.clone()),
    ] {
        labels.insert(name.to_owned(), value);
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

impl Alertmanager {
    /// How long an alert stays open there that nobody closes and that does not expire.
    pub(super) const STAYS: Span = Span::from_millis(30 * Span::DAY.millis());

    pub(super) fn new(to: &Endpoint, egress: Egress, stays: Span) -> Self {
        Self { to: to.join("api/v2/alerts"), egress, stays }
    }

    fn body(&self, message: &Message) -> Result<Vec<u8>, RenderError> {
        message.alert()?;
        let alerts: Vec<Posted> =
            message.alerts.iter().map(|alert| self.posted(message, alert)).collect();
        Ok(serde_json::to_vec(&alerts)?)
    }

    fn posted(&self, message: &Message, alert: &Alert) -> Posted {
        let ends_at = match alert.state {
            AlertState::Closed { at, .. } => at,
            _ => alert.expires_at.unwrap_or(message.sent_at + self.stays),
        };
        // An end before the beginning is refused, and so is one at it.
        let ends_at = ends_at.max(alert.opened_at + Span::from_millis(1));
        let text = |at: Timestamp| at.to_string();
        let annotations = [
            ("summary", words::line(&alert.summary)),
            ("description", words::line(&alert.description)),
            ("value", words::stake(alert)),
            ("state", words::state(alert)),
            ("owner", alert.owner.key()),
        ];
        Posted {
            labels: labels(alert),
            annotations: annotations.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            starts_at: text(alert.opened_at),
            ends_at: text(ends_at),
            generator_url: message.page(alert).unwrap_or_default(),
        }
    }
}

impl Channel for Alertmanager {
    fn kind(&self) -> &'static str {
        "alertmanager"
    }

    fn is_for_people(&self) -> bool {
        false
    }

    fn address(&self, _id: &str, _person: Option<&Person>) -> Result<String, String> {
        Ok(String::new())
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let head = format!("POST {}\ncontent-type: application/json\n", self.to.shown());
        Ok(Rendered { head, body: self.body(message)?, html: None })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(post_json((&self.egress, &self.to), self.body(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::CloseReason;
    use crate::delivery::channel::config::tests::message;
    use crate::delivery::inbox::sample;

    fn alertmanager() -> Alertmanager {
        let reach = crate::delivery::channel::egress::Reach { loopback: true, private: false };
        let to = Endpoint::parse("http://127.0.0.1:9093", reach).unwrap();
        let egress = Egress::new(&to, reach, std::time::Duration::from_secs(1)).unwrap();
        Alertmanager::new(&to, egress, Alertmanager::STAYS)
    }

    #[test]
    fn an_open_alert_ends_in_the_future_and_a_closed_one_when_it_was_closed() {
        let (manager, mut alert) = (alertmanager(), sample::alert("c1", Some("12.5")));
        let posted = |alert: &Alert| {
            let body = manager.render(&message(alert.clone())).unwrap().body;
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()[0].clone()
        };
        let open = posted(&alert);
        assert_eq!(open["startsAt"], "2025-03-01T09:00:00Z");
        assert_eq!(open["endsAt"], "2025-04-03T09:30:00Z", "thirty days behind the sending");
        assert_eq!(open["labels"]["alertname"], "drift.silence");
        assert_eq!(open["labels"]["customer"], "c1");
        alert.expires_at = Some(sample::at("2025-03-09T00:00:00Z"));
        assert_eq!(posted(&alert)["endsAt"], "2025-03-09T00:00:00Z");
        let at = sample::at("2025-03-05T00:00:00Z");
        alert.state = AlertState::Closed { at, reason: CloseReason::Won };
        let closed = posted(&alert);
        assert_eq!(closed["endsAt"], "2025-03-05T00:00:00Z");
        assert_eq!(closed["labels"], open["labels"], "or it would be another alert");
    }

    #[test]
    fn labels_that_alertmanager_would_refuse_are_left_out() {
        let mut alert = sample::alert("c1", None);
        alert.labels = [("a-b", "x"), ("", "x"), ("9a", "x"), ("ok", ""), ("fine", "\"\n{}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let names: Vec<String> = labels(&alert).into_keys().collect();
        let want = ["alert_id", "alertname", "customer", "family", "fine", "severity"];
        assert_eq!(names, want);
    }
}
