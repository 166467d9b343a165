//! Microsoft Teams: a card in a channel, posted to the address of a workflow ("When a Teams webhook
//! request is received").
//!
//! ```text
//! {"type":"message","attachments":[{"contentType":"…card.adaptive","content":{ Adaptive Card 1.4 }}]}
//! ```
//!
//! A `TextBlock` reads Markdown, in which a customer's name could become a link; texts therefore
//! stand in `TextRun`s and facts, which read none, or are escaped. A workflow's post cannot be
//! changed later: what becomes of an alert is a card of its own.

use serde_json::Value;
use serde_json::json;

use crate::alert::Alert;
use crate::alert::Severity;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::egress::Egress;
use crate::delivery::channel::egress::Endpoint;
use crate::delivery::channel::webhook::post_json;
use crate::delivery::channel::words;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;

/// Alerts of a digest or a group that are listed; Teams takes 28 KB.
const LISTED_MAX: usize = 20;

/// A workflow's address.
pub(super) struct Teams {
    to: Endpoint,
    egress: Egress,
}

impl Teams {
    pub(super) fn new(to: Endpoint, egress: Egress) -> Self {
        Self { to, egress }
    }

    fn body(message: &Message) -> Result<Vec<u8>, RenderError> {
        let card = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {"width": "Full"},
                    "body": elements(message)?,
                    "actions": actions(message),
                },
            }],
        });
        Ok(serde_json::to_vec(&card)?)
    }
}

/// A text that is shown as it is.
fn run(text: &str, more: &Value) -> Value {
    let mut run = json!({"type": "TextRun", "text": text});
    if let (Some(run), Some(more)) = (run.as_object_mut(), more.as_object()) {
        run.extend(more.clone());
    }
    json!({"type": "RichTextBlock", "inlines": [run]})
}

fn elements(message: &Message) -> Result<Vec<Value>, RenderError> {
    let title = json!({"weight": "bolder", "size": "medium"});
    if message.about == About::Digest {
        let mut elements = vec![run(&words::digest_title(message), &title)];
        elements.extend(message.alerts.iter().take(LISTED_MAX).map(one_line));
        return Ok(elements);
    }
    let alert = message.alert()?;
    let colour = match alert.severity {
        Severity::Critical => "attention",
        Severity::Warning => "warning",
        Severity::Info => "accent",
    };
    let mut elements = vec![run(
        &words::headline(message, alert),
        &json!({"weight": "bolder", "size": "medium", "color": colour}),
    )];
    let state = words::state(alert);
    if !state.is_empty() {
        elements.push(run(&state, &json!({"isSubtle": true})));
    }
    let facts = [
        ("Customer", words::who(alert)),
        ("At stake", words::stake(alert)),
        ("What to do", words::play(alert)),
        ("Why", words::line(&alert.description)),
    ];
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    // Facts read Markdown in some clients.
    let facts = facts.map(|(title, text)| json!({"title": title, "value": escaped(&text)}));
    elements.push(json!({"type": "FactSet", "facts": facts.collect::<Vec<_>>()}));
    elements.extend(message.alerts.iter().skip(1).take(LISTED_MAX).map(one_line));
    Ok(elements)
}

fn one_line(alert: &Alert) -> Value {
    let (summary, stake) = (words::line(&alert.summary), words::stake(alert));
    let text = if stake.is_empty() { summary } else { format!("{stake} – {summary}") };
    run(&format!("• {text}"), &json!({}))
}

fn actions(message: &Message) -> Vec<Value> {
    let url = match message.about {
        About::Digest if message.pages.is_empty() => None,
        About::Digest => Some(format!("{}/", message.pages)),
        _ => message.alerts.first().and_then(|alert| message.page(alert)),
    };
    let open = url.map(|url| json!({"type": "Action.OpenUrl", "title": "Open", "url": url}));
    open.into_iter().collect()
}

/// With a backslash before what Markdown would read.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '\\' | '[' | ']' | '(' | ')' | '*' | '_' | '`' | '~' | '#' | '<' | '>') {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

impl Channel for Teams {
    fn kind(&self) -> &'static str {
        "teams"
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn address(&self, _id: &str, _person: Option<&Person>) -> Result<String, String> {
        Ok(String::new())
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let head = format!("POST {}\ncontent-type: application/json\n", self.to.shown());
        Ok(Rendered { head, body: Self::body(message)?, html: None })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(post_json((&self.egress, &self.to), Self::body(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::channel::config::tests::message;
    use crate::delivery::inbox::sample;

    #[test]
    fn a_customers_text_is_no_markdown() {
        let mut alert = sample::alert("c1", Some("12.5"));
        alert.summary = "[Click](https://evil.example) **now**".to_owned();
        alert.entity_name = Some("[Acme](https://evil.example)".to_owned());
        let body = Teams::body(&message(alert)).unwrap();
        let card: Value = serde_json::from_slice(&body).unwrap();
        let content = &card["attachments"][0]["content"];
        let inline = &content["body"][0]["inlines"][0];
        assert_eq!(inline["text"], "[Click](https://evil.example) **now**");
        assert_eq!(inline["type"], "TextRun", "which reads no Markdown");
        let facts = &content["body"][1]["facts"];
        assert_eq!(facts[0]["value"], r"\[Acme\]\(https://evil.example\)");
        assert_eq!(facts[1]["value"], "$12.50");
        assert_eq!(content["actions"][0]["url"].as_str().unwrap().find("https://siaga."), Some(0));
    }
}
