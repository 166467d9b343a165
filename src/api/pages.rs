//! Pages: what does a sales person see?
//!
//! ```text
//! /                     inbox.html  ┬ list.html   ◄─ /fragments/list?…       fetched again when
//!                                   └ detail.html ◄─ /fragments/alert/{id}   the stream says so
//! /alerts/{id}          alert.html  ─ detail.html
//! /customers/{id}       customer.html
//! /team                 team.html     how each rep does, for who leads them
//! /rules, /rules/{name} rules.html    how each rule does, for who writes them
//! ```
//!
//! The server writes every word, in a page as in a fragment, by the same templates: a page works
//! without a script, which only keeps it fresh and saves reloads. Templates escape all that they
//! are given.

mod customer;
mod link;
mod plot;
mod rules;
mod team;
mod view;
mod why;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;

pub(super) use self::customer::customer;
pub(super) use self::rules::rule;
pub(super) use self::rules::rules as rule_list;
pub(super) use self::team::team;
use self::link::Link;
use self::plot::Shape;
use self::view::Choice;
use self::view::Detail;
use self::view::List;
use crate::alert::AlertId;
use crate::api::Services;
use crate::api::alerts;
use crate::api::alerts::Parameters;
use crate::api::blocking;
use crate::api::problem::Problem;
use crate::delivery::inbox::query;
use crate::event::EntityKind;
use crate::time::Timestamp;

/// Owners whose names are looked up for the chooser.
const OWNERS_NAMED_MAX: usize = 200;

/// What stands round every page.
struct Frame {
    /// Whether the data are made up.
    demo: bool,
    clock: Timestamp,
    /// Number of the newest change that the page shows.
    seq: u64,
    /// Which page of the navigation it is.
    here: &'static str,
}

impl Frame {
    /// To be made before the page is read: a change in between is then shown and told, never lost.
    fn new(services: &Services, here: &'static str) -> Result<Self, Problem> {
        let (demo, clock) = (services.http.demo, services.clock());
        Ok(Self { demo, clock, seq: services.inbox.newest_seq()?, here })
    }
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    frame: Frame,
    parameters: Parameters,
    owners: Vec<Choice>,
    rules: Vec<Choice>,
    list: List,
    detail: Option<Detail>,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListFragment {
    list: List,
}

#[derive(Template)]
#[template(path = "detail.html")]
struct DetailFragment {
    detail: Detail,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    frame: Frame,
    detail: Detail,
}

#[derive(Template)]
#[template(path = "missing.html")]
struct MissingPage {
    frame: Frame,
    title: &'static str,
    detail: String,
}

type Given = Result<Query<Parameters>, QueryRejection>;

/// `GET /`
pub(super) async fn inbox(State(services): State<Arc<Services>>, given: Given) -> Response {
    let demo = services.http.demo;
    let page = async {
        let parameters = given.map_err(|e| Problem::bad_request(e.body_text()))?.0;
        blocking(&services, move |services| {
            let frame = Frame::new(services, "inbox")?;
            let open = parameters.alert.as_deref().and_then(|id| alerts::alert_id(id).ok());
            let detail = open.and_then(|id| detail(services, id).ok());
            let (list, counts) = list(services, &parameters)?;
            let owners = owners(services, &counts, parameters.owner.as_deref());
            let rules = rules(services, parameters.rule.as_deref());
            html(&InboxPage { frame, parameters, owners, rules, list, detail })
        })
        .await
    };
    page_or_missing(page.await, demo)
}

/// `GET /alerts/{id}`
pub(super) async fn alert(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Response {
    let demo = services.http.demo;
    let page = blocking(&services, move |services| {
        let frame = Frame::new(services, "")?;
        html(&AlertPage { frame, detail: detail(services, alerts::alert_id(&id)?)? })
    });
    page_or_missing(page.await, demo)
}

/// `GET /fragments/list`
pub(super) async fn list_fragment(
    State(services): State<Arc<Services>>,
    given: Given,
) -> Result<Html<String>, Problem> {
    let Query(parameters) = given.map_err(|e| Problem::bad_request(e.body_text()))?;
    let page = blocking(&services, move |services| {
        html(&ListFragment { list: list(services, &parameters)?.0 })
    });
    page.await
}

/// `GET /fragments/alert/{id}`
pub(super) async fn alert_fragment(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let page = blocking(&services, move |services| {
        html(&DetailFragment { detail: detail(services, alerts::alert_id(&id)?)? })
    });
    page.await
}

fn list(services: &Services, parameters: &Parameters) -> Result<(List, query::Counts), Problem> {
    let query = parameters.query()?;
    let page = services.inbox.list(&query)?;
    let counts = services.inbox.counts(&query)?;
    let latency = services.metrics.event_to_alert_latency.quantile(0.99);
    let (status, clock) = (services.engine.status(), services.clock());
    let list = List::new(&page, &counts, &Link::from(parameters), &query, clock);
    Ok((list.with_status(&status, latency), counts))
}

fn detail(services: &Services, id: AlertId) -> Result<Detail, Problem> {
    let kept = alerts::find(services, id)?;
    let deeds = services.inbox.deeds(id)?;
    let mut detail =
        Detail::new(&kept, &deeds, services.clock(), |key| owner_name(services, key));
    let counts = services.inbox.counts(&query::Query::default())?;
    let others = owners(services, &counts, None).into_iter();
    detail.others = others.filter(|choice| choice.key != detail.owner_key).collect();
    Ok(detail)
}

/// The rules to choose from.
fn rules(services: &Services, chosen: Option<&str>) -> Vec<Choice> {
    let rules = services.engine.rules().rules.into_iter();
    rules
        .map(|rule| Choice {
            chosen: chosen == Some(rule.name.as_str()),
            label: rule.name.clone(),
            key: rule.name,
        })
        .collect()
}

/// A rep's name where the engine knows it, else the key in words.
fn owner_name(services: &Services, key: &str) -> String {
    let rep = key.strip_prefix("rep:").and_then(|id| services.engine.entity(EntityKind::Rep, id));
    rep.and_then(|rep| rep.name).unwrap_or_else(|| words::owner(key))
}

/// The owners to choose from, with the names that the engine knows.
fn owners(services: &Services, counts: &query::Counts, chosen: Option<&str>) -> Vec<Choice> {
    let mut choices: Vec<Choice> = counts
        .owners
        .iter()
        .enumerate()
        .map(|(index, (key, tally))| {
            let name = match index {
                ..OWNERS_NAMED_MAX => owner_name(services, key),
                _ => words::owner(key),
            };
            Choice {
                label: format!("{name} ({})", tally.alerts),
                chosen: chosen == Some(key),
                key: key.clone(),
            }
        })
        .collect();
    choices.sort_by(|a, b| a.label.cmp(&b.label));
    if let Some(key) = chosen.filter(|key| !key.is_empty())
        && choices.iter().all(|choice| choice.key != key)
    {
        let label = format!("{} (0)", owner_name(services, key));
        choices.insert(0, Choice { key: key.to_owned(), label, chosen: true });
    }
    choices
}

fn html(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(|error| Problem::internal(&error))
}

/// A page, or one that says in words what a program reads in a problem.
fn page_or_missing(page: Result<Html<String>, Problem>, demo: bool) -> Response {
    let problem = match page {
        Ok(page) => return page.into_response(),
        Err(problem) => problem,
    };
    let title = if problem.status == StatusCode::NOT_FOUND { "Not here" } else { "That failed" };
    let frame = Frame { demo, clock: Timestamp::EPOCH, seq: 0, here: "" };
    let missing = MissingPage { frame, title, detail: problem.detail.clone() };
    match html(&missing) {
        Ok(page) => (problem.status, page).into_response(),
        Err(_) => problem.into_response(),
    }
}
