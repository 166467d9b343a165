//! Slack and Microsoft Teams have no server that could run here. What they are sent is read by their
//! makers' own libraries instead: is it what they document, does it stand for what was meant, and is
//! what customers are called harmless there?
//!
//! ```text
//! inbox ─► courier ─┬► a workspace that reads blocks by slack_sdk, and changes only what was posted
//!                   └► a workflow's address ─► the card, by Microsoft's renderer in Chromium
//! ```
//!
//! `tests/run` puts the libraries beside the build; where one is not there, its test says so.

use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::delivery::outbox::Status;
use siaga::engine::Output;
use siaga::time;

use crate::browser::browser;
use crate::browser::can_browse;
use crate::browser::driver;
use crate::outbox::Post;
use crate::outbox::peers::HOSTILE;
use crate::outbox::peers::acknowledge;
use crate::outbox::peers::build;
use crate::outbox::peers::called;
use crate::outbox::peers::kept;
use crate::outbox::peers::open;
use crate::outbox::peers::peer;
use crate::outbox::receiver::Answer;
use crate::outbox::receiver::Receiver;

const PAGES: &str = "https://siaga.example.com";

/// What is left of a name that others show: controls are gone, what is several lines is one.
fn shown(name: &str) -> String {
    let plain = name.replace(|c: char| c.is_control() || c == '\u{202e}', " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn open_all(post: &Post) -> Vec<AlertId> {
    let names = HOSTILE.iter().enumerate();
    names.map(|(n, name)| open(post, called(&n.to_string(), name))).collect()
}

fn expire(post: &Post, id: AlertId) {
    let at = time::now();
    let state = AlertState::Closed { at, reason: CloseReason::Expired };
    post.tell(&[Output::Changed { id, state, at }]);
}

/// Every text in which marks are read, wherever it stands.
fn marked<'a>(of: &'a Value, found: &mut Vec<&'a str>) {
    match of {
        Value::Array(all) => all.iter().for_each(|one| marked(one, found)),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "mrkdwn") {
                found.extend(fields["text"].as_str());
            }
            fields.values().for_each(|one| marked(one, found));
        }
        _ => {}
    }
}

#[test]
fn slacks_library_reads_every_message_and_each_is_changed_where_it_stands() {
    let (folder, calls) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = calls.path().to_str().unwrap();
    let Some((_peer, port)) = peer("slack_sdk", &["slack", path]) else { return };
    let mut post = Post::new(folder.path());
    post.start(&format!(
        "[delivery]\ngroup_wait = '0s'\nflaps_max = 0\nbudget_per_day = 0\npages = '{PAGES}'\n\
         [channels.team]\nslack.api = 'http://127.0.0.1:{port}/api/'\nslack.token = 'xoxb-1'\n\
         slack.channel = '#sales'\nslack.signing_secret = '0123456789abcdef'\n\
         slack.allow_loopback = true\nper_minute = 0\nat_once = 1\nfirst_pause = '1ms'\n\
         [people.r1]\nslack = 'U0R1'\n"
    ));
    let ids = open_all(&post);
    let count = ids.len();
    post.wait_for(count, Status::Delivered);
    acknowledge(&post, ids[0]);
    post.wait_for(count + 1, Status::Delivered);
    expire(&post, ids[0]);
    post.wait_for(count + 2, Status::Delivered);
    post.stop();
    let calls = kept(calls.path());
    let methods: Vec<&str> = calls.iter().map(|call| call["method"].as_str().unwrap()).collect();
    assert_eq!(calls.len(), count + 3, "the first was put off, and came again: {methods:?}");
    for call in &calls {
        assert_eq!(call["wrong"], json!([]), "{call:#}");
        assert_eq!(call["bearer"], "Bearer xoxb-1");
        let mut texts = Vec::new();
        marked(&call["sent"]["blocks"], &mut texts);
        for text in texts {
            for link in text.split('<').skip(1) {
                let is_ours =
                    link.starts_with(&format!("{PAGES}/alerts/")) || link.starts_with("@U0R1>");
                assert!(is_ours, "{text}");
            }
        }
    }
    for name in HOSTILE {
        let head = format!("{} has gone quiet", shown(name));
        let is_told = |call: &Value| call["sent"]["blocks"][0]["text"]["text"] == head.as_str();
        assert!(calls.iter().any(is_told), "nobody can read {name:?}");
    }
    assert_eq!(methods[count + 1..], ["chat.update", "chat.update"]);
    assert!(methods[..=count].iter().all(|method| *method == "chat.postMessage"), "{methods:?}");
    let [taken, over] = [&calls[count + 1], &calls[count + 2]].map(Value::to_string);
    assert!(taken.contains("r1 is on it."), "{taken}");
    assert!(over.contains("Over: the moment has passed.") && !over.contains("siaga:won"), "{over}");
}

/// Microsoft's renderer of cards, and the reader of Markdown that it is used with; none where they
/// are not here.
fn renderer() -> Option<String> {
    let modules = build().join("axe/node_modules");
    let files = ["adaptivecards/dist/adaptivecards.min.js", "markdown-it/dist/markdown-it.min.js"];
    let read = |file: &str| std::fs::read_to_string::<PathBuf>(modules.join(file)).ok();
    let found: Option<Vec<String>> = files.into_iter().map(read).collect();
    if found.is_none() {
        eprintln!("no adaptivecards: tests/run puts it beside the build where npm can be reached");
    }
    Some(found?.join("\n"))
}

/// Shows a card as version 1.4 has it, and tells what it is made of.
const SHOW: &str = "
    const { AdaptiveCard, SerializationContext, Versions } = window.AdaptiveCards;
    AdaptiveCard.onProcessMarkdown = (text, result) => {
        result.outputHtml = window.markdownit().render(text);
        result.didProcess = true;
    };
    const context = new SerializationContext(Versions.v1_4);
    const card = new AdaptiveCard();
    card.parse(arguments[0], context);
    const events = [];
    for (let i = 0; i < context.eventCount; i++) events.push(context.getEventAt(i).message);
    const wrong = card.validateProperties().validationEvents.map((event) => event.message);
    const shown = card.render();
    document.body.replaceChildren(shown);
    const of = (css) => [...shown.querySelectorAll(css)];
    return {
        wrong: [...events, ...wrong],
        text: shown.innerText.replace(/\\s+/g, ' '),
        odd: of('a, img, script, iframe, strong, em, h1, h2').map((e) => e.outerHTML),
        actions: card.getActionCount() && card.getActionAt(0).url,
    };";

#[test]
fn microsofts_renderer_shows_every_card_as_it_is_meant() {
    let Some(library) = renderer() else { return };
    if !can_browse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|number| match number {
        0 => Answer::Status(502, ""),
        _ => Answer::Status(202, ""),
    });
    let mut post = Post::new(folder.path());
    post.start(&format!(
        "[delivery]\ngroup_wait = '0s'\nflaps_max = 0\nbudget_per_day = 0\npages = '{PAGES}'\n\
         [channels.room]\nteams.url = '{}'\nteams.allow_loopback = true\n\
         per_minute = 0\nat_once = 1\nfirst_pause = '1ms'\n",
        receiver.url()
    ));
    let ids = open_all(&post);
    let count = ids.len();
    post.wait_for(count, Status::Delivered);
    expire(&post, ids[0]);
    post.wait_for(count + 1, Status::Delivered);
    post.stop();
    let requests = receiver.requests();
    assert_eq!(requests.len(), count + 2, "the first was put off, and came again");

    let (_driver, at) = driver();
    let profile = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cards: Vec<Value> = runtime.block_on(async {
        let page = browser(&at, profile.path()).await;
        // The page that a browser begins with lets no library in.
        page.goto("about:blank").await.unwrap();
        page.execute(library, Vec::new()).await.unwrap();
        let mut cards = Vec::new();
        for request in &requests {
            // Teams takes 28 KB.
            assert!(request.body.len() < 28 * 1024, "{} bytes", request.body.len());
            let message: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(message["type"], "message");
            let attachment = &message["attachments"][0];
            assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
            let content = vec![attachment["content"].clone()];
            cards.push(page.execute(SHOW, content).await.unwrap().json().clone());
        }
        page.quit().await.unwrap();
        cards
    });
    for card in &cards {
        assert_eq!((&card["wrong"], &card["odd"]), (&json!([]), &json!([])), "{card:#}");
        let leads = card["actions"].as_str().unwrap();
        assert!(leads.starts_with(&format!("{PAGES}/alerts/")), "{leads}");
    }
    for name in HOSTILE {
        // Once in the headline, and once more among the facts.
        let name = shown(name);
        let is_told = |card: &Value| card["text"].as_str().unwrap().matches(&name).count() >= 2;
        assert!(cards.iter().any(is_told), "nobody can read {name:?}: {cards:#?}");
    }
    let last = cards.last().unwrap()["text"].as_str().unwrap();
    assert!(last.contains("Closed: ") && last.contains("Over: the moment has passed."), "{last}");
}
