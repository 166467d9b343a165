//! What Slack is sent, and how its answers are read.

use super::*;
use crate::delivery::channel::config::tests::message;
use crate::delivery::channel::egress::Reach;
use crate::delivery::inbox::sample;

fn bot() -> Slack {
    let reach = Reach { loopback: true, private: false };
    let to = Endpoint::parse("http://127.0.0.1:1/api", reach).unwrap();
    let egress = Egress::new(&to, reach, std::time::Duration::from_secs(1)).unwrap();
    let way = Way::Bot { token: Secret::from("xoxb-canary"), channel: "#sales".to_owned() };
    Slack { to, egress, way, has_buttons: true }
}

fn sent(slack: &Slack, message: &Message) -> Value {
    serde_json::from_slice(&slack.render(message).unwrap().body).unwrap()
}

#[test]
fn hostile_texts_call_nobody_and_link_nowhere() {
    let mut alert = sample::alert("c1", Some("12.5"));
    alert.summary = "<!channel> <https://evil.example|pay here> & more".to_owned();
    alert.description = "<@U1> says <!here>".to_owned();
    alert.entity_name = Some("Acme <!everyone>".to_owned());
    let also = Alert { summary: "<!subteam^S1> | x".to_owned(), ..alert.clone() };
    let mut message = message(alert);
    message.alerts.push(also);
    let slack = bot();
    let mut sent = sent(&slack, &message);
    // The header is plain text, in which nothing is read.
    assert_eq!(sent["blocks"][0]["text"]["type"], "plain_text");
    sent["blocks"][0] = Value::Null;
    let text = sent.to_string();
    for part in ["<!", "<@U1>", "<https://evil"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("Acme &lt;!everyone&gt;"), "{text}");
    assert!(!text.contains("xoxb-canary"));
    assert!(!slack.render(&message).unwrap().head.contains("xoxb-canary"));
}

#[test]
fn a_message_is_posted_once_and_then_updated() {
    let slack = bot();
    let mut message = message(sample::alert("c1", None));
    let posted = sent(&slack, &message);
    assert_eq!(posted["channel"], "#sales");
    assert_eq!(posted["ts"], Value::Null);
    message.address = "U7".to_owned();
    assert_eq!(sent(&slack, &message)["channel"], "U7", "to the member, where one is known");
    message.about = About::Updated;
    message.earlier = "D9 1741080600.000100".to_owned();
    let updated = sent(&slack, &message);
    assert_eq!((&updated["channel"], &updated["ts"]), (&json!("D9"), &json!("1741080600.000100")));
    assert!(slack.render(&message).unwrap().head.contains("chat.update"));
}

#[test]
fn a_message_stays_within_slacks_bounds() {
    let mut alert = sample::alert("c1", Some("12.5"));
    alert.summary = "&".repeat(5_000);
    alert.entity_name = Some("&".repeat(5_000));
    alert.description = "<".repeat(9_000);
    let mut message = message(alert.clone());
    message.alerts = vec![alert; 200];
    for about in [About::Opened, About::Digest] {
        message.about = about;
        let sent = sent(&bot(), &message);
        let blocks = sent["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50, "{} blocks", blocks.len());
        for block in blocks {
            let chars = block["text"]["text"].as_str().unwrap_or_default().chars().count();
            let limit = if block["type"] == "header" { 150 } else { 3_000 };
            assert!(chars <= limit, "{chars} characters in a {}", block["type"]);
            for field in block["fields"].as_array().into_iter().flatten() {
                let chars = field["text"].as_str().unwrap().chars().count();
                assert!(chars <= 2_000, "{chars} characters in a field");
            }
        }
    }
}

#[test]
fn an_answer_says_what_became_of_it() {
    let answer =
        |body: &str| answered(&Reply { status: 200, retry_after: None, body: body.to_owned() });
    assert_eq!(
        answer(r#"{"ok":true,"channel":"C1","ts":"1.2"}"#),
        Attempt::Accepted("C1 1.2".to_owned())
    );
    let refused = answer(r#"{"ok":false,"error":"channel_not_found"}"#);
    assert_eq!(refused, Attempt::Refused("Slack says `channel_not_found`".to_owned()));
    assert!(matches!(
        answer(r#"{"ok":false,"error":"ratelimited"}"#),
        Attempt::Failed { kind: "rate_limited", .. }
    ));
    assert!(matches!(answer("<html>"), Attempt::Uncertain(_)));
}
