//! Slack: a message that people can act on, and that changes as the alert does.
//!
//! ```text
//! token ─► chat.postMessage ─► channel and ts, kept ─► chat.update when the alert changes
//! url   ─► incoming webhook: to one channel, nothing is updated later
//! ```
//!
//! Texts of customers stand in `plain_text`, or in mrkdwn with `& < >` escaped and links not looked
//! for: `<!channel>` in a name calls nobody. `interaction` reads what comes back from a button.

pub mod interaction;

use reqwest::header::AUTHORIZATION;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::Severity;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::egress::Egress;
use crate::delivery::channel::egress::Endpoint;
use crate::delivery::channel::egress::Reply;
use crate::delivery::channel::secret::Secret;
use crate::delivery::channel::webhook::post_json;
use crate::delivery::channel::words;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;

/// A workspace.
pub(super) struct Slack {
    /// The address of an incoming webhook, or of the web API.
    pub(super) to: Endpoint,
    pub(super) egress: Egress,
    pub(super) way: Way,
    /// Whether buttons come back to us.
    pub(super) has_buttons: bool,
}

/// How messages get in.
pub(super) enum Way {
    /// By an incoming webhook, whose address is the secret.
    Incoming,
    /// By the web API, as a bot; people without a member id are told in this channel.
    Bot {
        /// The bot's token.
        token: Secret,
        /// Name or id of a channel.
        channel: String,
    },
}

/// Alerts that a digest or a group lists; a message has at most 50 blocks.
const LISTED_MAX: usize = 20;
/// Characters of a section; Slack takes 3,000.
const SECTION_CHARS_MAX: usize = 2_800;
/// Characters of a field; Slack takes 2,000.
const FIELD_CHARS_MAX: usize = 1_900;
/// Characters of a header; Slack takes 150.
const HEADER_CHARS_MAX: usize = 150;

/// What the web API answers.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

/// With `& < >` written so that Slack reads them as such.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

fn mrkdwn(text: &str, chars_max: usize) -> Value {
    // Verbatim: names of channels and addresses in it are not made links.
    json!({"type": "mrkdwn", "text": cut(text, chars_max), "verbatim": true})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(text, SECTION_CHARS_MAX)})
}

fn header(text: &str) -> Value {
    let text = cut(text, HEADER_CHARS_MAX);
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

impl Slack {
    fn content(&self, message: &Message) -> Result<Value, RenderError> {
        let (text, blocks) = match message.about {
            About::Digest => (words::digest_title(message), digest(message)),
            _ => {
                let alert = message.alert()?;
                (words::headline(message, alert), self.blocks(message, alert))
            }
        };
        Ok(json!({
            // What a notification shows; Slack reads mrkdwn in it.
            "text": escaped(&text),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        }))
    }

    fn blocks(&self, message: &Message, alert: &Alert) -> Vec<Value> {
        let mut blocks = vec![header(&words::headline(message, alert))];
        let state = words::state(alert);
        if !state.is_empty() {
            blocks.push(section(&format!("*{}*", escaped(&state).replace('*', "∗"))));
        }
        let facts = [
            ("Customer", words::who(alert)),
            ("At stake", words::stake(alert)),
            ("What to do", words::play(alert)),
        ];
        let facts = facts.iter().filter(|(_, text)| !text.is_empty());
        let facts = facts.map(|(name, text)| format!("*{name}*\n{}", escaped(text)));
        let facts: Vec<Value> = facts.map(|fact| mrkdwn(&fact, FIELD_CHARS_MAX)).collect();
        blocks.push(json!({"type": "section", "fields": facts}));
        if !alert.description.is_empty() {
            blocks.push(section(&escaped(&words::line(&alert.description))));
        }
        blocks.extend(listed(message, 1));
        let mention = message.slack.as_ref().map(|id| format!("<@{}> · ", escaped(id)));
        let severity = match alert.severity {
            Severity::Critical => ":red_circle: critical",
            Severity::Warning => ":large_orange_circle: warning",
            Severity::Info => ":large_blue_circle: info",
        };
        let rule = escaped(&words::line(&alert.rule));
        let about = format!("{}{severity} · {rule}", mention.unwrap_or_default());
        blocks.push(json!({"type": "context", "elements": [mrkdwn(&about, SECTION_CHARS_MAX)]}));
        let buttons = self.buttons(message, alert);
        if !buttons.is_empty() {
            blocks.push(json!({"type": "actions", "block_id": "siaga", "elements": buttons}));
        }
        blocks
    }

    fn buttons(&self, message: &Message, alert: &Alert) -> Vec<Value> {
        let button = |label: &str, action: &str| {
            json!({
                "type": "button",
                "text": {"type": "plain_text", "text": label, "emoji": false},
                "action_id": format!("siaga:{action}"),
                "value": alert.id.to_string(),
            })
        };
        let mut buttons = Vec::new();
        if let Some(page) = message.page(alert) {
            let mut open = button("Open", "open");
            open["url"] = Value::String(page);
            buttons.push(open);
        }
        if !self.has_buttons {
            return buttons;
        }
        match alert.state {
            AlertState::Closed { ref reason, .. } if reason.is_by_engine() => {}
            AlertState::Closed { .. } => buttons.push(button("Reopen", "reopen")),
            _ => {
                if !matches!(alert.state, AlertState::Acknowledged { .. }) {
                    let mut acknowledge = button("I am on it", "acknowledge");
                    acknowledge["style"] = Value::String("primary".to_owned());
                    buttons.push(acknowledge);
                }
                buttons.push(button("Tomorrow", "snooze"));
                buttons.push(button("Won", "won"));
                buttons.push(button("Lost", "lost"));
                buttons.push(button("Not relevant", "dismiss"));
            }
        }
        buttons
    }

    /// Method and arguments of the web API: a new message, or another text for the last one.
    fn call(message: &Message, channel: &str, mut content: Value) -> (&'static str, Value) {
        let earlier = message.earlier.split_once(' ');
        let is_update = message.about == About::Updated;
        let (method, channel, ts) = match earlier.filter(|_| is_update) {
            Some((channel, ts)) => ("chat.update", channel, Some(ts)),
            None if message.address.is_empty() => ("chat.postMessage", channel, None),
            None => ("chat.postMessage", message.address.as_str(), None),
        };
        content["channel"] = Value::String(channel.to_owned());
        if let Some(ts) = ts {
            content["ts"] = Value::String(ts.to_owned());
        }
        content["metadata"] =
            json!({"event_type": "siaga_alert", "event_payload": {"delivery": message.id}});
        (method, content)
    }

    async fn call_api(&self, message: &Message, (token, channel): (&Secret, &str)) -> Attempt {
        let content = match self.content(message) {
            Ok(content) => content,
            Err(error) => return Attempt::Refused(error.to_string()),
        };
        let (method, content) = Self::call(message, channel, content);
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {}", token.reveal())) else {
            return Attempt::Refused("the token has characters that no token has".to_owned());
        };
        bearer.set_sensitive(true);
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let headers: HeaderMap =
            [(AUTHORIZATION, bearer), (CONTENT_TYPE, json)].into_iter().collect();
        let body = content.to_string().into_bytes();
        match self.egress.post(&self.to.join(method), headers, body).await {
            Ok(reply) => answered(&reply),
            Err(attempt) => attempt,
        }
    }
}

/// What the answer of the web API means: errors come with status 200.
fn answered(reply: &Reply) -> Attempt {
    let attempt = reply.attempt();
    if !matches!(attempt, Attempt::Accepted(_)) {
        return attempt;
    }
    let Ok(answer) = serde_json::from_str::<Answer>(&reply.body) else {
        return Attempt::Uncertain("an answer that is none of Slack's".to_owned());
    };
    if answer.ok {
        return Attempt::Accepted(format!("{} {}", answer.channel, answer.ts));
    }
    let error = words::line(&answer.error);
    match error.as_str() {
        "ratelimited" | "rate_limited" => {
            Attempt::Failed { reason: error, after: reply.retry_after, kind: "rate_limited" }
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            Attempt::Failed { reason: error, after: reply.retry_after, kind: "status" }
        }
        _ => Attempt::Refused(format!("Slack says `{error}`")),
    }
}

fn digest(message: &Message) -> Vec<Value> {
    let mut blocks = vec![header(&words::digest_title(message))];
    blocks.extend(listed(message, 0));
    blocks
}

/// The alerts behind the first so many, a line each.
fn listed(message: &Message, skip: usize) -> Vec<Value> {
    let alerts = message.alerts.iter().skip(skip);
    let line = |alert: &Alert| {
        let summary = escaped(&words::line(&alert.summary));
        let summary = match message.page(alert) {
            // A bar ends the address, a closing bracket the link: both are escaped in the text.
            Some(page) => format!("<{page}|{}>", summary.replace('|', "¦")),
            None => summary,
        };
        let stake = words::stake(alert);
        let stake = if stake.is_empty() { stake } else { format!("*{}*  ", escaped(&stake)) };
        section(&format!("{stake}{summary}"))
    };
    let mut blocks: Vec<Value> = alerts.clone().take(LISTED_MAX).map(line).collect();
    let more = alerts.count().saturating_sub(LISTED_MAX);
    if more > 0 {
        blocks.push(section(&format!("and {more} more")));
    }
    blocks
}

impl Channel for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn is_edited(&self) -> bool {
        matches!(self.way, Way::Bot { .. })
    }

    fn tells(&self, state: &AlertState) -> bool {
        match (&self.way, state) {
            // The message is there and is changed: it says how things stand.
            (Way::Bot { .. }, _) | (Way::Incoming, AlertState::Firing) => true,
            (Way::Incoming, AlertState::Closed { reason, .. }) => reason.is_by_engine(),
            (Way::Incoming, _) => false,
        }
    }

    fn address(&self, _id: &str, person: Option<&Person>) -> Result<String, String> {
        // Who has no member id is told in the channel.
        let member = person.and_then(|person| person.slack.clone());
        Ok(member.filter(|_| matches!(self.way, Way::Bot { .. })).unwrap_or_default())
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let content = self.content(message)?;
        let (to, content) = match &self.way {
            Way::Incoming => (self.to.shown(), content),
            Way::Bot { channel, .. } => {
                let (method, content) = Self::call(message, channel, content);
                (format!("{}{method}", self.to.shown()), content)
            }
        };
        let head = format!("POST {to}\ncontent-type: application/json\n");
        Ok(Rendered { head, body: serde_json::to_vec(&content)?, html: None })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        match &self.way {
            Way::Bot { token, channel } => Box::pin(self.call_api(message, (token, channel))),
            Way::Incoming => {
                let body = self.content(message).map(|content| content.to_string().into_bytes());
                Box::pin(post_json((&self.egress, &self.to), body))
            }
        }
    }
}

#[cfg(test)]
mod tests;
