//! The API's description, in `OpenAPI` 3.1: made from the table of routes, so that both say the same.

mod schemas;

use axum::Json;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::access::role::Right;
use crate::api::openapi::schemas::reference;
use crate::api::openapi::schemas::schemas;
use crate::api::routes::Need;
use crate::api::routes::ROUTES;
use crate::api::routes::Reader;
use crate::api::routes::Route;

/// What a route of the API does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// Its name in generated clients.
    pub(super) id: &'static str,
    /// In a line.
    pub(super) summary: &'static str,
    /// What the query may hold.
    pub(super) query: &'static [Parameter],
    /// What the headers may hold.
    pub(super) headers: &'static [Parameter],
    /// Content types of the body, each with a schema's name; empty where there is none.
    pub(super) body: &'static [(&'static str, &'static str)],
    /// Statuses, each with a content type, a schema's name and a line.
    pub(super) answers: &'static [(u16, &'static str, &'static str, &'static str)],
    /// Statuses of what may go wrong beside what may go wrong everywhere.
    pub(super) problems: &'static [u16],
}

/// One word of a query, or one header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    kind: Kind,
    pub(super) about: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    OneOf(&'static [&'static str]),
}

const JSON: &str = "application/json";
const STATES: &[&str] = &["open", "firing", "acknowledged", "snoozed", "closed", "any", "shadow"];
const ACTIONS: &[&str] =
    &["acknowledge", "snooze", "wait", "close", "reopen", "reassign", "comment", "retract"];
const STATUSES: &[&str] =
    &["pending", "sending", "uncertain", "delivered", "dead", "held", "suppressed"];
const FAMILIES: &[&str] = &[
    "cross_sell",
    "up_sell",
    "switch_sell",
    "drift",
    "performance",
    "trend",
    "margin",
    "alignment",
    "quality",
];

const fn text(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Text, about }
}

const fn whole(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Whole, about }
}

const fn one_of(
    name: &'static str,
    words: &'static [&'static str],
    about: &'static str,
) -> Parameter {
    Parameter { name, kind: Kind::OneOf(words), about }
}

/// An operation that gives JSON and takes nothing.
const fn gives(id: &'static str, schema: &'static str, summary: &'static str) -> Operation {
    let answers: &[_] = match schema.as_bytes() {
        b"Entity" => &[(200, JSON, "Entity", "What is known at this moment.")],
        b"Rules" => &[(200, JSON, "Rules", "The rules that run.")],
        b"Models" => &[(200, JSON, "Models", "What was learned.")],
        b"Deliveries" => &[(200, JSON, "Deliveries", "Each message, the newest first.")],
        _ => &[(200, JSON, "Alert", "The alert.")],
    };
    Operation { id, summary, query: &[], headers: &[], body: &[], answers, problems: &[404] }
}

/// An operation that gives a text.
const fn tells(id: &'static str, summary: &'static str) -> Operation {
    let answers = &[(200, "text/plain", "Text", "As it is at this moment.")];
    Operation { id, summary, query: &[], headers: &[], body: &[], answers, problems: &[] }
}

pub(super) static EVENTS: Operation = Operation {
    id: "takeEvents",
    summary: "Hand events and reference data in, one or many.",
    query: &[text("source", "Who sends them, where they do not say; `http` when left out.")],
    headers: &[],
    body: &[
        (JSON, "Any"),
        ("application/x-ndjson", "Text"),
        ("application/cloudevents+json", "Any"),
        ("application/cloudevents-batch+json", "Any"),
    ],
    answers: &[(202, JSON, "Report", "What became of each record.")],
    problems: &[400, 413, 415, 429, 503],
};
pub(super) static ALERTS: Operation = Operation {
    id: "listAlerts",
    summary: "Alerts, ranked by the money at stake, as far as one may see.",
    query: &[
        one_of("state", STATES, "Which of them; `open` when left out."),
        text("owner", "Of this owner: `rep:r07`, `territory:North`, `queue`."),
        one_of("family", FAMILIES, "Of this family."),
        text("entity", "About this one: `customer:c1`, `rep:r1`, `product:p1`."),
        text("q", "With every one of these words in name, id, summary or rule."),
        text("rule", "Of this rule."),
        one_of("severity", &["info", "warning", "critical"], "As urgent as this."),
        text("min", "Worth at least this much."),
        text("cursor", "Behind this place: the `next` of the page before."),
        whole("limit", "At most this many, up to 200; 50 when left out."),
    ],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Alerts", "A page of them.")],
    problems: &[400],
};
pub(super) static TALLIES: Operation = Operation {
    id: "tallyAlerts",
    summary: "How many alerts a list has, by where they stand, family and owner, and the money in them.",
    query: &[
        one_of("state", STATES, "Whose families are counted; `open` when left out."),
        text("owner", "Of this owner: `rep:r07`, `territory:North`, `queue`."),
        one_of("family", FAMILIES, "Of this family."),
        text("entity", "About this one: `customer:c1`, `rep:r1`, `product:p1`."),
        text("q", "With every one of these words in name, id, summary or rule."),
        text("rule", "Of this rule."),
        one_of("severity", &["info", "warning", "critical"], "As urgent as this."),
        text("min", "Worth at least this much."),
    ],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Tallies", "Tallies; `closed` only where closed ones are asked for.")],
    problems: &[400],
};
pub(super) static ALERT: Operation = gives("getAlert", "Alert", "One alert.");
pub(super) static ACT: Operation = Operation {
    id: "actOnAlert",
    summary: "Acknowledge, snooze, wait, close, reopen, reassign, comment on an alert, or retract that.",
    query: &[],
    headers: &[],
    body: &[(JSON, "Action")],
    answers: &[
        (200, JSON, "Alert", "The alert as it is now."),
        (202, JSON, "Alert", "Accepted; the alert as it still is."),
        (204, "", "", "Done; the alert may be seen no longer."),
    ],
    problems: &[400, 404, 409, 415, 429, 503],
};
pub(super) static TOLD: Operation =
    gives("listDeliveriesOfAlert", "Deliveries", "Who was told of an alert, who was not, and why.");
pub(super) static DELIVERIES: Operation = Operation {
    id: "listDeliveries",
    summary: "Messages to people and programs outside, the newest first, each with its reason.",
    query: &[
        one_of("status", STATUSES, "Only those that stand so."),
        text("channel", "Only those of this channel."),
        text("alert", "Only those of this alert."),
        text("rep", "Only those to this rep."),
        whole("cursor", "Older than this number: the `next` of the page before."),
        whole("limit", "At most this many, up to 500; 50 when left out."),
    ],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Deliveries", "A page of them.")],
    problems: &[400, 404],
};
pub(super) static REDRIVE: Operation = Operation {
    id: "actOnDelivery",
    summary: "Try a delivery again at once (`retry`), or give it up (`drop`).",
    query: &[],
    headers: &[],
    body: &[(JSON, "Redrive")],
    answers: &[(200, JSON, "Delivery", "The delivery as it is now.")],
    problems: &[400, 404, 409, 415],
};
pub(super) static SLACK: Operation = Operation {
    id: "pressInSlack",
    summary: "What Slack sends when somebody presses a button, signed by Slack.",
    query: &[],
    headers: &[],
    body: &[("application/x-www-form-urlencoded", "Any")],
    answers: &[(200, "", "", "Done.")],
    problems: &[400, 401, 403, 404, 409],
};
pub(super) static CUSTOMER: Operation =
    gives("getCustomer", "Entity", "What is known of a customer.");
pub(super) static REP: Operation = gives("getRep", "Entity", "What is known of a rep.");
pub(super) static PRODUCT: Operation = gives("getProduct", "Entity", "What is known of a product.");
pub(super) static RULES: Operation = gives("listRules", "Rules", "The rules, and how they do.");
pub(super) static RULE: Operation = Operation {
    id: "getRule",
    summary: "A rule, what became of its alerts, for whom and on which days, and what it shows in the shadow.",
    query: &[whole("days", "Days up to now, from 1 to 366; 90 when left out.")],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "RuleRecord", "Its record.")],
    problems: &[400, 404],
};
pub(super) static PROMOTE: Operation = Operation {
    id: "actOnRule",
    summary: "Set a rule live that has shown enough in the shadow (`promote`), in its file.",
    query: &[],
    headers: &[],
    body: &[(JSON, "Promotion")],
    answers: &[(202, JSON, "Promoted", "The file says so; the program takes it in by itself.")],
    problems: &[400, 404, 409, 415],
};
pub(super) static MODELS: Operation = gives(
    "getModels",
    "Models",
    "What was learned across customers: the versions, and the current one in full.",
);
pub(super) static TEAM: Operation = Operation {
    id: "getTeam",
    summary: "How each owner does whom one may see: what lies open, how soon it is answered.",
    query: &[whole("days", "Days up to now, from 1 to 366; 30 when left out.")],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Team", "Each owner's figures.")],
    problems: &[400],
};
pub(super) static STREAM: Operation = Operation {
    id: "streamChanges",
    summary: "Every change of what one may see, as it happens (server-sent events).",
    query: &[
        text("owner", "Only of this owner."),
        whole("after", "Behind this number; `Last-Event-ID` wins."),
    ],
    headers: &[whole("Last-Event-ID", "The `id` of the last event that was read.")],
    body: &[],
    answers: &[(200, "text/event-stream", "Text", "Events `opened`, `changed` and `resync`.")],
    problems: &[400, 503],
};
pub(super) static COPIES: Operation = Operation {
    id: "copyAlerts",
    summary: "Every alert as it stands, for an inbox over several processes; then those that change.",
    query: &[
        text("inbox", "The `inbox` of the answer before; all is told where it is another."),
        text("from", "Behind this place: the `next` of the answer before."),
        text("people", "The `version` of the people that are known."),
        whole("wait_s", "Seconds to wait for something new, up to 20."),
    ],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Any", "Alerts, where the next ones begin, and how the process is.")],
    problems: &[400, 503],
};
pub(super) static COPY: Operation = Operation {
    id: "copyEntity",
    summary: "All that is known of a customer, a rep or a product, for an inbox over several processes.",
    query: &[],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Any", "What is known.")],
    problems: &[404, 503],
};
pub(super) static AUDIT: Operation = Operation {
    id: "listDeeds",
    summary: "Who did what to which alert, account or token; the newest first.",
    query: &[
        whole("before", "Older than this number: the `next` of the page before."),
        whole("limit", "At most this many, up to 500; 100 when left out."),
    ],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Deeds", "A page of them.")],
    problems: &[400],
};
pub(super) static OPENAPI: Operation = Operation {
    id: "describe",
    summary: "This description.",
    query: &[],
    headers: &[],
    body: &[],
    answers: &[(200, JSON, "Any", "OpenAPI 3.1.")],
    problems: &[],
};
pub(super) static METRICS: Operation = tells("metrics", "What is counted, for Prometheus.");
pub(super) static HEALTHY: Operation = tells("healthy", "Whether the program lives.");
pub(super) static READY: Operation =
    Operation { problems: &[503], ..tells("ready", "Whether it has caught up and takes events.") };

/// `GET /v1/openapi.json`
pub(super) async fn openapi() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in &ROUTES {
        let Reader::Program(operation) = route.reader else { continue };
        let at = paths.entry(route.path).or_insert_with(|| json!({}));
        at[route.method.to_ascii_lowercase()] = described(route, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Siaga",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sales alerts from live transactions and interactions.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": super::gate::COOKIE},
            },
        },
    })
}

fn described(route: &Route, operation: &'static Operation) -> Value {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
    });
    let parameters: Vec<Value> = in_path
        .chain(operation.query.iter().map(|parameter| parameter.described("query")))
        .chain(operation.headers.iter().map(|parameter| parameter.described("header")))
        .collect();
    let mut answers = Map::new();
    for (status, content, schema, about) in operation.answers {
        let mut told = json!({"description": about});
        if !content.is_empty() {
            told["content"] = json!({*content: {"schema": reference(schema)}});
        }
        answers.insert(status.to_string(), told);
    }
    for status in problems(route, operation) {
        let content = json!({"application/problem+json": {"schema": reference("Problem")}});
        let about = about(status);
        answers.insert(status.to_string(), json!({"description": about, "content": content}));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": answers,
        "security": if route.need == Need::Nothing { json!([]) } else { json!([{"token": []}, {"session": []}]) },
    });
    if let Some(need) = need(route) {
        described["description"] = json!(need);
    }
    if !operation.body.is_empty() {
        let content: Map<String, Value> = operation
            .body
            .iter()
            .map(|(content, schema)| ((*content).to_owned(), json!({"schema": reference(schema)})))
            .collect();
        described["requestBody"] = json!({"required": true, "content": content});
    }
    described
}

/// Which right a route needs, in words; none where it needs none.
pub(super) fn need(route: &Route) -> Option<String> {
    let right = match route.need {
        Need::Right(right) => right,
        Need::Metrics => Right::Operate,
        Need::Nothing | Need::Known => return None,
    };
    Some(format!("Needs the right to {}.", words(right)))
}

/// Statuses of everything that may go wrong.
pub(super) fn problems(route: &Route, operation: &'static Operation) -> impl Iterator<Item = u16> {
    let everywhere: &[u16] =
        if route.need == Need::Nothing { &[403, 408] } else { &[401, 403, 408] };
    let mut statuses = [everywhere, operation.problems].concat();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter()
}

impl Parameter {
    /// What may be written, in words.
    pub(super) fn kind(&self) -> String {
        match self.kind {
            Kind::Text => String::new(),
            Kind::Whole => "A whole number.".to_owned(),
            Kind::OneOf(words) => format!("One of {}.", words.join(", ")),
        }
    }

    fn described(&self, place: &str) -> Value {
        let schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Whole => json!({"type": "integer", "minimum": 0}),
            Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        };
        json!({"name": self.name, "in": place, "description": self.about, "schema": schema})
    }
}

fn words(right: Right) -> &'static str {
    match right {
        Right::Read => "read: any role, or a token for `read` or `act`",
        Right::Act => "act: rep, manager or operator, or a token for `act`",
        Right::Rules => "see rules: any role but rep, or a token for `read`",
        Right::Promote => "set rules live: author or operator",
        Right::Ingest => "hand events in: operator, or a token for `ingest`",
        Right::Operate => "watch the program: operator, or a token for `operate`",
        Right::Audit => "audit: operator or auditor, or a token for `operate`",
        Right::Copy => "copy: operator, or the inbox over several processes",
    }
}

/// What a status says that is no success.
pub(super) fn about(status: u16) -> &'static str {
    match status {
        400 => "The request means nothing; the detail says what to send.",
        401 => "Nobody is known by these credentials.",
        403 => "Whoever asks may not, or asks under a foreign name.",
        404 => "There is no such thing, or it may not be seen.",
        408 => "It took too long.",
        409 => "It is in a state that does not allow it.",
        413 => "The body is too large.",
        415 => "The body has a type that is not read here.",
        429 => "Too much at once; `retry-after` says when to come back.",
        _ => "Not at this moment; `retry-after` says when to come back.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_is_whole() {
        let document = document();
        let mut ids = BTreeSet::new();
        for route in &ROUTES {
            let Reader::Program(operation) = route.reader else { continue };
            assert!(ids.insert(operation.id), "{} stands twice", operation.id);
            let method = route.method.to_ascii_lowercase();
            assert_eq!(document["paths"][route.path][method]["operationId"], operation.id);
        }
        // Every reference leads somewhere.
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "no schema {name}");
        }
    }

    #[test]
    fn the_words_of_a_query_are_those_that_the_handlers_know() {
        let states = crate::delivery::inbox::query::Standing::ALL.map(|(_, name)| name);
        let families = crate::alert::Family::ALL.map(|(_, name)| name);
        assert_eq!((STATES, FAMILIES), (&states[..], &families[..]));
        assert_eq!(STATUSES, crate::delivery::outbox::Status::ALL.map(|(_, name)| name));
    }
}
