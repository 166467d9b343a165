//! Sections `[channels.NAME]`: which channels are there, and are they sound?
//!
//! ```text
//! [channels.team]                          one table a channel, with the keys of one kind:
//! slack.url = "https://hooks.slack.com/…"  webhook, slack, teams, email, alertmanager or fluvio
//! per_minute = 30                          and how fast and how long it is tried
//! ```

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::delivery::channel::Channel;
use crate::delivery::channel::alertmanager::Alertmanager;
use crate::delivery::channel::egress::Egress;
use crate::delivery::channel::egress::Endpoint;
use crate::delivery::channel::egress::Reach;
use crate::delivery::channel::email::Email;
use crate::delivery::channel::email::Sender;
use crate::delivery::channel::email::Server;
use crate::delivery::channel::fluvio::Topic;
use crate::delivery::channel::secret::Secret;
use crate::delivery::channel::slack::Slack;
use crate::delivery::channel::slack::Way;
use crate::delivery::channel::teams::Teams;
use crate::delivery::channel::webhook;
use crate::delivery::channel::webhook::Form;
use crate::delivery::channel::webhook::Webhook;
use crate::delivery::pace::Backoff;
use crate::engine::config::read_span;
use crate::source::fluvio::config::FluvioConfig;
use crate::time::Span;

/// Section `[channels.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelConfig {
    /// A program elsewhere, by signed webhooks.
    pub webhook: Option<WebhookConfig>,
    /// Slack.
    pub slack: Option<SlackConfig>,
    /// Microsoft Teams.
    pub teams: Option<TeamsConfig>,
    /// Mail.
    pub email: Option<EmailConfig>,
    /// Prometheus's Alertmanager.
    pub alertmanager: Option<AlertmanagerConfig>,
    /// A topic of the cluster of section `[fluvio]`.
    pub fluvio: Option<TopicConfig>,
    /// Most messages a minute; 0 is no limit. Slack takes one a second, so its default is 50.
    pub per_minute: Option<u32>,
    /// Most attempts under way at once.
    pub at_once: usize,
    /// Seconds before an attempt is given up.
    pub timeout_s: u64,
    /// Longest pause behind the first failed attempt; the bound doubles with each.
    #[serde(deserialize_with = "read_span")]
    pub first_pause: Span,
    /// No pause is longer.
    #[serde(deserialize_with = "read_span")]
    pub longest_pause: Span,
    /// How long it is tried before a delivery is dead.
    #[serde(deserialize_with = "read_span")]
    pub give_up_after: Span,
}

/// Keys `webhook.…`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to post, or the file that says it.
    pub url: Option<Secret>,
    /// A file with the URL.
    pub url_file: Option<PathBuf>,
    /// `whsec_…`; two, parted by a blank, while one takes the other's place.
    pub secret: Option<Secret>,
    /// A file with the secret.
    pub secret_file: Option<PathBuf>,
    /// What the body looks like: `cloud_events`, or `alertmanager`.
    pub form: Form,
    /// Whether it may be on this machine.
    pub allow_loopback: bool,
    /// Whether it may be in a private network.
    pub allow_private: bool,
}

/// Keys `slack.…`: a `url`, or a `token` and a `channel`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackConfig {
    /// Address of an incoming webhook.
    pub url: Option<Secret>,
    /// A file with that address.
    pub url_file: Option<PathBuf>,
    /// Token of a bot: `xoxb-…`.
    pub token: Option<Secret>,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// Where the bot writes to who has no member id.
    pub channel: Option<String>,
    /// The app's signing secret: with it, buttons act.
    pub signing_secret: Option<Secret>,
    /// A file with the signing secret.
    pub signing_secret_file: Option<PathBuf>,
    /// Address of the web API; Slack's when left out.
    pub api: Option<String>,
    /// Whether that may be on this machine.
    pub allow_loopback: bool,
}

/// Keys `teams.…`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamsConfig {
    /// Address of the workflow.
    pub url: Option<Secret>,
    /// A file with that address.
    pub url_file: Option<PathBuf>,
    /// Whether it may be on this machine.
    pub allow_loopback: bool,
}

/// Keys `email.…`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailConfig {
    /// `smtps://host`, `smtp://host` (STARTTLS), or `smtp+plain://host` without TLS.
    pub server: String,
    /// Name to sign in with.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Who writes: `Siaga <siaga@example.com>`.
    pub from: String,
    /// Where mail for nobody by name goes.
    pub to: Vec<String>,
    /// How an address is made of a rep's id: `{rep}@example.com`.
    pub address: Option<String>,
    /// Where one asks for no more: a web or mail address; mail to `from` when left out.
    pub unsubscribe: Option<String>,
}

/// Keys `alertmanager.…`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Where it is: `https://alertmanager.example.com`.
    pub url: String,
    /// Whether it may be on this machine.
    pub allow_loopback: bool,
    /// Whether it may be in a private network.
    pub allow_private: bool,
    /// How long an alert stays open there that nobody closes.
    #[serde(deserialize_with = "read_span")]
    pub stays: Span,
}

/// Keys `fluvio.…`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicConfig {
    /// The topic that alerts are written to.
    pub topic: String,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            webhook: None,
            slack: None,
            teams: None,
            email: None,
            alertmanager: None,
            fluvio: None,
            per_minute: None,
            at_once: 4,
            timeout_s: webhook::TIMEOUT.as_secs(),
            first_pause: Span::from_millis(2_000),
            longest_pause: Span::from_millis(900_000),
            give_up_after: Span::DAY,
        }
    }
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            allow_loopback: false,
            allow_private: false,
            stays: Alertmanager::STAYS,
        }
    }
}

/// Why a configuration of channels, receivers, routes or people was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct SetupError {
    /// The key, as it is written: `channels.team.slack.url`.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl SetupError {
    /// Of this key.
    pub fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// A channel with how it is used.
pub struct Configured {
    /// Its name in the configuration.
    pub name: String,
    /// The channel.
    pub channel: Box<dyn Channel>,
    /// Most messages a minute; 0 is no limit.
    pub per_minute: u32,
    /// Most attempts at once.
    pub at_once: usize,
    /// The pauses between attempts.
    pub backoff: Backoff,
    /// How long it is tried.
    pub give_up_after: Span,
    /// What Slack signs the buttons' requests with.
    pub signing_secret: Option<Secret>,
}

/// What is built for each kind.
struct Built {
    channel: Box<dyn Channel>,
    per_minute: u32,
    signing_secret: Option<Secret>,
}

impl From<Box<dyn Channel>> for Built {
    fn from(channel: Box<dyn Channel>) -> Self {
        Self { channel, per_minute: 0, signing_secret: None }
    }
}

impl ChannelConfig {
    /// The channel of this section; one to a topic is of this cluster. Fails with the key that is
    /// wrong.
    pub fn build(&self, name: &str, cluster: &FluvioConfig) -> Result<Configured, SetupError> {
        let place = format!("channels.{name}");
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 60 || !name.chars().all(is_word) {
            let problem = "is no name: write letters, digits, `-` and `_`";
            return Err(SetupError::at(place, problem));
        }
        if self.at_once == 0 || self.at_once > 64 {
            let problem = format!("is {}: write 1 to 64", self.at_once);
            return Err(SetupError::at(format!("{place}.at_once"), problem));
        }
        let timeout = Duration::from_secs(self.timeout_s.clamp(1, 300));
        let mut built = Vec::new();
        if let Some(config) = &self.webhook {
            built.push(config.build(&format!("{place}.webhook"), timeout)?);
        }
        if let Some(config) = &self.slack {
            built.push(config.build(&format!("{place}.slack"), timeout)?);
        }
        if let Some(config) = &self.teams {
            built.push(config.build(&format!("{place}.teams"), timeout)?);
        }
        if let Some(config) = &self.email {
            built.push(config.build(&format!("{place}.email"), timeout)?);
        }
        if let Some(config) = &self.alertmanager {
            built.push(config.build(&format!("{place}.alertmanager"), timeout)?);
        }
        if let Some(config) = &self.fluvio {
            built.push(config.build(&format!("{place}.fluvio"), cluster)?);
        }
        let (Some(built), true) = (built.pop(), built.is_empty()) else {
            let problem = "has no kind, or more than one: write the keys of one of webhook, slack, \
                           teams, email, alertmanager, fluvio, e.g. `slack.url = \"https://…\"`";
            return Err(SetupError::at(place, problem));
        };
        Ok(Configured {
            name: name.to_owned(),
            channel: built.channel,
            per_minute: self.per_minute.unwrap_or(built.per_minute),
            at_once: self.at_once,
            backoff: Backoff { first: self.first_pause, longest: self.longest_pause },
            give_up_after: self.give_up_after,
            signing_secret: built.signing_secret,
        })
    }
}

/// A secret that is written or in a file; `None` when it is neither.
fn secret(
    place: &str,
    key: &str,
    inline: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<Secret>, SetupError> {
    Secret::read(inline, file).map_err(|problem| SetupError::at(format!("{place}.{key}"), problem))
}

/// A way to a destination.
fn way(
    place: &str,
    url: Option<&str>,
    reach: Reach,
    timeout: Duration,
) -> Result<(Endpoint, Egress), SetupError> {
    let at = |problem: String| SetupError::at(format!("{place}.url"), problem);
    let url = url.filter(|url| !url.is_empty());
    let url =
        url.ok_or_else(|| at("is missing: write where to post, e.g. `https://…`".to_owned()))?;
    let to = Endpoint::parse(url, reach).map_err(|error| at(error.to_string()))?;
    let egress = Egress::new(&to, reach, timeout).map_err(at)?;
    Ok((to, egress))
}

impl WebhookConfig {
    fn build(&self, place: &str, timeout: Duration) -> Result<Built, SetupError> {
        let reach = Reach { loopback: self.allow_loopback, private: self.allow_private };
        let url = secret(place, "url", self.url.as_ref(), self.url_file.as_deref())?;
        let (to, egress) = way(place, url.as_ref().map(Secret::reveal), reach, timeout)?;
        let found = secret(place, "secret", self.secret.as_ref(), self.secret_file.as_deref())?;
        let keys = match &found {
            Some(secret) => webhook::keys(secret)
                .map_err(|problem| SetupError::at(format!("{place}.secret"), problem))?,
            None => Vec::new(),
        };
        let channel: Box<dyn Channel> = Box::new(Webhook::new(to, egress, keys, self.form));
        Ok(channel.into())
    }
}

impl SlackConfig {
    /// One a second is what Slack takes for a channel.
    const PER_MINUTE: u32 = 50;

    fn build(&self, place: &str, timeout: Duration) -> Result<Built, SetupError> {
        let reach = Reach { loopback: self.allow_loopback, private: false };
        let url = secret(place, "url", self.url.as_ref(), self.url_file.as_deref())?;
        let token = secret(place, "token", self.token.as_ref(), self.token_file.as_deref())?;
        let signing = self.signing_secret.as_ref();
        let file = self.signing_secret_file.as_deref();
        let signing_secret = secret(place, "signing_secret", signing, file)?;
        let (address, kind) = match (&url, token, &self.channel) {
            (Some(url), None, _) => (url.reveal().to_owned(), Way::Incoming),
            (None, Some(token), Some(channel)) => {
                let api = self.api.clone().unwrap_or("https://slack.com/api".to_owned());
                (api, Way::Bot { token, channel: channel.clone() })
            }
            _ => {
                let problem = "write `url` of an incoming webhook, or `token` of a bot and the \
                               `channel` that it writes to";
                return Err(SetupError::at(place, problem));
            }
        };
        let (to, egress) = way(place, Some(&address), reach, timeout)?;
        let has_buttons = signing_secret.is_some();
        Ok(Built {
            channel: Box::new(Slack { to, egress, way: kind, has_buttons }),
            per_minute: Self::PER_MINUTE,
            signing_secret,
        })
    }
}

impl TeamsConfig {
    fn build(&self, place: &str, timeout: Duration) -> Result<Built, SetupError> {
        let reach = Reach { loopback: self.allow_loopback, private: false };
        let url = secret(place, "url", self.url.as_ref(), self.url_file.as_deref())?;
        let (to, egress) = way(place, url.as_ref().map(Secret::reveal), reach, timeout)?;
        let channel: Box<dyn Channel> = Box::new(Teams::new(to, egress));
        Ok(Built { per_minute: 60, ..channel.into() })
    }
}

impl EmailConfig {
    fn build(&self, place: &str, timeout: Duration) -> Result<Built, SetupError> {
        let at = |key: &str, problem: String| SetupError::at(format!("{place}.{key}"), problem);
        let server = Server::parse(&self.server).ok_or_else(|| {
            let known = "`smtps://mail.example.com`, `smtp://mail.example.com` (STARTTLS) or \
                         `smtp+plain://127.0.0.1:25`";
            at("server", format!("`{}` is no mail server: write {known}", self.server))
        })?;
        let is_address = |text: &str| text.parse::<lettre::message::Mailbox>().is_ok();
        let from: lettre::message::Mailbox = self.from.parse().map_err(|_| {
            at("from", format!("`{}` is no address: write `Siaga <siaga@example.com>`", self.from))
        })?;
        if let Some(bad) = self.to.iter().find(|to| !is_address(to)) {
            return Err(at("to", format!("`{bad}` is no address: write `name@example.com`")));
        }
        let made = self.address.as_deref().map(|pattern| pattern.replace("{rep}", "r1"));
        if made.is_some_and(|made| !is_address(&made)) {
            return Err(at("address", "is no address: write e.g. `{rep}@example.com`".to_owned()));
        }
        let file = self.password_file.as_deref();
        let password = secret(place, "password", self.password.as_ref(), file)?;
        let credentials = match (&self.user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password.reveal().to_owned())),
            (None, None) => None,
            _ => {
                let problem = "a user and a password go together: write both, or neither";
                return Err(at("user", problem.to_owned()));
            }
        };
        let unsubscribe = match &self.unsubscribe {
            Some(text) if text.contains(['<', '>', '\r', '\n']) => {
                return Err(at("unsubscribe", "write one address, without brackets".to_owned()));
            }
            Some(text) if text.contains(':') => format!("<{text}>"),
            Some(text) => format!("<mailto:{text}>"),
            None => format!("<mailto:{}?subject=unsubscribe>", from.email),
        };
        let (to, pattern) = (self.to.clone(), self.address.clone());
        let sender = Sender { from, to, pattern, unsubscribe };
        let email = Email::new(server, credentials, sender, timeout);
        let channel: Box<dyn Channel> = Box::new(email.map_err(|error| at("server", error))?);
        Ok(Built { per_minute: 120, ..channel.into() })
    }
}

impl AlertmanagerConfig {
    fn build(&self, place: &str, timeout: Duration) -> Result<Built, SetupError> {
        let reach = Reach { loopback: self.allow_loopback, private: self.allow_private };
        let (to, egress) = way(place, Some(&self.url), reach, timeout)?;
        let channel: Box<dyn Channel> = Box::new(Alertmanager::new(&to, egress, self.stays));
        Ok(channel.into())
    }
}

impl TopicConfig {
    fn build(&self, place: &str, config: &FluvioConfig) -> Result<Built, SetupError> {
        let at = |problem: &str| SetupError::at(format!("{place}.topic"), problem);
        if self.topic.is_empty() {
            return Err(at("is missing: write the topic's name, e.g. `alerts`"));
        }
        if config.topics.contains(&self.topic) {
            return Err(at("is a topic that is read: write to another"));
        }
        if !config.is_used() {
            return Err(at("is of no cluster: write `endpoint` in the section [fluvio]"));
        }
        let cluster = config.cluster().map_err(|error| at(&error.to_string()))?;
        let channel: Box<dyn Channel> = Box::new(Topic::new(cluster, self.topic.clone()));
        Ok(channel.into())
    }
}

#[cfg(test)]
pub(in crate::delivery) mod tests {
    use super::*;
    use crate::alert::Alert;
    use crate::delivery::channel::Message;
    use crate::delivery::inbox::sample;
    use crate::delivery::outbox::About;

    /// A message that opens this alert.
    pub(in crate::delivery) fn message(alert: Alert) -> Message {
        Message {
            id: "00112233445566778899aabbccddeeff".to_owned(),
            address: String::new(),
            person: "r1".to_owned(),
            slack: None,
            about: About::Opened,
            alerts: vec![alert],
            earlier: String::new(),
            sent_at: sample::at("2025-03-04T09:30:00Z"),
            pages: "https://siaga.example.com".to_owned(),
        }
    }

    /// A cluster that nobody asks.
    fn cluster() -> FluvioConfig {
        FluvioConfig { endpoint: "127.0.0.1:9003".to_owned(), ..FluvioConfig::default() }
    }

    fn refusal(text: &str) -> String {
        match toml::from_str::<ChannelConfig>(text) {
            Ok(config) => match config.build("team", &cluster()) {
                Ok(built) => format!("a {}", built.channel.kind()),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_channel_takes_three_lines() {
        for (text, want) in [
            ("slack.url = 'https://hooks.slack.com/services/T/B/x'", "a slack"),
            ("slack.token = 'xoxb-1'\nslack.channel = '#sales'", "a slack"),
            ("teams.url = 'https://prod.example.com/workflows/1?sig=x'", "a teams"),
            ("webhook.url = 'https://crm.example.com/hook'", "a webhook"),
            ("email.server = 'smtps://mail.example.com'\nemail.from = 'a@example.com'", "a email"),
            ("alertmanager.url = 'https://am.example.com'", "a alertmanager"),
            ("fluvio.topic = 'alerts'", "a fluvio"),
        ] {
            assert_eq!(refusal(text), want, "{text}");
        }
    }

    #[test]
    fn a_mistake_names_its_place_and_the_way_out() {
        for (text, want) in [
            ("", "channels.team: has no kind"),
            (
                "webhook.url = 'https://a.example'\nteams.url = 'https://b.example'",
                "channels.team: has no kind, or more than one",
            ),
            ("webhook.secret = 'whsec_x'", "channels.team.webhook.url: is missing"),
            ("webhook.url = 'http://a.example'", "channels.team.webhook.url: is not encrypted"),
            (
                "webhook.url = 'https://a.example'\nwebhook.secret = 'canary'",
                "channels.team.webhook.secret: does not begin with `whsec_`",
            ),
            ("slack.token = 'xoxb-1'", "channels.team.slack: write `url`"),
            ("slack.chanel = 'x'", "unknown field `chanel`"),
            ("email.server = 'mail'", "channels.team.email.server: `mail` is no mail server"),
            (
                "email.server = 'smtp://mail'\nemail.from = 'nobody'",
                "channels.team.email.from: `nobody` is no address",
            ),
            (
                "email.server = 'smtp://m'\nemail.from = 'a@b.example'\nemail.user = 'a'",
                "channels.team.email.user: a user and a password go together",
            ),
            ("fluvio.topic = ''", "channels.team.fluvio.topic: is missing"),
            (
                "fluvio.topic = 'transactions'",
                "channels.team.fluvio.topic: is a topic that is read",
            ),
            ("webhook.url_file = '/no/such'", "channels.team.webhook.url: /no/such cannot be read"),
            ("at_once = 0\nwebhook.url = 'https://a.example'", "channels.team.at_once: is 0"),
            ("first_pause = 'soon'", "`soon` is not a duration"),
        ] {
            let got = refusal(text);
            assert!(got.contains(want), "{text}: {got}");
            assert!(!got.contains("canary"), "{got}");
        }
    }
}
