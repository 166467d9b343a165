//! The page of one customer: what is known, what is to be done, and what happened, events and alerts
//! on one line of time.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::State;
use axum::response::Response;

use crate::access::address::encoded;
use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::Evidence;
use crate::api::Services;
use crate::api::blocking;
use crate::api::entities;
use crate::api::gate::Caller;
use crate::api::pages::Frame;
use crate::api::pages::html;
use crate::api::pages::owner_name;
use crate::api::pages::page_or_missing;
use crate::api::pages::plot;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::view::EvidenceView;
use crate::api::pages::view::RowView;
use crate::api::pages::why;
use crate::api::pages::words;
use crate::delivery::inbox::query::Query;
use crate::delivery::inbox::query::Standing;
use crate::engine::port::EntityView;
use crate::engine::port::OfferView;
use crate::engine::port::RestView;
use crate::event::EntityKind;
use crate::money;
use crate::time::Timestamp;

/// Events in the timeline.
const EVENTS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    frame: Frame,
    /// Why nothing is known but the alerts.
    away: Option<String>,
    name: String,
    id: String,
    facts: Vec<(&'static str, String)>,
    plots: Vec<Plot>,
    /// Alerts that are not over.
    rows: Vec<RowView>,
    /// What to offer, what speaks for it, and what is usually spent on it.
    offers: Vec<(String, String, String)>,
    /// The newest first.
    timeline: Vec<Happened>,
    /// By rule, in their order.
    watched: Vec<Watched>,
    /// What is kept back for now.
    resting: Vec<Resting>,
}

/// A rule that is quiet about the customer for now.
struct Resting {
    rule: String,
    href: String,
    until: Timestamp,
    /// The day.
    until_shown: String,
    why: String,
}

/// What one rule sees of the customer.
struct Watched {
    rule: String,
    href: String,
    /// Label and value.
    parts: Vec<(String, String)>,
}

/// One line of the timeline.
enum Happened {
    Event(EvidenceView),
    Alert {
        row: RowView,
        /// What became of it; empty while it is open.
        outcome: String,
    },
}

/// `GET /customers/{id}`
pub(in crate::api) async fn customer(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        let frame = Frame::new(services, &caller, "")?;
        let clock = frame.clock;
        let entity = Some((EntityKind::Customer, id.clone()));
        let limit = Query::LIMIT_MAX;
        let sight = caller.sight(services);
        let query = Query { standing: Standing::Any, sight, entity, limit, ..Query::default() };
        let alerts = services.inbox.list(&query)?.alerts;
        let known = entities::known(services, &caller, (EntityKind::Customer, &id))?;
        let away = match known {
            Some(_) => None,
            None => services.engine.away(EntityKind::Customer, &id),
        };
        if known.is_none() && alerts.is_empty() {
            return Err(entities::not_told(services, EntityKind::Customer, &id));
        }
        let mut view = known.unwrap_or_default();
        view.recent.truncate(EVENTS_MAX);
        let told: Vec<&Alert> = alerts.iter().map(|kept| &kept.alert).collect();
        let named = alerts.first().and_then(|kept| kept.alert.entity_name.clone());
        html(&CustomerPage {
            frame,
            away,
            name: view.name.clone().or(named).unwrap_or_else(|| id.clone()),
            id,
            facts: facts(services, &view, clock),
            plots: plot::amounts(&view.recent, &told).into_iter().collect(),
            rows: told
                .iter()
                .filter(|alert| !matches!(alert.state, AlertState::Closed { .. }))
                .map(|alert| RowView::new(alert, clock))
                .collect(),
            offers: view.offers.iter().map(offer).collect(),
            timeline: timeline(&view.recent, &told, clock),
            watched: watched(&view.windows),
            resting: view.resting.iter().map(Resting::from).collect(),
        })
    });
    page_or_missing(page.await, bare)
}

impl From<&RestView> for Resting {
    fn from(rest: &RestView) -> Self {
        let closed = words::date(rest.closed_at);
        let why = match rest.holds {
            Some(true) => format!("its condition holds, but its last alert closed on {closed}"),
            _ => format!("its last alert closed on {closed}"),
        };
        Self {
            href: format!("/rules/{}", encoded(&rest.rule)),
            rule: rest.rule.clone(),
            until: rest.until,
            until_shown: words::date(rest.until),
            why,
        }
    }
}

fn offer(offer: &OfferView) -> (String, String, String) {
    let OfferView { category, because, peers, buyers, net } = offer;
    let (buyers, peers) = (money::grouped((*buyers).into()), money::grouped((*peers).into()));
    let because = format!("{buyers} of {peers} customers who buy {because} buy it, too");
    (category.clone(), because, net.map(words::value).unwrap_or_default())
}

/// Events and alerts together, the newest first.
fn timeline(events: &[Evidence], alerts: &[&Alert], clock: Timestamp) -> Vec<Happened> {
    let oldest = events.iter().map(|event| event.time).min();
    let events = events.iter().map(|event| (event.time, Happened::Event(event.into())));
    // Older alerts than the oldest event shown would stand there without what led to them.
    let alerts =
        alerts.iter().filter(|alert| oldest.is_none_or(|oldest| alert.opened_at >= oldest));
    let alerts = alerts.map(|alert| {
        let row = RowView::new(alert, clock);
        let outcome = match alert.state {
            AlertState::Firing => "open".to_owned(),
            _ => row.state_label.to_lowercase(),
        };
        (alert.opened_at, Happened::Alert { row, outcome })
    });
    let mut all: Vec<(Timestamp, Happened)> = events.chain(alerts).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, happened)| happened).collect()
}

/// What rules watch comes as `Rule: part`; told by rule, what has no value left out.
fn watched(windows: &[(String, String)]) -> Vec<Watched> {
    let mut rules: Vec<Watched> = Vec::new();
    for (name, value) in windows.iter().filter(|(_, value)| why::has_value(value)) {
        let Some((rule, part)) = name.split_once(": ") else { continue };
        if rules.last().is_none_or(|last| last.rule != rule) {
            let href = format!("/rules/{}", encoded(rule));
            rules.push(Watched { rule: rule.to_owned(), href, parts: Vec::new() });
        }
        let value = why::length(value).map_or_else(|| value.clone(), why::spoken);
        let label = if part == "value" { "Money at stake".to_owned() } else { words::kind(part) };
        if let Some(last) = rules.last_mut() {
            last.parts.push((label, value));
        }
    }
    rules
}

/// What is known, by name; what is not known is left out.
fn facts(services: &Services, view: &EntityView, clock: Timestamp) -> Vec<(&'static str, String)> {
    let owner = view.owner.as_ref().map(|id| owner_name(services, &format!("rep:{id}")));
    let last = view.last_seen.map(|at| match words::age(clock - at).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    });
    [
        ("Revenue, 30 days", view.net_30d.map(words::value)),
        ("Revenue, 365 days", view.net_365d.map(words::value)),
        ("Orders", (view.orders > 0).then(|| money::grouped(view.orders))),
        ("Last event", last),
        ("Customer since", view.first_seen.map(words::date)),
        ("Owner", owner),
        ("Tier", view.tier.clone()),
        ("Segment", view.segment.clone()),
        ("Territory", view.territory.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
