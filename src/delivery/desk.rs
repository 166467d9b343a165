//! The desk: the whole configuration of delivery, checked, and the question where an alert goes.
//!
//! ```text
//! labels ─► route ─► receiver ─┬► channels ─┐
//!                              └► to        ├─► destinations: channel, person, address
//!           people, who is away ────────────┘
//! ```
//!
//! Without `[route]` every channel gets every alert. A route may name a channel where it would name
//! a receiver with that channel alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::alert::Alert;
use crate::delivery::channel::config::ChannelConfig;
use crate::delivery::channel::config::Configured;
use crate::delivery::channel::config::SetupError;
use crate::delivery::hours::Hours;
use crate::delivery::hours::TimeOfDay;
use crate::delivery::inbox::people::People;
use crate::delivery::person::Directory;
use crate::delivery::person::Person;
use crate::delivery::person::Recipient;
use crate::delivery::person::Whom;
use crate::delivery::route::Route;
use crate::delivery::route::matcher::Labels;
use crate::delivery::route::matcher::Matchers;
use crate::engine::config::read_span;
use crate::engine::config::write_span;
use crate::source::fluvio::config::FluvioConfig;
use crate::time::Span;
use crate::time::Timestamp;

/// Section `[delivery]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Where people reach our pages: `https://siaga.example.com`. Links in messages lead there.
    pub pages: String,
    /// An alert that is older when it would be sent stays in the inbox only: a history that is
    /// replayed calls nobody.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub stale_after: Span,
    /// Messages a day to one person before the rest goes to the digest; 0 is no limit.
    pub budget_per_day: u32,
    /// When no person gets a message: it waits until they are over.
    pub quiet_hours: Hours,
    /// When the digest goes out; a day's budget begins at midnight of its zone.
    pub digest_at: TimeOfDay,
    /// How long an alert waits for others of the same customer, to go as one message.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub group_wait: Span,
    /// Messages of one rule about one customer within `flap_window` before the rest goes to the
    /// digest; 0 is no limit.
    pub flaps_max: u32,
    /// See `flaps_max`.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub flap_window: Span,
    /// Deliveries kept after they are done, the newest.
    pub kept: u64,
    /// Which alerts keep others of the same customer back.
    #[serde(skip_serializing)]
    pub inhibit: Vec<Inhibit>,
}

/// An alert that matches `target` is kept back while one of the same customer that matches
/// `source` is open.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibit {
    /// What keeps others back.
    pub source: Matchers,
    /// What is kept back.
    pub target: Matchers,
    /// Labels that both must have the same, beside the customer.
    #[serde(default)]
    pub equal: Vec<String>,
}

/// Section `[receivers.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receiver {
    /// Names of channels.
    pub channels: Vec<String>,
    /// Whom it is for: `owner`, `territory`, `senior`, `manager`, `rep:ID`. Without it, for the
    /// owner where one is known, else for whom the channel is set up.
    pub to: Option<Whom>,
    /// Whether everything goes to the digest.
    pub digest: bool,
    /// After how long without anybody taking it on an alert is escalated; never when left out.
    #[serde(deserialize_with = "read_span")]
    pub escalate_after: Span,
    /// To which receiver; to the owner's manager over the same channels when left out.
    pub escalate_to: Option<String>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            to: None,
            digest: false,
            escalate_after: Span::ZERO,
            escalate_to: None,
        }
    }
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            pages: String::new(),
            stale_after: Span::from_millis(2 * Span::DAY.millis()),
            budget_per_day: 20,
            quiet_hours: Hours::default(),
            digest_at: TimeOfDay::default(),
            group_wait: Span::from_millis(10_000),
            flaps_max: 3,
            flap_window: Span::DAY,
            kept: 100_000,
            inhibit: Vec::new(),
        }
    }
}

/// The sections of delivery, as they were read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sections {
    /// `[delivery]`
    pub delivery: DeliveryConfig,
    /// `[channels.NAME]`
    pub channels: BTreeMap<String, ChannelConfig>,
    /// `[receivers.NAME]`
    pub receivers: BTreeMap<String, Receiver>,
    /// `[route]`
    pub route: Route,
    /// `[people.ID]`
    pub people: Directory,
    /// `[fluvio]`: the cluster that channels write to.
    pub fluvio: FluvioConfig,
}

/// The whole configuration of delivery, sound.
#[derive(Clone)]
pub struct Desk {
    /// Section `[delivery]`.
    pub config: DeliveryConfig,
    /// The channels, by name.
    pub channels: BTreeMap<String, Arc<Configured>>,
    /// The routes.
    pub route: Route,
    /// The people.
    pub people: Directory,
    receivers: BTreeMap<String, Receiver>,
}

/// One way for an alert to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Name of the channel.
    pub channel: String,
    /// Id of the person; empty where it goes to none by name.
    pub person: String,
    /// Where it goes within the channel, or what is missing for it to go.
    pub address: Result<String, String>,
    /// Which way it came: `root / {tier="A"} ─► seniors`, and who stands in for whom.
    pub route: String,
    /// Name of the receiver.
    pub receiver: String,
}

impl Desk {
    /// The name of the receiver where no route names one.
    pub const EVERY_CHANNEL: &'static str = "every channel";

    /// Checks everything. Fails with the first key that is wrong.
    pub fn new(sections: &Sections) -> Result<Self, SetupError> {
        let Sections { delivery, channels, receivers, route, people, fluvio } = sections;
        let mut config = delivery.clone();
        config.pages = pages(&config.pages)?;
        let built = channels.iter().map(|(name, section)| {
            let built = section.build(name, fluvio)?;
            Ok((name.clone(), Arc::new(built)))
        });
        let channels = built.collect::<Result<BTreeMap<_, _>, SetupError>>()?;
        let desk = Self {
            config,
            channels,
            route: route.clone(),
            people: people.clone(),
            receivers: receivers.clone(),
        };
        desk.check()?;
        Ok(desk)
    }

    /// Whether every name leads somewhere.
    fn check(&self) -> Result<(), SetupError> {
        let names: Vec<&str> = self.channels.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "a channel first".to_owned() } else { names.join(", ") };
        for (name, receiver) in &self.receivers {
            let place = format!("receivers.{name}");
            if self.channels.contains_key(name) {
                let problem = "has the name of a channel: give it another";
                return Err(SetupError::at(place, problem));
            }
            if receiver.channels.is_empty() {
                let problem = format!("is empty: write names of {known}");
                return Err(SetupError::at(format!("{place}.channels"), problem));
            }
            let mut listed = receiver.channels.iter();
            if let Some(bad) = listed.find(|channel| !self.channels.contains_key(*channel)) {
                let problem = format!("`{bad}` is no channel: write {known}");
                return Err(SetupError::at(format!("{place}.channels"), problem));
            }
            if let Some(to) = &receiver.escalate_to {
                self.named(&format!("{place}.escalate_to"), to)?;
                if receiver.escalate_after == Span::ZERO {
                    let problem = "has no `escalate_after`: write e.g. `escalate_after = \"4h\"`";
                    return Err(SetupError::at(place, problem));
                }
            }
        }
        for (place, name) in self.route.receivers() {
            self.named(&format!("{place}.receiver"), name)?;
        }
        for (id, person) in &self.people.0 {
            for (what, other) in [("manager", person.manager.as_ref())] {
                if let Some(other) = other.filter(|other| !self.people.0.contains_key(*other)) {
                    let problem = format!("`{other}` is nobody: write a section [people.{other}]");
                    return Err(SetupError::at(format!("people.{id}.{what}"), problem));
                }
            }
            for away in &person.away {
                if away.until <= away.from {
                    let problem = "ends before it begins: write `from` before `until`";
                    return Err(SetupError::at(format!("people.{id}.away"), problem));
                }
            }
        }
        Ok(())
    }

    fn named(&self, place: &str, name: &str) -> Result<(), SetupError> {
        if self.receivers.contains_key(name) || self.channels.contains_key(name) {
            return Ok(());
        }
        let known = self.receivers.keys().chain(self.channels.keys()).cloned();
        let known = known.collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "a section [channels.NAME] first" } else { &known };
        Err(SetupError::at(place, format!("`{name}` is no receiver and no channel: write {known}")))
    }

    /// The same desk, with everybody whom the reference data name.
    #[must_use]
    pub fn knowing(&self, people: &People) -> Self {
        Self { people: self.people.over(people), ..self.clone() }
    }

    /// Whether nothing is ever sent.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// A receiver; a channel's name stands for the receiver with that channel alone.
    pub fn receiver(&self, name: &str) -> Receiver {
        let channels = match name {
            Self::EVERY_CHANNEL => self.channels.keys().cloned().collect(),
            name => vec![name.to_owned()],
        };
        let alone = || Receiver { channels, ..Receiver::default() };
        self.receivers.get(name).cloned().unwrap_or_else(alone)
    }

    /// A person's section.
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.0.get(id)
    }

    /// When this person is not disturbed.
    pub fn quiet_hours(&self, id: &str) -> &Hours {
        let own = self.person(id).and_then(|person| person.quiet_hours.as_ref());
        own.unwrap_or(&self.config.quiet_hours)
    }

    /// How many messages a day this person gets; none is no limit.
    pub fn budget(&self, id: &str) -> Option<u32> {
        let own = self.person(id).and_then(|person| person.budget_per_day);
        Some(own.unwrap_or(self.config.budget_per_day)).filter(|budget| *budget > 0)
    }

    /// Where an alert goes, each address of a channel once, and why there.
    pub fn destinations(&self, alert: &Alert, labels: &Labels, now: Timestamp) -> Vec<Destination> {
        let mut found = Vec::new();
        for hit in self.route.find(labels) {
            let name = hit.receiver.unwrap_or(Self::EVERY_CHANNEL);
            let way = Way { receiver: self.receiver(name), name, path: &hit.path };
            self.add(&mut found, &way, (alert, labels), now);
        }
        found
    }

    /// Where an alert goes that nobody took on: to the receiver's other receiver, or the manager.
    pub fn escalations(
        &self,
        receiver: &str,
        alert: &Alert,
        labels: &Labels,
        now: Timestamp,
    ) -> Vec<Destination> {
        let mut found = Vec::new();
        let from = self.receiver(receiver);
        let path = &format!("not taken on within {} of {receiver}", from.escalate_after);
        let way = match &from.escalate_to {
            Some(name) => Way { receiver: self.receiver(name), name, path },
            None => {
                let to = Receiver { to: Some(Whom::Manager), ..from };
                Way { receiver: to, name: "manager", path }
            }
        };
        self.add(&mut found, &way, (alert, labels), now);
        found
    }

    fn add(
        &self,
        found: &mut Vec<Destination>,
        way: &Way<'_>,
        (alert, labels): (&Alert, &Labels),
        now: Timestamp,
    ) {
        let Way { receiver, name, path } = way;
        let whom = receiver.to.clone().unwrap_or(Whom::Owner);
        let people = self.people.find(&whom, alert, labels, now);
        let nobody = vec![Recipient { id: String::new(), note: String::new() }];
        for channel in receiver.channels.iter().filter_map(|name| self.channels.get(name)) {
            let by_name = channel.channel.is_for_people() && !people.is_empty();
            for recipient in if by_name { &people } else { &nobody } {
                let address = channel.channel.address(&recipient.id, self.person(&recipient.id));
                let note = match recipient.note.as_str() {
                    "" => String::new(),
                    note => format!(" ({note})"),
                };
                let destination = Destination {
                    channel: channel.name.clone(),
                    person: recipient.id.clone(),
                    address,
                    route: format!("{path} ─► {name}{note}"),
                    receiver: (*name).to_owned(),
                };
                let is_known = found.iter().any(|known: &Destination| {
                    known.channel == destination.channel && known.address == destination.address
                });
                if !is_known {
                    found.push(destination);
                }
            }
        }
    }
}

/// How an alert comes to a receiver.
struct Way<'a> {
    receiver: Receiver,
    name: &'a str,
    path: &'a str,
}

/// The address of our pages, without a slash at its end.
fn pages(text: &str) -> Result<String, SetupError> {
    let text = text.trim().trim_end_matches('/');
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>\"'|\\^`{}".contains(c));
    if text.is_empty() || (is_web && is_plain) {
        return Ok(text.to_owned());
    }
    let problem = format!("`{text}` is no web address: write `https://siaga.example.com`");
    Err(SetupError::at("delivery.pages", problem))
}

#[cfg(test)]
pub(in crate::delivery) mod tests {
    use super::*;
    use crate::alert::Owner;
    use crate::delivery::inbox::sample;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        delivery: DeliveryConfig,
        #[serde(default)]
        channels: BTreeMap<String, ChannelConfig>,
        #[serde(default)]
        receivers: BTreeMap<String, Receiver>,
        #[serde(default)]
        route: Route,
        #[serde(default)]
        people: Directory,
    }

    /// The desk of a configuration.
    pub(in crate::delivery) fn desk(text: &str) -> Result<Desk, SetupError> {
        let File { delivery, channels, receivers, route, people } = toml::from_str(text).unwrap();
        let fluvio = FluvioConfig::default();
        Desk::new(&Sections { delivery, channels, receivers, route, people, fluvio })
    }

    const CHANNELS: &str = "
        [channels.crm]
        webhook.url = 'https://crm.example.com/hook'
        [channels.mail]
        email.server = 'smtps://mail.example.com'
        email.from = 'siaga@example.com'
        email.address = '{rep}@example.com'
        email.to = ['desk@example.com']
    ";

    fn shown(found: &[Destination]) -> Vec<String> {
        let shown = found.iter().map(|to| {
            let address = to.address.clone().unwrap_or_else(|problem| format!("! {problem}"));
            format!("{} {} {address}", to.channel, to.person).trim_end().to_owned()
        });
        shown.collect()
    }

    #[test]
    fn without_a_route_every_channel_gets_every_alert() {
        let desk = desk(CHANNELS).unwrap();
        let alert = sample::alert("c1", None);
        let found = desk.destinations(&alert, &Labels::new(), alert.opened_at);
        assert_eq!(shown(&found), ["crm", "mail r1 r1@example.com"]);
        assert_eq!(found[0].route, "root ─► every channel");
        let nobodys = Alert { owner: Owner::Queue, ..alert };
        let found = desk.destinations(&nobodys, &Labels::new(), nobodys.opened_at);
        assert_eq!(shown(&found), ["crm", "mail  desk@example.com"]);
    }

    #[test]
    fn a_receiver_says_over_which_channels_and_to_whom() {
        let text = format!(
            "{CHANNELS}
            [receivers.boss]
            channels = ['mail', 'crm']
            to = 'manager'
            [receivers.both]
            channels = ['mail']
            escalate_after = '4h'
            [route]
            receiver = 'both'
            [[route.routes]]
            matchers = ['severity=\"critical\"']
            receiver = 'boss'
            continue = true
            [[route.routes]]
            matchers = ['severity=\"critical\"']
            receiver = 'both'
            [people.r1]
            manager = 'm1'
            [people.m1]
            email = 'boss@example.org'"
        );
        let desk = desk(&text).unwrap();
        let alert = sample::alert("c1", None);
        let critical: Labels = [("severity".to_owned(), "critical".to_owned())].into();
        let found = desk.destinations(&alert, &critical, alert.opened_at);
        assert_eq!(shown(&found), ["mail m1 boss@example.org", "crm", "mail r1 r1@example.com"]);
        let found = desk.escalations("both", &alert, &critical, alert.opened_at);
        assert_eq!(shown(&found), ["mail m1 boss@example.org"]);
        assert_eq!(found[0].route, "not taken on within 4h of both ─► manager");
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told_with_its_place() {
        for (text, want) in [
            ("[route]\nreceiver = 'x'", "route.receiver: `x` is no receiver and no channel"),
            (
                "[[route.routes]]\nreceiver = 'mail'\n[[route.routes]]\nreceiver = 'x'",
                "route.routes[1].receiver: `x` is no receiver and no channel: write crm, mail",
            ),
            ("[receivers.a]", "receivers.a.channels: is empty: write names of crm, mail"),
            ("[receivers.a]\nchannels = ['x']", "receivers.a.channels: `x` is no channel"),
            ("[receivers.mail]\nchannels = ['crm']", "receivers.mail: has the name of a channel"),
            (
                "[receivers.a]\nchannels = ['crm']\nescalate_to = 'mail'",
                "receivers.a: has no `escalate_after`",
            ),
            ("[people.r1]\nmanager = 'm'", "people.r1.manager: `m` is nobody"),
            ("[delivery]\npages = 'siaga'", "delivery.pages: `siaga` is no web address"),
        ] {
            let error = desk(&format!("{CHANNELS}\n{text}")).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
