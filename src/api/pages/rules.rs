//! The pages of rules: do they work, how often do they fire, for whom, and are they right?

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::State;
use axum::response::Response;

use crate::access::address::encoded;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::pages::Frame;
use crate::api::pages::html;
use crate::api::pages::link::Link;
use crate::api::pages::owner_name;
use crate::api::pages::page_or_missing;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::plot::days;
use crate::api::pages::words;
use crate::api::problem::Problem;
use crate::delivery::inbox::record::Outcomes;
use crate::delivery::inbox::record::RuleRecord;
use crate::engine::port::RuleState;
use crate::engine::port::RuleView;
use crate::money;
use crate::time::Span;
use crate::time::Timestamp;

/// Days whose alerts are counted.
const DAYS: i64 = 90;
/// Owners that are shown of a rule.
const OWNERS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    days: i64,
    rules: Vec<RuleRow>,
    reloaded: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    frame: Frame,
    days: i64,
    rule: RuleRow,
    facts: Vec<(&'static str, String)>,
    outcomes: Vec<OutcomeRow>,
    plots: Vec<Plot>,
    owners: Vec<(String, String, String)>,
}

/// A rule with how it does.
struct RuleRow {
    name: String,
    href: String,
    alerts_href: String,
    family: &'static str,
    family_label: &'static str,
    mode: &'static str,
    /// A class, and the word for it.
    state: &'static str,
    state_label: String,
    why: Option<&'static str>,
    evaluations: String,
    failures: String,
    alerts: String,
    precision: String,
    judged: String,
    busiest: String,
    shadow: String,
}

/// What became of alerts, seen or in the shadow.
struct OutcomeRow {
    label: &'static str,
    cells: [String; 7],
}

/// `GET /rules`
pub(in crate::api) async fn rules(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        let frame = Frame::new(services, &caller, "rules")?;
        let records = services.inbox.records(None, since(frame.clock))?;
        let view = services.engine.rules();
        let none = RuleRecord::default();
        let rows = view
            .rules
            .iter()
            .map(|rule| RuleRow::new(rule, records.get(&rule.name).unwrap_or(&none)));
        html(&RulesPage {
            frame,
            days: DAYS,
            rules: rows.collect(),
            reloaded: words::time(view.reload.at),
            problem: view.reload.problem.clone(),
        })
    });
    page_or_missing(page.await, bare)
}

/// `GET /rules/{name}`
pub(in crate::api) async fn rule(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(name): Path<String>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        let frame = Frame::new(services, &caller, "rules")?;
        let from = since(frame.clock);
        let rules = services.engine.rules().rules;
        let rule = rules.into_iter().find(|rule| rule.name == name).ok_or_else(|| {
            let name: String = name.chars().take(100).collect();
            Problem::missing(format!("No rule has the name `{name}`: the rules are at /rules."))
        })?;
        let record = services.inbox.records(Some(&name), from)?.remove(&name).unwrap_or_default();
        let sight = caller.sight(services);
        let owners = record.owners.iter().filter(|(owner, _)| sight.covers(owner));
        let owners = owners.take(OWNERS_MAX).map(|(owner, alerts)| {
            let href = Link::to(&[("state", "any"), ("owner", owner), ("rule", &name)]);
            (owner_name(services, owner), href, money::grouped(*alerts))
        });
        let owners = owners.collect();
        html(&RulePage {
            days: DAYS,
            facts: facts(&rule, &record),
            outcomes: outcomes(&record),
            plots: days(&record.days, (from, frame.clock)).into_iter().collect(),
            owners,
            rule: RuleRow::new(&rule, &record),
            frame,
        })
    });
    page_or_missing(page.await, bare)
}

fn since(clock: Timestamp) -> Timestamp {
    clock - Span::from_millis(DAYS * Span::DAY.millis())
}

impl RuleRow {
    fn new(rule: &RuleView, record: &RuleRecord) -> Self {
        let judged = judged(&record.live);
        Self {
            href: format!("/rules/{}", encoded(&rule.name)),
            alerts_href: Link::to(&[("state", "any"), ("rule", &rule.name)]),
            name: rule.name.clone(),
            family: rule.family.name(),
            family_label: words::family(rule.family),
            mode: rule.mode,
            state: if rule.mode == "off" { "off" } else { rule.state.name() },
            state_label: match (rule.mode, rule.state) {
                ("off", _) => "Off".to_owned(),
                (mode, RuleState::Running) => words::kind(mode),
                (_, RuleState::Failing) => "No value at the last look".to_owned(),
                (_, RuleState::Quarantined) => "Rests".to_owned(),
            },
            why: rule.reason,
            evaluations: money::grouped(rule.evaluations),
            failures: money::grouped(rule.failures),
            alerts: money::grouped(record.live.alerts),
            precision: judged.0,
            judged: judged.1,
            busiest: money::grouped(record.busiest),
            shadow: money::grouped(record.shadow.alerts),
        }
    }
}

/// How right it was, and how many judged that.
fn judged(outcomes: &Outcomes) -> (String, String) {
    let precision = outcomes.precision();
    let precision =
        precision.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0));
    (precision, format!("{} won of {} judged", outcomes.won, outcomes.judged()))
}

fn facts(rule: &RuleView, record: &RuleRecord) -> Vec<(&'static str, String)> {
    vec![
        ("Looks since the start", money::grouped(rule.evaluations)),
        ("Looks without a value", money::grouped(rule.failures)),
        ("Fired since the start", money::grouped(rule.alerts)),
        ("Won, of those judged", judged(&record.live).0),
        ("Most for one rep in a day", money::grouped(record.busiest)),
        ("Looks at", format!("one {}", rule.entity.name())),
    ]
}

fn outcomes(record: &RuleRecord) -> Vec<OutcomeRow> {
    let rows = [("Seen by people", &record.live), ("In the shadow", &record.shadow)];
    let rows = rows.into_iter().filter(|(_, outcomes)| outcomes.alerts > 0);
    rows.map(|(label, outcomes)| OutcomeRow {
        label,
        cells: [
            money::grouped(outcomes.alerts),
            money::grouped(outcomes.open),
            money::grouped(outcomes.won),
            money::grouped(outcomes.lost),
            money::grouped(outcomes.dismissed),
            money::grouped(outcomes.passed),
            judged(outcomes).0,
        ],
    })
    .collect()
}
