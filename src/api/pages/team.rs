//! The page of who leads a team: what lies before each rep, how soon they respond, what came of it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;

use crate::alert::Value;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::pages::Frame;
use crate::api::pages::html;
use crate::api::pages::link::Link;
use crate::api::pages::owner_name;
use crate::api::pages::page_or_missing;
use crate::api::pages::why;
use crate::api::pages::words;
use crate::api::problem::Problem;
use crate::api::team;
use crate::api::team::PATIENCE;
use crate::api::team::Parameters;
use crate::delivery::inbox::team::Member;
use crate::delivery::inbox::team::Sums;
use crate::money;
use crate::money::Currency;
use crate::money::Decimal;

/// Periods that the page offers, in days.
const PERIODS: [u32; 3] = [7, 30, 90];

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    frame: Frame,
    periods: Vec<PeriodView>,
    patience: String,
    days: u32,
    /// Money by where it stands.
    pipeline: [Stage; 5],
    whole: MemberView,
    members: Vec<MemberView>,
}

/// One step of the money's way.
struct Stage {
    label: &'static str,
    money: String,
    alerts: String,
}

struct PeriodView {
    days: u32,
    current: bool,
}

/// A line of the table.
struct MemberView {
    name: String,
    href: String,
    firing: String,
    acknowledged: String,
    snoozed: String,
    overdue: String,
    is_late: bool,
    at_stake: String,
    won: String,
    won_amount: String,
    median: String,
    p90: String,
    coverage: String,
    coverage_note: String,
    missed: String,
}

/// `GET /team`
pub(in crate::api) async fn team(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    given: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = async {
        let Query(parameters) = given.map_err(|e| Problem::bad_request(e.body_text()))?;
        blocking(&services, move |services| {
            let frame = Frame::new(services, &caller, "team")?;
            let (days, period) = parameters.period(services)?;
            let mut team = team::seen(services, &caller, period)?;
            let mut whole = Member::default();
            for member in &team {
                whole.add(member);
            }
            // Where most money lies open, a manager looks first.
            let stake = |member: &Member| member.at_stake.values().max().copied();
            team.sort_by_key(|member| std::cmp::Reverse(stake(member)));
            let members = team.iter().map(|member| {
                let name = owner_name(services, &member.owner);
                MemberView::new(member, name, Link::to(&[("owner", &member.owner)]))
            });
            let periods =
                PERIODS.iter().map(|known| PeriodView { days: *known, current: *known == days });
            html(&TeamPage {
                frame,
                periods: periods.collect(),
                patience: why::spoken(PATIENCE),
                days,
                pipeline: pipeline(&whole),
                whole: MemberView::new(&whole, "The whole team".to_owned(), "/".to_owned()),
                members: members.collect(),
            })
        })
        .await
    };
    page_or_missing(page.await, bare)
}

impl MemberView {
    fn new(member: &Member, name: String, href: String) -> Self {
        let took = |share| member.response(share).map_or_else(|| "–".to_owned(), why::spoken);
        let coverage = member.coverage();
        Self {
            name,
            href,
            firing: money::grouped(member.firing),
            acknowledged: money::grouped(member.acknowledged),
            snoozed: money::grouped(member.snoozed),
            overdue: money::grouped(member.overdue),
            is_late: member.overdue > 0,
            at_stake: sums(&member.at_stake),
            won: money::grouped(member.won),
            won_amount: sums(&member.won_amount),
            median: took(0.5),
            p90: took(0.9),
            coverage: coverage
                .map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
            coverage_note: format!("{} of {} answered", member.answered, member.opened),
            missed: money::grouped(member.missed),
        }
    }
}

fn pipeline(whole: &Member) -> [Stage; 5] {
    let stage = |label, money: &Sums, alerts: u64| Stage {
        label,
        money: sums(money),
        alerts: format!("{} alert{}", money::grouped(alerts), if alerts == 1 { "" } else { "s" }),
    };
    [
        stage("Waiting", &whole.waiting_stake, whole.firing),
        stage("On it", &whole.taken_stake, whole.acknowledged),
        stage("Put aside", &whole.aside_stake, whole.snoozed),
        stage("Won", &whole.won_amount, whole.won),
        stage("Lost", &whole.lost_amount, whole.lost),
    ]
}

/// `$12,345 · €80`, or a dash for nothing.
fn sums(sums: &Sums) -> String {
    let shown = |(currency, amount): (&Option<Currency>, &Decimal)| {
        words::value(Value { amount: *amount, currency: *currency })
    };
    if sums.is_empty() {
        return "–".to_owned();
    }
    sums.iter().map(shown).collect::<Vec<_>>().join(" · ")
}
