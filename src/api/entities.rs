//! Entities over the API: what is known of a customer, a rep or a product at this moment?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::alert::Owner;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::wire::WireEvidence;
use crate::delivery::wire::WireTime;
use crate::delivery::wire::WireValue;
use crate::engine::port::EntityView;
use crate::engine::port::OfferView;
use crate::engine::port::RestView;
use crate::event::EntityKind;
use crate::money::Currency;

#[derive(Serialize)]
struct WireEntity<'a> {
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    territory: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<WireTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<WireTime>,
    orders: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_30d: Option<WireValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_365d: Option<WireValue>,
    windows: BTreeMap<&'a str, &'a str>,
    recent: Vec<WireEvidence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offers: Vec<WireOffer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resting: Vec<WireRest<'a>>,
}

/// A rule that is quiet for now.
#[derive(Serialize)]
struct WireRest<'a> {
    rule: &'a str,
    closed_at: WireTime,
    until: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    holds: Option<bool>,
}

impl<'a> From<&'a RestView> for WireRest<'a> {
    fn from(rest: &'a RestView) -> Self {
        let (closed_at, until) = (WireTime(rest.closed_at), WireTime(rest.until));
        Self { rule: &rest.rule, closed_at, until, holds: rest.holds }
    }
}

#[derive(Serialize)]
struct WireOffer<'a> {
    category: &'a str,
    because: &'a str,
    peers: u32,
    buyers: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_year: Option<WireValue>,
}

impl<'a> From<&'a OfferView> for WireOffer<'a> {
    fn from(offer: &'a OfferView) -> Self {
        Self {
            category: &offer.category,
            because: &offer.because,
            peers: offer.peers,
            buyers: offer.buyers,
            net_year: offer.net.map(WireValue::from),
        }
    }
}

type Asking = Extension<Arc<Caller>>;

/// `GET /v1/customers/{id}`
pub(super) async fn customer(
    state: State<Arc<Services>>,
    caller: Asking,
    id: Path<String>,
) -> Result<Response, Problem> {
    entity(state, caller, id, EntityKind::Customer).await
}

/// `GET /v1/reps/{id}`
pub(super) async fn rep(
    state: State<Arc<Services>>,
    caller: Asking,
    id: Path<String>,
) -> Result<Response, Problem> {
    entity(state, caller, id, EntityKind::Rep).await
}

/// `GET /v1/products/{id}`
pub(super) async fn product(
    state: State<Arc<Services>>,
    caller: Asking,
    id: Path<String>,
) -> Result<Response, Problem> {
    entity(state, caller, id, EntityKind::Product).await
}

async fn entity(
    State(services): State<Arc<Services>>,
    Extension(caller): Asking,
    Path(id): Path<String>,
    kind: EntityKind,
) -> Result<Response, Problem> {
    let text = blocking(&services, move |services| {
        let view = known(services, &caller, (kind, &id))?;
        let view = view.ok_or_else(|| not_told(services, kind, &id))?;
        serde_json::to_string(&wire(kind, &view)).map_err(|error| Problem::internal(&error))
    });
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], text.await?).into_response())
}

/// What the engine knows of an entity, if anything; one that the caller may not see is refused in
/// the words for one that nobody has heard of.
pub(super) fn known(
    services: &Services,
    caller: &Caller,
    (kind, id): (EntityKind, &str),
) -> Result<Option<EntityView>, Problem> {
    let view = services.engine.entity(kind, id);
    let seen = |view: &EntityView| caller.sees(services, &owner(kind, view).key(), "an entity");
    if view.as_ref().is_none_or(seen) { Ok(view) } else { Err(unheard_of(kind, id)) }
}

/// Nobody has heard of the entity; or who may have cannot be asked.
pub(super) fn not_told(services: &Services, kind: EntityKind, id: &str) -> Problem {
    match services.engine.away(kind, id) {
        Some(away) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, away).retry_after(2),
        None => unheard_of(kind, id),
    }
}

/// Nobody has heard of the entity.
pub(super) fn unheard_of(kind: EntityKind, id: &str) -> Problem {
    let shown: String = id.chars().take(100).collect();
    Problem::missing(format!("The engine has seen no {} `{shown}`.", kind.name()))
}

/// Who looks after an entity.
fn owner(kind: EntityKind, view: &EntityView) -> Owner {
    match (kind, &view.owner, &view.territory) {
        (EntityKind::Rep, ..) => Owner::Rep(view.id.clone()),
        (EntityKind::Customer, Some(rep), _) => Owner::Rep(rep.clone()),
        (EntityKind::Customer, None, Some(territory)) => Owner::Territory(territory.clone()),
        (EntityKind::Customer, None, None) | (EntityKind::Product, ..) => Owner::Queue,
    }
}

fn wire(kind: EntityKind, view: &EntityView) -> WireEntity<'_> {
    WireEntity {
        kind: kind.name(),
        id: &view.id,
        name: view.name.as_deref(),
        segment: view.segment.as_deref(),
        tier: view.tier.as_deref(),
        territory: view.territory.as_deref(),
        owner: view.owner.as_deref(),
        first_seen: view.first_seen.map(WireTime),
        last_seen: view.last_seen.map(WireTime),
        orders: view.orders,
        currency: view.currency,
        net_30d: view.net_30d.map(WireValue::from),
        net_365d: view.net_365d.map(WireValue::from),
        windows: view.windows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        recent: view.recent.iter().map(WireEvidence::from).collect(),
        offers: view.offers.iter().map(WireOffer::from).collect(),
        resting: view.resting.iter().map(WireRest::from).collect(),
    }
}
