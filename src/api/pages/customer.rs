//! The page of one customer: facts, what the rules watch, alerts and the newest events.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::State;
use axum::response::Response;

use crate::alert::Alert;
use crate::api::Services;
use crate::api::blocking;
use crate::api::pages::html;
use crate::api::pages::page_or_missing;
use crate::api::pages::plot;
use crate::api::pages::plot::Plot;
use crate::api::pages::plot::Shape;
use crate::api::pages::view::EvidenceView;
use crate::api::pages::view::RowView;
use crate::api::pages::words;
use crate::api::problem::Problem;
use crate::delivery::inbox::query::Query;
use crate::delivery::inbox::query::Standing;
use crate::engine::port::EntityView;
use crate::event::EntityKind;
use crate::money;
use crate::time::Timestamp;

/// Events in the timeline.
const EVENTS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    demo: bool,
    clock: Timestamp,
    seq: u64,
    name: String,
    id: String,
    facts: Vec<(&'static str, String)>,
    windows: Vec<(String, String)>,
    plots: Vec<Plot>,
    rows: Vec<RowView>,
    events: Vec<EvidenceView>,
}

/// `GET /customers/{id}`
pub(in crate::api) async fn customer(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Response {
    let demo = services.http.demo;
    let page = blocking(&services, move |services| {
        let clock = services.clock();
        let entity = Some((EntityKind::Customer, id.clone()));
        let query = Query { standing: Standing::Any, entity, ..Query::default() };
        let seq = services.inbox.newest_seq()?;
        let alerts = services.inbox.list(&query)?.alerts;
        let known = services.engine.entity(EntityKind::Customer, &id);
        if known.is_none() && alerts.is_empty() {
            let id: String = id.chars().take(100).collect();
            return Err(Problem::missing(format!("Nothing is known of a customer `{id}`.")));
        }
        let mut view = known.unwrap_or_default();
        view.recent.truncate(EVENTS_MAX);
        let told: Vec<&Alert> = alerts.iter().map(|kept| &kept.alert).collect();
        let named = alerts.first().and_then(|kept| kept.alert.entity_name.clone());
        html(&CustomerPage {
            demo,
            clock,
            seq,
            name: view.name.clone().or(named).unwrap_or_else(|| id.clone()),
            id,
            facts: facts(services, &view, clock),
            windows: view.windows.clone(),
            plots: plot::amounts(&view.recent, &told).into_iter().collect(),
            rows: alerts.iter().map(|kept| RowView::new(&kept.alert, clock)).collect(),
            events: view.recent.iter().map(EvidenceView::from).collect(),
        })
    });
    page_or_missing(page.await, demo)
}

/// What is known, by name; what is not known is left out.
fn facts(services: &Services, view: &EntityView, clock: Timestamp) -> Vec<(&'static str, String)> {
    let owner = view.owner.as_ref().map(|id| {
        let rep = services.engine.entity(EntityKind::Rep, id);
        rep.and_then(|rep| rep.name).unwrap_or_else(|| id.clone())
    });
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
