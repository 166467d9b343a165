//! The page of the API: every call, what it needs, what goes in and what comes out.
//!
//! Made from the table of routes, as `/v1/openapi.json` is, so that both say the same.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::api::Services;
use crate::api::openapi;
use crate::api::openapi::Operation;
use crate::api::openapi::Parameter;
use crate::api::pages::Frame;
use crate::api::pages::html;
use crate::api::pages::page_or_missing;
use crate::api::routes::ROUTES;
use crate::api::routes::Reader;
use crate::api::routes::Route;

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    frame: Frame,
    calls: Vec<Call>,
}

/// One call of the API.
struct Call {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    summary: String,
    need: String,
    parameters: Vec<Given>,
    /// Content types of the body.
    bodies: Vec<&'static str>,
    answers: Vec<Answer>,
}

/// What a call may be given.
struct Given {
    name: &'static str,
    place: &'static str,
    kind: String,
    about: String,
}

/// What may come back.
struct Answer {
    status: u16,
    about: String,
}

/// A sentence of the description without the marks round its code.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// `GET /reference`
pub(in crate::api) async fn reference(State(services): State<Arc<Services>>) -> Response {
    let frame = Frame::of_nobody(&services);
    let calls = ROUTES.iter().filter_map(|route| match route.reader {
        Reader::Program(operation) => Some(Call::new(route, operation)),
        Reader::Person | Reader::Page => None,
    });
    let page = html(&ReferencePage { frame: frame.clone(), calls: calls.collect() });
    page_or_missing(page, frame)
}

impl Call {
    fn new(route: &'static Route, operation: &'static Operation) -> Self {
        let given = |place| {
            move |parameter: &'static Parameter| Given {
                name: parameter.name,
                place,
                kind: parameter.kind(),
                about: plain(parameter.about),
            }
        };
        let parameters = operation.query.iter().map(given("query"));
        let parameters = parameters.chain(operation.headers.iter().map(given("header")));
        let good = operation.answers.iter();
        let good =
            good.map(|(status, _, _, about)| Answer { status: *status, about: plain(about) });
        let bad = openapi::problems(route, operation);
        let bad = bad.map(|status| Answer { status, about: plain(openapi::about(status)) });
        Self {
            id: operation.id,
            method: route.method,
            path: route.path,
            summary: plain(operation.summary),
            need: openapi::need(route).map(|need| plain(&need)).unwrap_or_default(),
            parameters: parameters.collect(),
            bodies: operation.body.iter().map(|(content, _)| *content).collect(),
            answers: good.chain(bad).collect(),
        }
    }
}
