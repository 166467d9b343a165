//! Rules over the API: which run, how do they do, and what came of the last attempt to change them?

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;
use crate::delivery::wire::WireTime;
use crate::engine::port::RuleView;

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
