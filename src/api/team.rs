//! The team over the API: what lies before each owner, how soon do they respond, what came of it?

use std::collections::HashSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde::Serialize;

use crate::alert::Value;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::inbox::team::Member;
use crate::delivery::inbox::team::Period;
use crate::delivery::inbox::team::Sums;
use crate::delivery::wire::WireTime;
use crate::delivery::wire::WireValue;
use crate::time::Span;

/// Days that are looked at when none are asked for.
pub(super) const DAYS: u32 = 30;
/// An alert that nobody has answered for so long is overdue.
pub(super) const PATIENCE: Span = Span::from_millis(2 * Span::DAY.millis());
const DAYS_MAX: u32 = 366;

/// Which days are looked at.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    pub(super) days: Option<u32>,
}

impl Parameters {
    /// The days up to now; refused when there are none, or more than a year.
    pub(super) fn period(self, services: &Services) -> Result<(u32, Period), Problem> {
        let days = self.days.unwrap_or(DAYS);
        if !(1..=DAYS_MAX).contains(&days) {
            let detail = format!("`days` is {days}: write a number from 1 to {DAYS_MAX}.");
            return Err(Problem::bad_request(detail));
        }
        let to = services.clock();
        let from = to - Span::from_millis(i64::from(days) * Span::DAY.millis());
        Ok((days, Period { from, to, patience: PATIENCE }))
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    from: WireTime,
    to: WireTime,
    members: Vec<WireMember<'a>>,
}

#[derive(Serialize)]
struct WireMember<'a> {
    owner: &'a str,
    firing: u64,
    acknowledged: u64,
    snoozed: u64,
    overdue: u64,
    at_stake: Vec<WireValue>,
    waiting_stake: Vec<WireValue>,
    taken_stake: Vec<WireValue>,
    aside_stake: Vec<WireValue>,
    opened: u64,
    answered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_median_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_p90_s: Option<i64>,
    won: u64,
    lost: u64,
    dismissed: u64,
    missed: u64,
    won_amount: Vec<WireValue>,
    lost_amount: Vec<WireValue>,
}

impl<'a> From<&'a Member> for WireMember<'a> {
    fn from(member: &'a Member) -> Self {
        let sums = |sums: &Sums| {
            let values = sums
                .iter()
                .map(|(currency, amount)| Value { amount: *amount, currency: *currency });
            values.map(WireValue::from).collect()
        };
        let seconds = |share| member.response(share).map(|span| span.millis() / 1_000);
        Self {
            owner: &member.owner,
            firing: member.firing,
            acknowledged: member.acknowledged,
            snoozed: member.snoozed,
            overdue: member.overdue,
            at_stake: sums(&member.at_stake),
            waiting_stake: sums(&member.waiting_stake),
            taken_stake: sums(&member.taken_stake),
            aside_stake: sums(&member.aside_stake),
            opened: member.opened,
            answered: member.answered,
            coverage: member.coverage(),
            response_median_s: seconds(0.5),
            response_p90_s: seconds(0.9),
            won: member.won,
            lost: member.lost,
            dismissed: member.dismissed,
            missed: member.missed,
            won_amount: sums(&member.won_amount),
            lost_amount: sums(&member.lost_amount),
        }
    }
}

/// How each owner does whom the caller may see: who has alerts, and who is known to sell. Who leads
/// others and has no alerts is left out.
pub(super) fn seen(
    services: &Services,
    caller: &Caller,
    period: Period,
) -> Result<Vec<Member>, Problem> {
    let sight = caller.sight(services);
    let mut team = services.inbox.team(period)?;
    let people = services.inbox.people();
    let leads = |id: &str| people.iter().any(|(_, rep)| rep.manager.as_deref() == Some(id));
    let known: HashSet<String> = team.iter().map(|member| member.owner.clone()).collect();
    let others = people.iter().filter(|(id, _)| !leads(id)).map(|(id, _)| format!("rep:{id}"));
    let others = others.filter(|owner| !known.contains(owner));
    team.extend(others.map(|owner| Member { owner, ..Member::default() }));
    team.retain(|member| sight.covers(&member.owner));
    team.sort_by(|a, b| a.owner.cmp(&b.owner));
    Ok(team)
}

/// `GET /v1/team`
pub(super) async fn team(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let text = blocking(&services, move |services| {
        let (_, period) = parameters.period(services)?;
        let team = seen(services, &caller, period)?;
        let (from, to) = (WireTime(period.from), WireTime(period.to));
        let members = team.iter().map(WireMember::from).collect();
        serde_json::to_string(&Listed { from, to, members })
            .map_err(|error| Problem::internal(&error))
    });
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}
