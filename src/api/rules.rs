//! Rules over the API: which run, how do they do, what came of the last attempt to change them, and
//! may one that ran in the shadow go live?
//!
//! ```text
//! promote ─► in the shadow? good enough? ─► noted ─► `mode: live` in its file ─► taken in by itself
//! ```

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde::Serialize;

use crate::api::Services;
use crate::api::alerts;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::inbox::record::Outcomes;
use crate::delivery::inbox::record::Volume;
use crate::delivery::wire::WireTime;
use crate::engine::backtest::bar::Bar;
use crate::engine::backtest::bar::Shown;
use crate::engine::port::RuleView;
use crate::rule::file::Mode;
use crate::rule::mode;
use crate::time::Span;
use crate::time::Timestamp;

/// Days whose alerts are counted when none are asked for.
pub(super) const DAYS: u32 = 90;
const DAYS_MAX: u32 = 366;

#[derive(Serialize)]
struct Listed<'a> {
    rules: Vec<WireRule<'a>>,
    last_reload: WireReload<'a>,
}

#[derive(Serialize)]
struct WireReload<'a> {
    at: WireTime,
    successful: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct WireRule<'a> {
    name: &'a str,
    family: &'static str,
    entity: &'static str,
    mode: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    evaluations: u64,
    failures: u64,
    alerts_opened: u64,
    items: u64,
}

impl<'a> From<&'a RuleView> for WireRule<'a> {
    fn from(rule: &'a RuleView) -> Self {
        Self {
            name: &rule.name,
            family: rule.family.name(),
            entity: rule.entity.name(),
            mode: rule.mode,
            state: rule.state.name(),
            reason: rule.reason,
            evaluations: rule.evaluations,
            failures: rule.failures,
            alerts_opened: rule.alerts,
            items: rule.items,
        }
    }
}

/// `GET /v1/rules`
pub(super) async fn rules(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let text = blocking(&services, |services| {
        are_here(services)?;
        let view = services.engine.rules();
        let (at, problem) = (WireTime(view.reload.at), view.reload.problem.as_deref());
        let last_reload = WireReload { at, successful: problem.is_none(), problem };
        let rules = view.rules.iter().map(WireRule::from).collect();
        serde_json::to_string(&Listed { rules, last_reload })
            .map_err(|error| Problem::internal(&error))
    });
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

/// Which days are looked at.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    days: Option<u32>,
}

/// A rule with what became of its alerts.
#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    rule: WireRule<'a>,
    from: WireTime,
    to: WireTime,
    live: WireOutcomes,
    shadow: WireOutcomes,
    /// The most alerts that one owner had on one day.
    busiest: u64,
    owners: Vec<WireVolume<'a>>,
    days: Vec<WireDay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<WirePromotion>,
}

#[derive(Serialize)]
struct WireOutcomes {
    alerts: u64,
    open: u64,
    won: u64,
    lost: u64,
    dismissed: u64,
    passed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
}

#[derive(Serialize)]
struct WireVolume<'a> {
    owner: &'a str,
    alerts: u64,
    busiest: u64,
}

#[derive(Serialize)]
struct WireDay {
    day: String,
    alerts: u64,
}

/// How near a rule in the shadow is to going live.
#[derive(Serialize)]
struct WirePromotion {
    is_good: bool,
    checks: Vec<WireCheck>,
}

#[derive(Serialize)]
struct WireCheck {
    met: bool,
    check: String,
}

impl From<&Outcomes> for WireOutcomes {
    fn from(outcomes: &Outcomes) -> Self {
        let Outcomes { alerts, open, won, lost, dismissed, passed } = *outcomes;
        Self { alerts, open, won, lost, dismissed, passed, precision: outcomes.precision() }
    }
}

impl<'a> From<&'a Volume> for WireVolume<'a> {
    fn from(volume: &'a Volume) -> Self {
        Self { owner: &volume.owner, alerts: volume.alerts, busiest: volume.busiest }
    }
}

/// `GET /v1/rules/{name}`
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let days = parameters.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        let detail = format!("`days` is {days}: write a number from 1 to {DAYS_MAX}.");
        return Err(Problem::bad_request(detail));
    }
    let text = blocking(&services, move |services| recorded(services, &caller, &name, days));
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

fn recorded(
    services: &Services,
    caller: &Caller,
    name: &str,
    days: u32,
) -> Result<String, Problem> {
    let rule = named(services, name)?;
    let to = services.clock();
    let from = to - Span::from_millis(i64::from(days) * Span::DAY.millis());
    let record = services.inbox.records(Some(name), from)?.remove(name).unwrap_or_default();
    let promotion = (rule.mode == Mode::Shadow.name()).then(|| shown(services, name));
    let promotion = promotion.transpose()?.map(|shown| {
        let checks = Bar::default().checks(&shown);
        WirePromotion {
            is_good: checks.iter().all(|(met, _)| *met),
            checks: checks.map(|(met, check)| WireCheck { met, check }).into(),
        }
    });
    let sight = caller.sight(services);
    let owners = record.owners.iter().filter(|volume| sight.covers(&volume.owner));
    let day = |day: i64| Timestamp::saturating(day.saturating_mul(Span::DAY.millis())).to_string();
    let days = record.days.iter().map(|(number, alerts)| {
        let day = day(*number).get(..10).unwrap_or_default().to_owned();
        WireDay { day, alerts: *alerts }
    });
    let recorded = Recorded {
        rule: WireRule::from(&rule),
        from: WireTime(from),
        to: WireTime(to),
        live: WireOutcomes::from(&record.live),
        shadow: WireOutcomes::from(&record.shadow),
        busiest: record.busiest,
        owners: owners.map(WireVolume::from).collect(),
        days: days.collect(),
        promotion,
    };
    serde_json::to_string(&recorded).map_err(|error| Problem::internal(&error))
}

/// What a rule has shown in the shadow, however long it has been there.
pub(super) fn shown(services: &Services, name: &str) -> Result<Shown, Problem> {
    let record = services.inbox.records(Some(name), Timestamp::MIN)?.remove(name);
    Ok(record.unwrap_or_default().shown())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    action: String,
}

#[derive(Serialize)]
struct Promoted<'a> {
    rule: &'a str,
    mode: &'static str,
    file: &'a str,
}

/// `POST /v1/rules/{name}/actions`
pub(super) async fn act(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: ActionBody = alerts::action_of(&headers, &body)?;
    if body.action != "promote" {
        return Err(Problem::bad_request("`action` is not `promote`."));
    }
    let text = blocking(&services, move |services| {
        let file = promote(services, &caller, &name)?;
        let promoted = Promoted { rule: &name, mode: Mode::Live.name(), file: &file };
        serde_json::to_string(&promoted).map_err(|error| Problem::internal(&error))
    });
    let kind = HeaderValue::from_static("application/json");
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

/// Refuses where the rules are those of other processes.
pub(super) fn are_here(services: &Services) -> Result<(), Problem> {
    if services.gathers {
        let detail = "This is the inbox over several processes. Rules, what they find in the shadow, \
                      and deliveries are on the pages of each process, at the addresses that `of` \
                      in [gather] has.";
        return Err(Problem::missing(detail));
    }
    Ok(())
}

/// The rule of this name.
pub(super) fn named(services: &Services, name: &str) -> Result<RuleView, Problem> {
    are_here(services)?;
    let rule = services.engine.rules().rules.into_iter().find(|rule| rule.name == name);
    rule.ok_or_else(|| {
        let name: String = name.chars().take(100).collect();
        Problem::missing(format!("No rule has the name `{name}`: the rules are at /rules."))
    })
}

/// Sets a rule live in its file, as `siaga rules promote --write` does with the usual bar; gives the
/// name of the file.
pub(super) fn promote(services: &Services, caller: &Caller, name: &str) -> Result<String, Problem> {
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
    let rule = named(services, name)?;
    if rule.mode != Mode::Shadow.name() {
        return Err(conflict(format!("The mode of `{name}` is `{}`, not `shadow`.", rule.mode)));
    }
    let Some(book) = &services.rulebook else {
        let detail = "The rules are built in: write them to a folder, and name it in [rules].";
        return Err(conflict(detail.to_owned()));
    };
    let checks = Bar::default().checks(&shown(services, name)?);
    let unmet: Vec<&str> =
        checks.iter().filter(|(met, _)| !met).map(|(_, check)| check.as_str()).collect();
    if !unmet.is_empty() {
        let detail = format!("`{name}` stays in the shadow for now: {}.", unmet.join("; "));
        return Err(conflict(detail));
    }
    let (who, object) = (caller.viewer.key(), format!("rule:{name}"));
    services.access.note(&who, "promote", &object, "")?;
    let file = match mode::set_live(&book.paths, name) {
        Ok(file) => file,
        Err(error) => {
            services.access.note(&who, "promote_failed", &object, &error.to_string())?;
            let detail = format!("{error}. Where the file may be written: {}", book.command(name));
            return Err(conflict(detail));
        }
    };
    tracing::info!(who, rule = name, file, "set live");
    let file = FilePath::new(&file).file_name().map(|file| file.to_string_lossy().into_owned());
    Ok(file.unwrap_or_default())
}
