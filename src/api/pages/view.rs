//! What the templates of list and detail are given: alerts in the words of a page.

use std::time::Duration;

use crate::access::address::encoded;
use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::Deed;
use crate::alert::Evidence;
use crate::alert::Value;
use crate::alert::play;
use crate::api::pages::link::Link;
use crate::api::pages::plot;
use crate::api::pages::plot::Plot;
use crate::api::pages::why;
use crate::api::pages::why::Told;
use crate::api::pages::words;
use crate::delivery::inbox::query::Counts;
use crate::delivery::inbox::query::Cursor;
use crate::delivery::inbox::query::Kept;
use crate::delivery::inbox::query::Page;
use crate::delivery::inbox::query::Query;
use crate::delivery::inbox::query::Standing;
use crate::delivery::inbox::query::Tally;
use crate::delivery::outbox::query::Listed;
use crate::delivery::wire::reason_name;
use crate::engine::port::EngineStatus;
use crate::event::EntityKind;
use crate::money;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// One owner to choose.
pub(super) struct Choice {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// A link with a number: a state or a family.
pub(super) struct Tab {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) href: String,
    pub(super) alerts: String,
    pub(super) current: bool,
}

/// The list with what stands round it.
pub(super) struct List {
    pub(super) states: Vec<Tab>,
    pub(super) families: Vec<Tab>,
    pub(super) total: String,
    pub(super) money: String,
    pub(super) rows: Vec<RowView>,
    pub(super) next: Option<String>,
    /// Whether only the rows that were asked for are here.
    pub(super) is_partial: bool,
    pub(super) is_filtered: bool,
    /// What narrows the list, each with the address of the list without it.
    pub(super) filters: Vec<(String, String)>,
    /// What an empty list says.
    pub(super) empty: &'static str,
    pub(super) status: String,
    pub(super) clock: Timestamp,
}

/// One line of the list.
pub(super) struct RowView {
    pub(super) id: String,
    /// What it is ranked by, as a text: the greater comes first. Empty where rows keep their order.
    pub(super) place: String,
    pub(super) severity: &'static str,
    pub(super) who: String,
    /// What it says, without the name.
    pub(super) what: String,
    pub(super) money: String,
    pub(super) family: &'static str,
    pub(super) family_label: &'static str,
    pub(super) opened_at: Timestamp,
    pub(super) opened: String,
    /// Without its zone, for a column that names it.
    pub(super) opened_short: String,
    pub(super) age: String,
    pub(super) state: &'static str,
    pub(super) state_label: String,
}

/// One alert, opened.
pub(super) struct Detail {
    pub(super) row: RowView,
    pub(super) description: String,
    /// What to do, in a sentence.
    pub(super) todo: String,
    /// The name of the play, where it has one.
    pub(super) play: Option<String>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) told: Vec<Told>,
    /// The condition as the author wrote it.
    pub(super) condition: String,
    pub(super) plots: Vec<Plot>,
    pub(super) evidence: Vec<EvidenceView>,
    pub(super) evidence_note: String,
    pub(super) history: Vec<DeedView>,
    /// Who else could have it.
    pub(super) others: Vec<Choice>,
    pub(super) owner_key: String,
    /// When a snooze ends, for undoing what comes after it.
    pub(super) until: String,
    /// What it brought in or cost.
    pub(super) amount: Option<String>,
    pub(super) currency: String,
    pub(super) entity_id: String,
    pub(super) entity_href: Option<String>,
    pub(super) owner: String,
    pub(super) rule: String,
    /// Its page, for those who may see it.
    pub(super) rule_href: Option<String>,
    pub(super) expires: Option<(Timestamp, String)>,
    pub(super) state_sentence: String,
    pub(super) can_reopen: bool,
    pub(super) is_closed: bool,
    pub(super) is_acknowledged: bool,
    pub(super) sent: Vec<Sent>,
}

/// Who was told of an alert outside of the pages, or why not.
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) time: String,
    pub(super) channel: String,
    pub(super) to: String,
    pub(super) status: &'static str,
    pub(super) reason: String,
}

/// What somebody did, as a line.
pub(super) struct DeedView {
    pub(super) at: Timestamp,
    pub(super) time: String,
    pub(super) who: String,
    pub(super) did: String,
    /// What a comment says.
    pub(super) said: Option<String>,
}

/// One event of a table.
pub(super) struct EvidenceView {
    pub(super) at: Timestamp,
    pub(super) time: String,
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) net: String,
    pub(super) is_negative: bool,
    pub(super) margin: String,
}

impl List {
    pub(super) fn new(
        page: &Page,
        counts: &Counts,
        link: &Link,
        query: &Query,
        clock: Timestamp,
    ) -> Self {
        let current = match query.standing {
            Standing::Snoozed => "snoozed",
            Standing::Closed => "closed",
            Standing::Any | Standing::Shadow => "",
            _ => "open",
        };
        let state = |name: &'static str, label, tally: &Tally| Tab {
            name,
            label,
            href: link.with_state(name),
            alerts: money::grouped(tally.alerts),
            current: name == current,
        };
        let mut states = vec![
            state("open", "Open", &counts.open),
            state("snoozed", "Snoozed", &counts.snoozed),
            state("closed", "Closed", &counts.closed),
        ];
        if counts.closed.alerts == 0 {
            // They are counted only where they are shown.
            states[2].alerts.clear();
        }
        let everything: u64 = counts.families.iter().map(|(_, tally)| tally.alerts).sum();
        let mut families = vec![Tab {
            name: "",
            label: "All",
            href: link.with_family(""),
            alerts: money::grouped(everything),
            current: query.family.is_none(),
        }];
        families.extend(counts.families.iter().map(|(family, tally)| Tab {
            name: family.name(),
            label: words::family(*family),
            href: link.with_family(family.name()),
            alerts: money::grouped(tally.alerts),
            current: query.family == Some(*family),
        }));
        let all = Tally {
            alerts: counts.open.alerts + counts.snoozed.alerts + counts.closed.alerts,
            money: Vec::new(),
        };
        let shown = match query.standing {
            Standing::Snoozed => &counts.snoozed,
            Standing::Closed => &counts.closed,
            Standing::Any => &all,
            _ => &counts.open,
        };
        Self {
            states,
            families,
            total: money::grouped(shown.alerts),
            money: words::tally(shown),
            rows: rows(page, clock),
            is_partial: !query.among.is_empty(),
            next: page.next.as_ref().map(|next| link.with_cursor(&Cursor::encode(next))),
            is_filtered: query.family.is_some()
                || query.text.is_some()
                || query.owner.is_some()
                || !filters(link, query).is_empty(),
            filters: filters(link, query),
            empty: match query.standing {
                Standing::Snoozed => "Nothing is put aside.",
                Standing::Closed => "Nothing has been closed yet.",
                _ => "Nothing to do. New alerts appear here by themselves.",
            },
            status: String::new(),
            clock,
        }
    }

    /// With a line on how the engine is.
    pub(super) fn with_status(self, status: &EngineStatus, latency: Option<Duration>) -> Self {
        let mut words = vec![format!("{} events", money::grouped(status.events))];
        if let Some(latency) = latency {
            let millis = latency.as_secs_f64() * 1e3;
            words.push(format!("event to alert in {millis:.1} ms (p99)"));
        }
        if !status.ready {
            words.push("catching up".to_owned());
        }
        words.extend(status.trouble.clone());
        Self { status: words.join(" · "), ..self }
    }
}

/// The lines of a page, each with its place.
fn rows(page: &Page, clock: Timestamp) -> Vec<RowView> {
    let keyed = page.alerts.iter().zip(&page.keys);
    let rows = keyed.map(|(kept, key)| {
        let place = place(*key, &kept.alert);
        RowView { place, ..RowView::new(&kept.alert, clock) }
    });
    rows.collect()
}

/// Texts that stand in the order of the list: by its key, the newer first, and then by the id.
fn place(key: i64, alert: &Alert) -> String {
    let sortable = |number: i64| number.cast_unsigned() ^ (1 << 63);
    let (key, opened_at) = (sortable(key), sortable(alert.opened_at.millis()));
    format!("{key:016x}{opened_at:016x}{}", alert.id)
}

/// The filters that no tab or chooser shows.
fn filters(link: &Link, query: &Query) -> Vec<(String, String)> {
    let rule = query.rule.as_ref().map(|rule| ("rule", format!("Rule {rule}")));
    let severity = query.severity.map(|severity| ("severity", words::kind(severity.name())));
    let least = query
        .value_min
        .map(|amount| ("min", format!("From {}", words::value(Value { amount, currency: None }))));
    let entity = query.entity.as_ref().map(|(_, id)| ("entity", id.clone()));
    let all = [rule, severity, least, entity].into_iter().flatten();
    all.map(|(name, text)| (text, link.without(name))).collect()
}

impl RowView {
    pub(super) fn new(alert: &Alert, clock: Timestamp) -> Self {
        let who = alert.entity_name.clone().unwrap_or_else(|| alert.entity_id.clone());
        Self {
            id: alert.id.to_string(),
            place: String::new(),
            severity: alert.severity.name(),
            what: words::message(&alert.summary, &who).replace(" %", "\u{a0}%"),
            who,
            money: alert.value.map(words::value).unwrap_or_default(),
            family: alert.family.name(),
            family_label: words::family(alert.family),
            opened_at: alert.opened_at,
            opened: words::time(alert.opened_at),
            opened_short: words::short_time(alert.opened_at),
            age: words::age(clock - alert.opened_at),
            state: alert.state.name(),
            state_label: match &alert.state {
                AlertState::Pending => "Pending".to_owned(),
                AlertState::Firing => String::new(),
                AlertState::Acknowledged { .. } => "On it".to_owned(),
                AlertState::Snoozed { until, .. } => format!("until {}", words::date(*until)),
                AlertState::Waiting { .. } => "until news".to_owned(),
                AlertState::Closed { reason, .. } => reason_name(reason).to_owned(),
            },
        }
    }
}

impl Detail {
    /// `owner_name` says how an owner's key is shown.
    pub(super) fn new(
        kept: &Kept,
        deeds: &[Deed],
        clock: Timestamp,
        owner_name: impl Fn(&str) -> String,
    ) -> Self {
        let alert = &kept.alert;
        let currency = alert.value.and_then(|value| value.currency);
        let labels = alert.labels.iter().filter(|(name, _)| *name != "play" && *name != "severity");
        let label = alert.labels.get("play").map(String::as_str);
        let condition = alert.reasons.iter().find(|reason| reason.name == "when");
        let shown = alert.evidence.len() as u64;
        let more = alert.evidence_total.saturating_sub(shown);
        Self {
            row: RowView::new(alert, clock),
            description: alert.description.clone(),
            todo: play::sentence(label, alert.family).to_owned(),
            play: label.and_then(play::name),
            labels: labels.map(|(name, value)| (words::kind(name), value.clone())).collect(),
            told: why::parts(&alert.reasons),
            condition: condition.map_or_else(String::new, |when| when.expression.to_string()),
            plots: plot::of(alert),
            evidence: alert.evidence.iter().rev().map(EvidenceView::from).collect(),
            evidence_note: match more {
                0 => String::new(),
                more => format!("and {} earlier events", money::grouped(more)),
            },
            history: deeds.iter().map(|deed| DeedView::new(deed, currency, &owner_name)).collect(),
            others: Vec::new(),
            owner_key: alert.owner.key(),
            until: match &alert.state {
                AlertState::Snoozed { until, .. } => until.to_string(),
                _ => String::new(),
            },
            amount: kept.amount.map(words::value),
            currency: currency.map(|currency| currency.to_string()).unwrap_or_default(),
            entity_id: alert.entity_id.clone(),
            entity_href: (alert.entity_kind == EntityKind::Customer)
                .then(|| format!("/customers/{}", encoded(&alert.entity_id))),
            owner: owner_name(&alert.owner.key()),
            rule_href: None,
            rule: alert.rule.clone(),
            expires: alert.expires_at.map(|at| (at, words::time(at))),
            state_sentence: sentence(&alert.state, owner_name),
            can_reopen: match &alert.state {
                AlertState::Pending | AlertState::Firing => false,
                AlertState::Closed { reason, .. } => !reason.is_by_engine(),
                _ => true,
            },
            is_closed: matches!(alert.state, AlertState::Closed { .. }),
            is_acknowledged: matches!(alert.state, AlertState::Acknowledged { .. }),
            sent: Vec::new(),
        }
    }

    /// With who was told, the first first.
    pub(super) fn with_sent(self, deliveries: &[Listed]) -> Self {
        Self { sent: deliveries.iter().rev().map(Sent::from).collect(), ..self }
    }
}

impl From<&Listed> for Sent {
    fn from(delivery: &Listed) -> Self {
        let at = delivery.changed_at.0;
        let to = if delivery.person.is_empty() { &delivery.address } else { &delivery.person };
        Self {
            at,
            time: words::short_time(at),
            channel: delivery.channel.clone(),
            to: to.clone(),
            status: delivery.status.name(),
            reason: delivery.reason.clone(),
        }
    }
}

impl DeedView {
    fn new(deed: &Deed, currency: Option<Currency>, name: impl Fn(&str) -> String) -> Self {
        let who = if deed.by.contains(':') { name(&deed.by) } else { deed.by.clone() };
        let mut said = None;
        let did = match &deed.action {
            Action::Acknowledge => "is on it".to_owned(),
            Action::Snooze { until } => format!("put it aside until {}", words::time(*until)),
            Action::Wait => "put it aside until something new happens".to_owned(),
            Action::Reopen => "opened it again".to_owned(),
            Action::Close { reason, amount } => {
                let amount = amount.map(|amount| words::value(Value { amount, currency }));
                let amount = amount.map(|amount| format!(", {amount}")).unwrap_or_default();
                match reason {
                    CloseReason::Dismissed(note) => format!("dismissed it: {note}"),
                    reason => format!("closed it as {}{amount}", reason_name(reason)),
                }
            }
            Action::Reassign { owner } => format!("handed it to {}", name(&owner.key())),
            Action::Comment { text } | Action::Retract { text } => {
                said = Some(text.clone());
                "said".to_owned()
            }
        };
        Self { at: deed.at, time: words::short_time(deed.at), who, did, said }
    }
}

impl From<&Evidence> for EvidenceView {
    fn from(event: &Evidence) -> Self {
        Self {
            at: event.time,
            time: words::short_time(event.time),
            kind: words::kind(&event.kind),
            text: event.text.to_string(),
            net: event.net.map(words::value).unwrap_or_default(),
            is_negative: event.net.is_some_and(|net| net.amount < Decimal::ZERO),
            margin: event.margin.map(words::share).unwrap_or_default(),
        }
    }
}

/// Where an alert stands, as a sentence.
fn sentence(state: &AlertState, owner_name: impl Fn(&str) -> String) -> String {
    let who = |by: &str| if by.contains(':') { owner_name(by) } else { by.to_owned() };
    match state {
        AlertState::Pending => "The condition holds, but not yet for long enough.".to_owned(),
        AlertState::Firing => String::new(),
        AlertState::Acknowledged { by, at } => {
            format!("{} is on it since {}.", who(by), words::time(*at))
        }
        AlertState::Snoozed { by, until } => {
            format!("{} put it aside until {}.", who(by), words::time(*until))
        }
        AlertState::Waiting { by, since } => {
            let since = words::time(*since);
            format!("{} put it aside on {since} until something new happens.", who(by))
        }
        AlertState::Closed { at, reason } => {
            let at = words::time(*at);
            match reason {
                CloseReason::Resolved => format!("Resolved by itself on {at}."),
                CloseReason::Expired => format!("The moment passed on {at}."),
                CloseReason::Withdrawn => format!("Its rule was taken out on {at}."),
                CloseReason::Won => format!("Won on {at}."),
                CloseReason::Lost => format!("Lost on {at}."),
                CloseReason::Dismissed(note) => format!("Dismissed on {at}: {note}"),
            }
        }
    }
}
