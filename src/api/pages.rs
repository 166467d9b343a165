//! Pages: what does a sales person see?
//!
//! ```text
//! /                     inbox.html  ┬ list.html   ◄─ /fragments/list?…       fetched again when
//!                                   └ detail.html ◄─ /fragments/alert/{id}   the stream says so
//! /alerts/{id}          alert.html  ─ detail.html
//! /customers/{id}       customer.html
//! /team                 team.html     how each rep does, for who leads them
//! /rules, /rules/{name} rules.html    how each rule does, for who writes them
//! /audit                audit.html    who did what
//! /reference            reference.html  the API, for who writes programs
//! ```
//!
//! The server writes every word, in a page as in a fragment, by the same templates: a page works
//! without a script, which only keeps it fresh and saves reloads. Templates escape all that they
//! are given.

mod audit;
mod customer;
pub(super) mod frame;
pub(super) mod link;
mod plot;
mod reference;
mod rules;
mod team;
mod view;
mod why;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;

pub(super) use self::audit::audit;
pub(super) use self::customer::customer;
use self::frame::Frame;
use self::link::Link;
use self::plot::Shape;
pub(super) use self::reference::reference;
pub(super) use self::rules::list as rule_list;
pub(super) use self::rules::promote;
pub(super) use self::rules::rule;
pub(super) use self::team::team;
use self::view::Choice;
use self::view::Detail;
use self::view::List;
use crate::access::address::encoded;
use crate::access::role::Right;
use crate::alert::AlertId;
use crate::api::Services;
use crate::api::alerts;
use crate::api::alerts::Parameters;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::inbox::people::Sight;
use crate::delivery::inbox::query;
use crate::delivery::outbox;
use crate::event::EntityKind;

/// Owners whose names are looked up for the chooser.
const OWNERS_NAMED_MAX: usize = 200;
/// People to whom an alert can be given by choosing; the API takes anybody.
const OTHERS_MAX: usize = 500;
/// Deliveries of an alert that its page shows, the newest.
const DELIVERIES_SHOWN_MAX: u32 = 40;

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
type Asking = Extension<Arc<Caller>>;

/// `GET /`
pub(super) async fn inbox(
    State(services): State<Arc<Services>>,
    Extension(caller): Asking,
    given: Given,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = async {
        let parameters = given.map_err(|e| Problem::bad_request(e.body_text()))?.0;
        blocking(&services, move |services| {
            let frame = Frame::new(services, &caller, "inbox")?;
            let open = parameters.alert.as_deref().and_then(|id| alerts::alert_id(id).ok());
            let detail = open.and_then(|id| detail(services, &caller, id).ok());
            let list = list(services, &caller, &parameters)?;
            let owners = services.inbox.owners(&caller.sight(services))?;
            let owners = self::owners(services, &owners, parameters.owner.as_deref());
            let rules = rules(services, &caller, parameters.rule.as_deref());
            html(&InboxPage { frame, parameters, owners, rules, list, detail })
        })
        .await
    };
    page_or_missing(page.await, bare)
}

/// `GET /alerts/{id}`
pub(super) async fn alert(
    State(services): State<Arc<Services>>,
    Extension(caller): Asking,
    Path(id): Path<String>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = blocking(&services, move |services| {
        let frame = Frame::new(services, &caller, "")?;
        html(&AlertPage { frame, detail: detail(services, &caller, alerts::alert_id(&id)?)? })
    });
    page_or_missing(page.await, bare)
}

/// `GET /fragments/list`
pub(super) async fn list_fragment(
    State(services): State<Arc<Services>>,
    Extension(caller): Asking,
    given: Given,
) -> Result<Html<String>, Problem> {
    let Query(parameters) = given.map_err(|e| Problem::bad_request(e.body_text()))?;
    let page = blocking(&services, move |services| {
        html(&ListFragment { list: list(services, &caller, &parameters)? })
    });
    page.await
}

/// `GET /fragments/alert/{id}`
pub(super) async fn alert_fragment(
    State(services): State<Arc<Services>>,
    Extension(caller): Asking,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let page = blocking(&services, move |services| {
        html(&DetailFragment { detail: detail(services, &caller, alerts::alert_id(&id)?)? })
    });
    page.await
}

fn list(services: &Services, caller: &Caller, parameters: &Parameters) -> Result<List, Problem> {
    let query = parameters.query(services, caller)?;
    let page = services.inbox.list(&query)?;
    let counts = services.inbox.counts(&query)?;
    let latency = services.metrics.event_to_alert_latency.quantile(0.99);
    let (status, clock) = (services.engine.status(), services.clock());
    let list = List::new(&page, &counts, &Link::from(parameters), &query, clock);
    Ok(list.with_status(&status, latency))
}

fn detail(services: &Services, caller: &Caller, id: AlertId) -> Result<Detail, Problem> {
    let kept = alerts::find(services, caller, id)?;
    let deeds = services.inbox.deeds(id)?;
    let mut detail = Detail::new(&kept, &deeds, services.clock(), |key| owner_name(services, key));
    detail.others = others(services, &detail.owner_key)?;
    let has_page = caller.viewer.may(Right::Rules) && !services.gathers;
    detail.rule_href = has_page.then(|| format!("/rules/{}", encoded(&detail.rule)));
    let sent = services.outbox().list(&outbox::query::Query {
        alert: Some(id),
        limit: DELIVERIES_SHOWN_MAX,
        ..outbox::query::Query::default()
    })?;
    Ok(detail.with_sent(&sent))
}

/// To whom an alert can be given: everybody who has alerts, and everybody who is known to sell;
/// without how many each of them has.
fn others(services: &Services, owner: &str) -> Result<Vec<Choice>, Problem> {
    let with_alerts = services.inbox.owners(&Sight::Everything)?;
    let people = services.inbox.people();
    let known = people.iter().map(|(id, _)| format!("rep:{id}"));
    let keys: BTreeSet<String> = with_alerts.into_iter().map(|(key, _)| key).chain(known).collect();
    let others = keys.into_iter().filter(|key| key != owner).take(OTHERS_MAX);
    let mut others: Vec<Choice> = others
        .map(|key| Choice { label: owner_name(services, &key), key, chosen: false })
        .collect();
    others.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(others)
}

/// The rules to choose from, for who may see them.
fn rules(services: &Services, caller: &Caller, chosen: Option<&str>) -> Vec<Choice> {
    if !caller.viewer.may(Right::Rules) {
        return Vec::new();
    }
    let rules = services.engine.rules().rules.into_iter();
    rules
        .map(|rule| Choice {
            chosen: chosen == Some(rule.name.as_str()),
            label: rule.name.clone(),
            key: rule.name,
        })
        .collect()
}

/// A rep's name where the reference data or the engine know it, else the key in words.
fn owner_name(services: &Services, key: &str) -> String {
    let name = key.strip_prefix("rep:").and_then(|id| {
        let known = services.inbox.people().get(id).and_then(|person| person.name.clone());
        known.or_else(|| services.engine.entity(EntityKind::Rep, id)?.name)
    });
    name.unwrap_or_else(|| words::owner(key))
}

/// The owners to choose from, with the names that the engine knows.
fn owners(
    services: &Services,
    owners: &[(String, query::Tally)],
    chosen: Option<&str>,
) -> Vec<Choice> {
    let mut choices: Vec<Choice> = owners
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

pub(super) fn html(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(|error| Problem::internal(&error))
}

/// A page, or one that says in words what a program reads in a problem.
fn page_or_missing(page: Result<Html<String>, Problem>, frame: Frame) -> Response {
    let problem = match page {
        Ok(page) => return page.into_response(),
        Err(problem) => problem,
    };
    let title = if problem.status == StatusCode::NOT_FOUND { "Not here" } else { "That failed" };
    let missing = MissingPage { frame, title, detail: problem.detail.clone() };
    match html(&missing) {
        Ok(page) => (problem.status, page).into_response(),
        Err(_) => problem.into_response(),
    }
}
