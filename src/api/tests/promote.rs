//! A rule in the shadow goes live from its page and by the API: by whom, when, and what is left.

use std::fs;

use serde_json::json;

use super::JSON;
use super::check;
use super::double::Server;
use super::opened;
use crate::access::account::New;
use crate::access::role::Role;
use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::api::HttpConfig;
use crate::api::Rulebook;
use crate::api::gate::COOKIE;
use crate::delivery::inbox::sample;
use crate::engine::Output;
use crate::time::Span;

const RULES: &str = "groups:\n  - name: g\n    rules:\n      - alert: Shy\n        family: drift\n        on: [order]\n        when: size(orders) > 0\n        mode: shadow\n        annotations: {summary: s}\n";
const ACTION: &str = r#"{"action":"promote"}"#;
const PATH: &str = "/v1/rules/Shy/actions";

/// A server whose rules are in this folder, and what an author's page sends along.
fn house(folder: &std::path::Path) -> (Server, Vec<(&'static str, String)>) {
    fs::write(folder.join("shy.rules.yaml"), RULES).unwrap();
    let book = Rulebook { paths: vec![folder.to_owned()], inbox: folder.join("inbox.sqlite") };
    let server = Server::with_rulebook(HttpConfig::default(), Some(book));
    let access = &server.services.access;
    let new = New { name: "author", role: Role::Author, person: None };
    access.add_account("cli", new, None).unwrap();
    let cookie = access.begin_session("author").unwrap();
    let csrf = access.session(&cookie).unwrap().unwrap().csrf;
    (server, vec![("cookie", format!("{COOKIE}={cookie}")), ("x-csrf-token", csrf)])
}

/// Alerts of `Shy` in the shadow, one a day, of which so many were won.
fn judge(server: &Server, alerts: i64, won: i64) {
    for number in 0..alerts {
        let mut alert =
            Alert { is_shadow: true, ..sample::alert(&format!("shy {number}"), Some("10")) };
        "Shy".clone_into(&mut alert.rule);
        alert.opened_at = alert.opened_at - Span::from_millis(number * Span::DAY.millis());
        let (id, at) = (alert.id, alert.opened_at);
        let reason =
            if number < won { CloseReason::Won } else { CloseReason::Dismissed("no".to_owned()) };
        let state = AlertState::Closed { at, reason };
        server.tell(&[opened(alert), Output::Changed { id, state, at }]);
    }
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn deeds(server: &Server) -> Vec<(String, String, String)> {
    let deeds = server.services.access.deeds(None, 10).unwrap().into_iter();
    let of_rules = deeds.filter(|deed| deed.object.starts_with("rule:"));
    of_rules.map(|deed| (deed.who, deed.did, deed.object)).collect()
}

#[test]
fn a_rule_goes_live_once_it_has_shown_enough_and_the_log_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shy.rules.yaml");
    let (server, headers) = house(folder.path());
    let page = borrowed(&headers);
    let sent = [&page[..], &[JSON]].concat();
    for (path, body, status, want) in [
        ("/v1/rules/Nobody/actions", ACTION, 404, "No rule has the name"),
        ("/v1/rules/Quiet/actions", ACTION, 409, "is `live`, not `shadow`"),
        (PATH, r#"{"action":"demote"}"#, 400, "`promote`"),
        (PATH, "{}", 400, "not an action"),
        (PATH, ACTION, 409, "judged: 0, at least 20"),
    ] {
        check(&server.ask("POST", path, &sent, body), status, want);
    }
    let shown = server.ask("GET", "/rules/Shy", &page, "").body;
    assert!(shown.contains("Not yet") && !shown.contains("Set it live"), "{shown}");
    judge(&server, 20, 12);
    let shown = server.ask("GET", "/rules/Shy", &page, "").body;
    for want in ["Set it live", "Precision: 60.0 % of 20", "--rule Shy --inbox "] {
        assert!(shown.contains(want), "no `{want}` in {shown}");
    }
    let record = server.ask("GET", "/v1/rules/Shy?days=7", &page, "").body;
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    // Of the days that were asked for; whether it is good enough, of all.
    assert_eq!((&record["shadow"]["alerts"], &record["shadow"]["won"]), (&4.into(), &4.into()));
    assert_eq!(record["owners"], json!([{"owner": "rep:r1", "alerts": 4, "busiest": 1}]));
    assert_eq!(record["days"][0], json!({"day": "2025-02-26", "alerts": 1}));
    let judged = &record["promotion"]["checks"][0];
    assert_eq!((&record["promotion"]["is_good"], &judged["met"]), (&true.into(), &true.into()));
    check(&server.ask("GET", "/v1/rules/Shy?days=0", &page, ""), 400, "from 1 to 366");
    check(&server.ask("GET", "/v1/rules/Nobody", &page, ""), 404, "No rule has the name");
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), deeds(&server)), (RULES, vec![]));

    let answer = server.ask("POST", PATH, &sent, ACTION);
    check(&answer, 202, r#"{"rule":"Shy","mode":"live","file":"shy.rules.yaml"}"#);
    assert_eq!(fs::read_to_string(&file).unwrap(), RULES.replace("shadow", "live"));
    let promoted = ["user:author", "promote", "rule:Shy"].map(str::to_owned).into();
    assert_eq!(deeds(&server), [promoted]);
}

#[test]
fn the_page_does_the_same_by_a_form_and_says_what_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shy.rules.yaml");
    let (server, headers) = house(folder.path());
    judge(&server, 20, 20);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (cookie, csrf) = (("cookie", headers[0].1.as_str()), &headers[1].1);
    let press = |body: &str| server.ask("POST", "/rules/Shy/promote", &[cookie, form], body);
    assert_eq!(press("csrf=forged").status, 403);
    // Somebody has just broken the file.
    fs::write(&file, "groups: 7\n").unwrap();
    let refused = press(&format!("csrf={csrf}"));
    assert_eq!(refused.status, 409);
    for want in ["a rule file has errors", "siaga rules promote --rule Shy", "role=\"alert\""] {
        assert!(refused.body.contains(want), "no `{want}` in {}", refused.body);
    }
    let did = |deeds: Vec<(String, String, String)>| -> Vec<String> {
        deeds.into_iter().map(|(_, did, _)| did).collect()
    };
    assert_eq!(did(deeds(&server)), ["promote_failed", "promote"]);
    fs::write(&file, RULES).unwrap();
    let done = press(&format!("csrf={csrf}"));
    assert_eq!((done.status, done.header("location")), (303, Some("/rules/Shy?live=1")));
    assert_eq!(fs::read_to_string(&file).unwrap(), RULES.replace("shadow", "live"));
    let after = server.ask("GET", "/rules/Shy?live=1", &[cookie], "").body;
    assert!(after.contains("reads that within") && !after.contains("Set it live"), "{after}");
}

#[test]
fn built_in_rules_stay_as_they_are() {
    let server = Server::start(HttpConfig::default());
    judge(&server, 20, 20);
    check(&server.ask("POST", PATH, &[JSON], ACTION), 409, "built in");
    let page = server.ask("GET", "/rules/Shy", &[], "").body;
    assert!(page.contains("The rules are built in") && !page.contains("Set it live"), "{page}");
}
