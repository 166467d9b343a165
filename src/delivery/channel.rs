//! Channels: how does a message reach a person or a program outside?
//!
//! ```text
//! Message ─► Channel::render ─► what would be sent (`siaga channels preview`)
//!        └─► Channel::send   ─► Attempt: accepted, try again, perhaps accepted, refused, gone
//! ```
//!
//! A channel keeps nothing and decides nothing: when it is tried, how often, and what becomes of it
//! is the courier's. What a customer or a rule's author wrote is escaped for the place it lands in.

pub mod config;
pub mod egress;
pub mod secret;
pub mod trial;
mod words;
mod alertmanager;
mod email;
mod fluvio;
mod slack;
mod teams;
mod webhook;

use std::future::Future;
use std::pin::Pin;

pub use self::slack::interaction as slack_interaction;

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;
use crate::time::Span;
use crate::time::Timestamp;

/// What is to be told, to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same in every attempt.
    pub id: String,
    /// Where it goes within the channel.
    pub address: String,
    /// Id of the person that it is for; empty where it is for none by name.
    pub person: String,
    /// Member id of that person in Slack, where it is known.
    pub slack: Option<String>,
    /// What it tells.
    pub about: About,
    /// The alert, with those told together with it; or those of a digest.
    pub alerts: Vec<Alert>,
    /// What the receiver called the last message of this alert; empty if there was none.
    pub earlier: String,
    /// When it is sent.
    pub sent_at: Timestamp,
    /// Where our pages are, without a slash at the end; empty where that is not known.
    pub pages: String,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Accepted; what the receiver calls it, where it says.
    Accepted(String),
    /// Not accepted, but it may be later.
    Failed {
        /// What went wrong.
        reason: String,
        /// How long the receiver asks to wait.
        after: Option<Span>,
        /// A word for the metrics: `timeout`, `status`, `connect` …
        kind: &'static str,
    },
    /// It broke off where it may have been accepted.
    Uncertain(String),
    /// The receiver will not accept it, however often it is sent.
    Refused(String),
    /// The receiver wants nothing any more.
    Gone(String),
}

/// What would be sent, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Lines in front of the body: where it goes, and its headers. No secret is among them.
    pub head: String,
    /// The body as it is.
    pub body: Vec<u8>,
    /// The same as a page for a browser, where the channel has such a form.
    pub html: Option<String>,
}

/// Why a message has no form.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Not as JSON.
    #[error("the message has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// Not as HTML.
    #[error("the message has no HTML form: {0}")]
    Html(#[from] askama::Error),
    /// Not as a mail.
    #[error("{0}: write addresses as `name@example.com`")]
    Mail(String),
    /// It holds no alert.
    #[error("the message holds no alert: its alert is no longer kept")]
    Empty,
}

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// A way to people or programs outside.
pub trait Channel: Send + Sync {
    /// What kind it is, for metrics: `webhook`, `slack` …
    fn kind(&self) -> &'static str;

    /// Whether people read it, so that their hours and budgets count.
    fn is_for_people(&self) -> bool;

    /// Whether an old message is changed where it stands, instead of told anew.
    fn is_edited(&self) -> bool {
        false
    }

    /// Whether people are told here that an alert they know of stands so now. Where the old message
    /// cannot be changed, only what spares or brings work is worth another.
    fn tells(&self, state: &AlertState) -> bool {
        match state {
            AlertState::Firing => true,
            AlertState::Closed { reason, .. } => reason.is_by_engine(),
            _ => false,
        }
    }

    /// Where it goes for this person, or for nobody by name.
    ///
    /// Fails with what is missing, and where to write it.
    fn address(&self, id: &str, person: Option<&Person>) -> Result<String, String>;

    /// What would be sent.
    fn render(&self, message: &Message) -> Result<Rendered, RenderError>;

    /// Sends it once.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

impl Message {
    /// The alert that it is about; none for an empty digest.
    pub fn alert(&self) -> Result<&Alert, RenderError> {
        self.alerts.first().ok_or(RenderError::Empty)
    }

    /// Where a page of ours shows an alert; `None` where we do not know our own address.
    pub fn page(&self, alert: &Alert) -> Option<String> {
        (!self.pages.is_empty()).then(|| format!("{}/alerts/{}", self.pages, alert.id))
    }
}
