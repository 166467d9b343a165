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
use axum::extract::State;
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
use crate::delivery::wire::WireTime;
use crate::engine::backtest::bar::Bar;
use crate::engine::port::RuleView;
use crate::rule::file::Mode;
use crate::rule::mode;
use crate::time::Timestamp;

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

/// The rule of this name.
pub(super) fn named(services: &Services, name: &str) -> Result<RuleView, Problem> {
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
    let record = services.inbox.records(Some(name), Timestamp::MIN)?.remove(name);
    let checks = Bar::default().checks(&record.unwrap_or_default().shown());
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
