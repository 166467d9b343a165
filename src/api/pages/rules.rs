//! The pages of rules: do they work, how often do they fire, for whom, and are they right?

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use serde::Deserialize;

use crate::access::address::encoded;
use crate::access::role::Right;
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
use crate::api::rules;
use crate::delivery::inbox::record::Outcomes;
use crate::delivery::inbox::record::RuleRecord;
use crate::delivery::inbox::record::Volume;
use crate::engine::backtest::bar::Bar;
use crate::engine::port::RuleState;
use crate::engine::port::RuleView;
use crate::money;
use crate::rule::file::Mode;
use crate::time::Span;
use crate::time::Timestamp;

/// Days whose alerts are counted.
const DAYS: i64 = rules::DAYS as i64;
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
    owners: Vec<OwnerRow>,
    promotion: Option<Promotion>,
}

/// How near a rule in the shadow is to going live.
struct Promotion {
    alerts_href: String,
    /// What is asked for beside what there is.
    checks: Vec<(bool, String)>,
    is_good: bool,
    /// Whether who looks may set it live.
    is_allowed: bool,
    /// What does the same from a terminal; none where the rules are built in.
    command: Option<String>,
    /// The file says `live`; the program has not read it yet.
    is_on_its_way: bool,
    /// Why it was not done.
    refusal: Option<String>,
}

/// What a rule's address may hold.
#[derive(Deserialize)]
pub(in crate::api) struct Asked {
    /// The rule was just set live.
    live: Option<String>,
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

/// How many alerts an owner had.
struct OwnerRow {
    name: String,
    href: String,
    alerts: String,
    /// In the mean.
    a_day: String,
    busiest: String,
}

/// What became of alerts, seen or in the shadow.
struct OutcomeRow {
    label: &'static str,
    cells: [String; 7],
}

/// `GET /rules`
pub(in crate::api) async fn list(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        rules::are_here(services)?;
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
    Query(asked): Query<Asked>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        let mut page = RulePage::new(services, &caller, &name)?;
        if let Some(promotion) = &mut page.promotion {
            promotion.is_on_its_way = asked.live.is_some();
        }
        html(&page)
    });
    page_or_missing(page.await, bare)
}

/// `POST /rules/{name}/promote`
pub(in crate::api) async fn promote(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(name): Path<String>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let done = blocking(&services, move |services| {
        let refusal = match rules::promote(services, &caller, &name) {
            Ok(_) => {
                let there = format!("/rules/{}?live=1", encoded(&name));
                return Ok(Redirect::to(&there).into_response());
            }
            Err(problem) if problem.status == StatusCode::CONFLICT => problem.detail,
            Err(problem) => return Err(problem),
        };
        let mut page = RulePage::new(services, &caller, &name)?;
        let Some(promotion) = &mut page.promotion else {
            return Err(Problem::new(StatusCode::CONFLICT, refusal));
        };
        promotion.refusal = Some(refusal);
        Ok((StatusCode::CONFLICT, html(&page)?).into_response())
    });
    match done.await {
        Ok(done) => done,
        Err(problem) => page_or_missing(Err(problem), bare),
    }
}

impl RulePage {
    fn new(services: &Services, caller: &Caller, name: &str) -> Result<Self, Problem> {
        let frame = Frame::new(services, caller, "rules")?;
        let from = since(frame.clock);
        let rule = rules::named(services, name)?;
        let record = services.inbox.records(Some(name), from)?.remove(name).unwrap_or_default();
        let sight = caller.sight(services);
        let owners = record.owners.iter().filter(|volume| sight.covers(&volume.owner));
        let state = state_of(&record);
        let owners = owners.take(OWNERS_MAX).map(|volume| {
            let Volume { owner, alerts, busiest } = volume;
            #[expect(clippy::cast_precision_loss, reason = "a mean that is shown")]
            let a_day = *alerts as f64 / DAYS as f64;
            OwnerRow {
                name: owner_name(services, owner),
                href: Link::to(&[("state", state), ("owner", owner), ("rule", name)]),
                alerts: money::grouped(*alerts),
                a_day: format!("{a_day:.2}"),
                busiest: money::grouped(*busiest),
            }
        });
        let in_shadow = rule.mode == Mode::Shadow.name();
        Ok(Self {
            days: DAYS,
            facts: facts(&rule, &record),
            outcomes: outcomes(&record),
            plots: days(&record.days, (from, frame.clock)).into_iter().collect(),
            owners: owners.collect(),
            promotion: in_shadow.then(|| Promotion::new(services, caller, name)).transpose()?,
            rule: RuleRow::new(&rule, &record),
            frame,
        })
    }
}

impl Promotion {
    fn new(services: &Services, caller: &Caller, name: &str) -> Result<Self, Problem> {
        let shown = rules::shown(services, name)?;
        let busiest = shown.busiest.as_ref().map(|(owner, _)| owner.as_str()).unwrap_or_default();
        let checks = Bar::default().checks(&shown).map(|(met, check)| {
            let named = format!("({})", owner_name(services, busiest));
            (met, words::capital(&check.replace(&format!("({busiest})"), &named)))
        });
        Ok(Self {
            alerts_href: Link::to(&[("state", "shadow"), ("rule", name)]),
            is_good: checks.iter().all(|(met, _)| *met),
            checks: checks.into(),
            is_allowed: caller.viewer.may(Right::Promote),
            command: services.rulebook.as_ref().map(|book| book.command(name)),
            is_on_its_way: false,
            refusal: None,
        })
    }
}

/// The list that has a rule's alerts: those in the shadow are in no other.
fn state_of(record: &RuleRecord) -> &'static str {
    let is_in_shadow = record.live.alerts == 0 && record.shadow.alerts > 0;
    if is_in_shadow { "shadow" } else { "any" }
}

fn since(clock: Timestamp) -> Timestamp {
    clock - Span::from_millis(DAYS * Span::DAY.millis())
}

impl RuleRow {
    fn new(rule: &RuleView, record: &RuleRecord) -> Self {
        let judged = judged(&record.live);
        // Many a rule has no value for those whom it is not about: how often stands beside it.
        let state = match rule.state {
            RuleState::Failing if rule.failures < rule.evaluations => RuleState::Running,
            state => state,
        };
        Self {
            href: format!("/rules/{}", encoded(&rule.name)),
            alerts_href: Link::to(&[("state", state_of(record)), ("rule", &rule.name)]),
            name: rule.name.clone(),
            family: rule.family.name(),
            family_label: words::family(rule.family),
            mode: rule.mode,
            state: if rule.mode == "off" { "off" } else { state.name() },
            state_label: match (rule.mode, state) {
                ("off", _) => "Off".to_owned(),
                (mode, RuleState::Running) => words::kind(mode),
                (_, RuleState::Failing) => "Never has a value".to_owned(),
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
