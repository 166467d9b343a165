//! Routes: what is where, and who may ask for it?
//!
//! ```text
//! ROUTES ─┬─► router: every route behind a gate of its own
//!         ├─► GET /v1/openapi.json
//!         └─► the test that asks every route as everybody
//! ```
//!
//! One table, and nothing is served that is not in it: a route cannot be added without saying who
//! may use it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use axum::routing::get;
use axum::routing::post;

use crate::access::role::Right;
use crate::access::viewer::Viewer;
use crate::api::HttpConfig;
use crate::api::Services;
use crate::api::alerts;
use crate::api::assets;
use crate::api::audit;
use crate::api::copies;
use crate::api::deliveries;
use crate::api::entities;
use crate::api::gate;
use crate::api::gate::Gate;
use crate::api::health;
use crate::api::ingest;
use crate::api::models;
use crate::api::oidc;
use crate::api::openapi;
use crate::api::openapi::Operation;
use crate::api::pages;
use crate::api::rules;
use crate::api::sign_in;
use crate::api::stream;
use crate::api::team;

/// What a route asks of whoever asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// To be known, whatever one may do.
    Known,
    /// To see how the program is, or nothing where the configuration opens the metrics.
    Metrics,
    /// This right.
    Right(Right),
}

/// For whom the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A browser that goes there: who is not known is sent to sign in.
    Person,
    /// A page's script, or the browser on a page's behalf.
    Page,
    /// A program: part of the API.
    Program(&'static Operation),
}

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) need: Need,
    pub(super) reader: Reader,
    handler: fn() -> MethodRouter<Arc<Services>>,
}

impl Need {
    /// Whether anybody may ask.
    pub(super) fn is_nothing(self, config: &HttpConfig) -> bool {
        match self {
            Self::Nothing => true,
            Self::Metrics => config.open_metrics,
            Self::Known | Self::Right(_) => false,
        }
    }

    pub(super) fn is_met_by(self, viewer: &Viewer) -> bool {
        match self {
            Self::Nothing | Self::Known => true,
            Self::Metrics => viewer.may(Right::Operate),
            Self::Right(right) => viewer.may(right),
        }
    }
}

const READ: Need = Need::Right(Right::Read);

const fn page(
    path: &'static str,
    need: Need,
    handler: fn() -> MethodRouter<Arc<Services>>,
) -> Route {
    Route { method: "GET", path, need, reader: Reader::Person, handler }
}

const fn part(
    path: &'static str,
    need: Need,
    handler: fn() -> MethodRouter<Arc<Services>>,
) -> Route {
    Route { method: "GET", path, need, reader: Reader::Page, handler }
}

const fn form(
    path: &'static str,
    need: Need,
    handler: fn() -> MethodRouter<Arc<Services>>,
) -> Route {
    Route { method: "POST", path, need, reader: Reader::Person, handler }
}

const fn api(
    (method, path): (&'static str, &'static str),
    need: Need,
    operation: &'static Operation,
    handler: fn() -> MethodRouter<Arc<Services>>,
) -> Route {
    Route { method, path, need, reader: Reader::Program(operation), handler }
}

/// Everything that is served.
pub(super) static ROUTES: [Route; 45] = [
    page("/", READ, || get(pages::inbox)),
    page("/alerts/{id}", READ, || get(pages::alert)),
    page("/customers/{id}", READ, || get(pages::customer)),
    page("/team", READ, || get(pages::team)),
    page("/rules", Need::Right(Right::Rules), || get(pages::rule_list)),
    page("/rules/{name}", Need::Right(Right::Rules), || get(pages::rule)),
    form("/rules/{name}/promote", Need::Right(Right::Promote), || post(pages::promote)),
    page("/audit", Need::Right(Right::Audit), || get(pages::audit)),
    page("/reference", Need::Nothing, || get(pages::reference)),
    part("/fragments/list", READ, || get(pages::list_fragment)),
    part("/fragments/alert/{id}", READ, || get(pages::alert_fragment)),
    part("/assets/{name}", Need::Nothing, || get(assets::asset)),
    page("/sign-in", Need::Nothing, || get(sign_in::page)),
    form("/sign-in", Need::Nothing, || post(sign_in::sign_in)),
    page("/sign-in/oidc", Need::Nothing, || get(oidc::begin)),
    page("/sign-in/oidc/callback", Need::Nothing, || get(oidc::finish)),
    form("/sign-in/demo", Need::Nothing, || post(sign_in::demo)),
    form("/sign-out", Need::Known, || post(sign_in::sign_out)),
    page("/setup", Need::Nothing, || get(sign_in::setup_page)),
    form("/setup", Need::Nothing, || post(sign_in::setup)),
    api(("POST", "/v1/events"), Need::Right(Right::Ingest), &openapi::EVENTS, || {
        post(ingest::events)
    }),
    api(("GET", "/v1/alerts"), READ, &openapi::ALERTS, || get(alerts::list)),
    api(("GET", "/v1/tallies"), READ, &openapi::TALLIES, || get(alerts::tallies)),
    api(("GET", "/v1/alerts/{id}"), READ, &openapi::ALERT, || get(alerts::one)),
    api(("POST", "/v1/alerts/{id}/actions"), Need::Right(Right::Act), &openapi::ACT, || {
        post(alerts::act)
    }),
    api(("GET", "/v1/alerts/{id}/deliveries"), READ, &openapi::TOLD, || get(deliveries::of_alert)),
    api(("GET", "/v1/deliveries"), Need::Right(Right::Operate), &openapi::DELIVERIES, || {
        get(deliveries::list)
    }),
    api(
        ("POST", "/v1/deliveries/{id}/actions"),
        Need::Right(Right::Operate),
        &openapi::REDRIVE,
        || post(deliveries::act),
    ),
    // Slack signs what it sends.
    api(("POST", "/v1/slack/actions"), Need::Nothing, &openapi::SLACK, || post(deliveries::slack)),
    api(("GET", "/v1/customers/{id}"), READ, &openapi::CUSTOMER, || get(entities::customer)),
    api(("GET", "/v1/reps/{id}"), READ, &openapi::REP, || get(entities::rep)),
    api(("GET", "/v1/products/{id}"), READ, &openapi::PRODUCT, || get(entities::product)),
    api(("GET", "/v1/rules"), Need::Right(Right::Rules), &openapi::RULES, || get(rules::rules)),
    api(("GET", "/v1/rules/{name}"), Need::Right(Right::Rules), &openapi::RULE, || get(rules::one)),
    api(
        ("POST", "/v1/rules/{name}/actions"),
        Need::Right(Right::Promote),
        &openapi::PROMOTE,
        || post(rules::act),
    ),
    api(("GET", "/v1/models"), Need::Right(Right::Rules), &openapi::MODELS, || get(models::models)),
    api(("GET", "/v1/team"), READ, &openapi::TEAM, || get(team::team)),
    api(("GET", "/v1/stream"), READ, &openapi::STREAM, || get(stream::stream)),
    api(("GET", "/v1/audit"), Need::Right(Right::Audit), &openapi::AUDIT, || get(audit::audit)),
    api(("GET", "/v1/copies"), Need::Right(Right::Copy), &openapi::COPIES, || get(copies::copies)),
    api(("GET", "/v1/copies/{kind}/{id}"), Need::Right(Right::Copy), &openapi::COPY, || {
        get(copies::entity)
    }),
    api(("GET", "/v1/openapi.json"), Need::Nothing, &openapi::OPENAPI, || get(openapi::openapi)),
    api(("GET", "/metrics"), Need::Metrics, &openapi::METRICS, || get(health::metrics)),
    api(("GET", "/-/healthy"), Need::Nothing, &openapi::HEALTHY, || get(health::healthy)),
    api(("GET", "/-/ready"), Need::Nothing, &openapi::READY, || get(health::ready)),
];

/// A router with every route behind its gate.
pub(super) fn routed(services: &Arc<Services>) -> Router<Arc<Services>> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let gate = Gate { services: Arc::clone(services), route };
        let handler = (route.handler)().route_layer(from_fn_with_state(gate, gate::pass));
        router.route(route.path, handler)
    })
}
