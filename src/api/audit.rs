//! The audit log over the API: who did what to which alert, account or token?

use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde::Serialize;

use crate::access::Access;
use crate::access::audit::Deed;
use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;
use crate::delivery::wire::WireTime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// Older than this number; the newest when left out.
    before: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Listed<'a> {
    deeds: Vec<WireDeed<'a>>,
    /// What `before` has to be for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Serialize)]
struct WireDeed<'a> {
    seq: u64,
    at: WireTime,
    who: &'a str,
    did: &'a str,
    object: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl<'a> From<&'a Deed> for WireDeed<'a> {
    fn from(deed: &'a Deed) -> Self {
        let Deed { seq, at, who, did, object, detail } = deed;
        Self { seq: *seq, at: WireTime(*at), who, did, object, detail }
    }
}

/// `GET /v1/audit`
pub(super) async fn audit(
    State(services): State<Arc<Services>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let limit = parameters.limit.unwrap_or(100).clamp(1, Access::DEEDS_MAX);
    let deeds =
        blocking(&services, move |services| Ok(services.access.deeds(parameters.before, limit)?))
            .await?;
    let next = deeds.last().filter(|_| deeds.len() == limit as usize).map(|deed| deed.seq);
    Ok(Json(Listed { deeds: deeds.iter().map(WireDeed::from).collect(), next }).into_response())
}
