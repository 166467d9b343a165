//! The page of the audit log: who did what to which alert, account or token?

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use serde::Deserialize;

use crate::access::audit::Deed;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::pages::Frame;
use crate::api::pages::html;
use crate::api::pages::page_or_missing;
use crate::api::pages::words;
use crate::api::problem::Problem;
use crate::time::Timestamp;

/// Deeds on a page.
const SHOWN: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Parameters {
    /// Older than this number; the newest when left out.
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    deeds: Vec<DeedRow>,
    /// Number of the last deed on the page, where there may be older ones.
    older: Option<u64>,
    is_newest: bool,
}

/// A line of the log.
struct DeedRow {
    at: Timestamp,
    time: String,
    who: String,
    did: String,
    object: String,
    /// The alert's page.
    href: Option<String>,
    detail: String,
}

/// `GET /audit`
pub(in crate::api) async fn audit(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    given: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let bare = Frame::bare(&services, &caller);
    let page = async {
        let Query(Parameters { before }) =
            given.map_err(|e| Problem::bad_request(e.body_text()))?;
        blocking(&services, move |services| {
            let frame = Frame::new(services, &caller, "audit")?;
            let deeds = services.access.deeds(before, SHOWN)?;
            let older = deeds.last().filter(|_| deeds.len() == SHOWN as usize).map(|deed| deed.seq);
            let deeds = deeds.iter().map(DeedRow::from).collect();
            html(&AuditPage { frame, deeds, older, is_newest: before.is_none() })
        })
        .await
    };
    page_or_missing(page.await, bare)
}

impl From<&Deed> for DeedRow {
    fn from(deed: &Deed) -> Self {
        let (kind, name) = deed.object.split_once(':').unwrap_or(("", &deed.object));
        Self {
            at: deed.at,
            time: words::short_time(deed.at),
            who: who(&deed.who),
            did: did(&deed.did).to_owned(),
            object: match kind {
                "user" | "token" | "delivery" | "alert" => format!("{kind} {name}"),
                _ => deed.object.clone(),
            },
            href: (kind == "alert").then(|| format!("/alerts/{name}")),
            detail: deed.detail.clone(),
        }
    }
}

/// Who did it, in words.
fn who(key: &str) -> String {
    match key.split_once(':') {
        Some(("user", name)) => name.to_owned(),
        Some(("token", name)) => format!("{name} (token)"),
        Some(("rep", id)) => format!("rep {id}"),
        _ => match key {
            "cli" => "command line".to_owned(),
            "local" => "somebody on this machine".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// What was done, in words; a deed that has none keeps its name.
fn did(name: &str) -> &str {
    match name {
        "alert.acknowledge" => "took on",
        "alert.snooze" => "put aside",
        "alert.wait" => "put aside until something new happens",
        "alert.reopen" => "opened again",
        "alert.close" => "closed",
        "alert.comment" => "commented on",
        "alert.retract" => "took a comment back from",
        "alert.reassign" => "handed over",
        "account.add" => "made the account",
        "account.password" => "set the password of",
        "account.disable" => "kept out",
        "account.enable" => "let in again",
        "token.add" => "made the token",
        "token.revoke" => "revoked the token",
        "session.begin" => "signed in",
        "session.end" => "signed out",
        "slack_button" => "pressed a button in Slack on",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_told_in_words_and_leads_to_its_alert() {
        let deed = |who: &str, did: &str, object: &str| {
            let (who, did, object) = (who.to_owned(), did.to_owned(), object.to_owned());
            let at = Timestamp::EPOCH;
            let row = DeedRow::from(&Deed { seq: 1, at, who, did, object, detail: String::new() });
            (format!("{} {} {}", row.who, row.did, row.object), row.href)
        };
        for (who, did, object, want, href) in [
            ("user:maya", "alert.close", "alert:7", "maya closed alert 7", Some("/alerts/7")),
            ("cli", "account.add", "user:max", "command line made the account user max", None),
            ("token:crm", "alert.wait", "alert:8", "", Some("/alerts/8")),
            ("local", "other.deed", "thing", "somebody on this machine other.deed thing", None),
        ] {
            let (told, leads) = deed(who, did, object);
            assert!(want.is_empty() || told == want, "{told}");
            assert_eq!(leads.as_deref(), href);
        }
    }
}
