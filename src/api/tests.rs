//! What the edge promises, asked over a real socket.

mod access;
mod double;
mod promote;

use std::io::BufRead;
use std::io::BufReader;

use self::double::Answer;
use self::double::Server;
use super::*;
use crate::access::AccessConfig;
use crate::access::role::Scope;
use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::delivery::inbox::sample;
use crate::engine::Output;

const JSON: (&str, &str) = ("content-type", "application/json");

fn opened(alert: Alert) -> Output {
    Output::Opened { alert: Box::new(alert), arrived: None }
}

#[track_caller]
fn check(answer: &Answer, status: u16, want: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(want), "no `{want}` in {answer:?}");
    if status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        assert!(answer.body.contains(&format!("\"status\":{status}")), "{answer:?}");
    }
}

#[test]
fn rules_are_listed_with_how_they_do_and_what_the_last_reload_found() {
    let server = Server::start(HttpConfig::default());
    let answer = server.ask("GET", "/v1/rules", &[], "");
    assert_eq!(answer.status, 200);
    let listed: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let rule = &listed["rules"][0];
    for (key, want) in [("name", "Quiet"), ("mode", "live"), ("state", "quarantined")] {
        assert_eq!(rule[key], want);
    }
    for (key, want) in [("evaluations", 7), ("failures", 3), ("alerts_opened", 2), ("items", 41)] {
        assert_eq!(rule[key], want);
    }
    assert_eq!(listed["last_reload"]["successful"], false);
    assert_eq!(listed["last_reload"]["problem"], "error[E203]: no such field");
}

#[test]
fn a_body_is_accepted_or_refused_with_a_problem() {
    let server = Server::start(HttpConfig { body_bytes_max: 1_000, ..HttpConfig::default() });
    let big = "x".repeat(1_001);
    for (body, status, want) in [
        ("two", 202, r#""accepted":2,"duplicates":0,"refused_total":0"#),
        ("repeat", 202, r#""accepted":0,"duplicates":1"#),
        ("some", 202, r#""refused":[{"position":2,"code":"time_format","#),
        ("none", 400, r#""errors":[{"position":1,"#),
        ("", 400, "holds no event"),
        ("overloaded", 429, "send again in 7 s"),
        ("unsupported", 415, "cannot be read"),
        ("stopped", 503, "stopping"),
        (&big, 413, "1000 bytes"),
    ] {
        let answer = server.ask("POST", "/v1/events?source=crm", &[JSON], body);
        check(&answer, status, want);
    }
    let answer = server.ask("POST", "/v1/events", &[JSON], "overloaded");
    assert_eq!(answer.header("retry-after"), Some("7"));
    check(&server.ask("POST", "/v1/events?sauce=x", &[JSON], "two"), 400, "sauce");
    let headers = [JSON, ("ce-id", "e7")];
    check(&server.ask("POST", "/v1/events", &headers, "binary"), 202, "\"accepted\":1");
}

#[test]
fn what_is_not_there_is_a_problem() {
    let server = Server::start(HttpConfig::default());
    let id = "0".repeat(32);
    for (method, path, status) in [
        ("GET", "/nowhere".to_owned(), 404),
        ("GET", "/assets/../secret".to_owned(), 404),
        ("DELETE", "/v1/alerts".to_owned(), 405),
        ("GET", "/v1/events".to_owned(), 405),
        ("GET", format!("/v1/alerts/{id}"), 404),
        ("GET", "/v1/alerts/xyz".to_owned(), 404),
        ("GET", "/v1/alerts?state=odd".to_owned(), 400),
        ("GET", "/v1/alerts?family=odd".to_owned(), 400),
        ("GET", "/v1/alerts?entity=c1".to_owned(), 400),
        ("GET", "/v1/alerts?severity=odd".to_owned(), 400),
        ("GET", "/v1/alerts?min=much".to_owned(), 400),
        ("GET", "/v1/team?days=0".to_owned(), 400),
        ("GET", "/v1/team?weeks=1".to_owned(), 400),
        ("GET", "/v1/alerts?cursor=odd".to_owned(), 400),
        ("GET", "/v1/alerts?colour=red".to_owned(), 400),
        ("GET", "/v1/customers/unknown".to_owned(), 404),
        ("GET", "/fragments/alert/xyz".to_owned(), 404),
    ] {
        check(&server.ask(method, &path, &[], ""), status, "\"detail\":\"");
    }
    let page = server.ask("GET", "/customers/unknown", &[], "");
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")));
}

#[test]
fn the_list_is_paged_and_exact() {
    let server = Server::start(HttpConfig::default());
    for i in 0..5 {
        server.tell(&[opened(sample::alert(&format!("c{i}"), Some(&format!("{i}.000001"))))]);
    }
    let first = server.ask("GET", "/v1/alerts?limit=2&owner=rep:r1&family=drift", &[], "");
    check(&first, 200, r#""value":{"amount":4.000001,"currency":"USD"}"#);
    let first: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(first["alerts"][1]["entity"]["id"], "c3");
    let next = first["next"].as_str().unwrap();
    let second = server.ask("GET", &format!("/v1/alerts?limit=9&cursor={next}"), &[], "");
    let second: serde_json::Value = serde_json::from_str(&second.body).unwrap();
    assert_eq!(second["alerts"].as_array().map(Vec::len), Some(3));
    assert_eq!(second.get("next"), None);
}

#[test]
fn an_action_is_answered_with_its_effect() {
    let server = Server::start(HttpConfig::default());
    let alert = sample::alert("c1", Some("10"));
    server.tell(&[opened(alert.clone())]);
    let path = format!("/v1/alerts/{}/actions", alert.id);
    for (body, status, want) in [
        (r#"{"action":"dance"}"#, 400, "none of"),
        (r#"{"action":"close"}"#, 400, "`won`"),
        (r#"{"action":"close","reason":"dismissed","note":" "}"#, 400, "says why"),
        (r#"{"action":"close","reason":"resolved"}"#, 400, "`won`"),
        (r#"{"action":"snooze"}"#, 400, "`until`"),
        (r#"{"action":"snooze","for":"9y"}"#, 400, "within a year"),
        (r#"{"action":"snooze","until":"2001-01-01"}"#, 400, "within a year"),
        (r#"{"action":"acknowledge","now":true}"#, 400, "unknown field"),
        (r#"{"action":"reopen"}"#, 409, "open already"),
        (r#"{"action":"acknowledge","by":"Maya"}"#, 200, r#""name":"acknowledged","by":"Maya""#),
        (r#"{"action":"snooze","for":"1h"}"#, 200, r#""until":"2025-03-04T10:30:00Z""#),
        (r#"{"action":"close","reason":"dismissed","note":"no"}"#, 200, r#""note":"no""#),
        (r#"{"action":"acknowledge"}"#, 409, "reopen it first"),
        (r#"{"action":"reopen"}"#, 200, r#""state":{"name":"firing"}"#),
        (r#"{"action":"wait"}"#, 200, r#""name":"waiting","by":"rep:r1","since":"2025-03-04T"#),
        (r#"{"action":"close","reason":"won","amount":-1}"#, 400, "positive"),
        (r#"{"action":"close","reason":"won","amount":0.1}"#, 200, r#""amount":{"amount":0.1,"#),
        (r#"{"action":"reopen"}"#, 200, r#""state":{"name":"firing"}"#),
        (r#"{"action":"comment"}"#, 400, "`note`"),
        (r#"{"action":"comment","note":"calls back"}"#, 200, r#""note":"calls back"}]"#),
        (r#"{"action":"retract","note":"calls back"}"#, 200, r#"{"action":"reopen","by""#),
        (r#"{"action":"comment","note":"calls back"}"#, 200, r#""note":"calls back"}]"#),
        (r#"{"action":"reassign"}"#, 400, "`owner`"),
        (r#"{"action":"reassign","owner":"Maya"}"#, 400, "`owner`"),
        (r#"{"action":"reassign","owner":"rep:r2"}"#, 200, r#""owner":"rep:r2""#),
        (r#"{"action":"close","reason":"won"}"#, 200, r#""reason":"won""#),
        (r#"{"action":"reassign","owner":"rep:r1"}"#, 409, "reopen it first"),
        (r#"{"action":"comment","note":"well done"}"#, 200, r#""note":"well done""#),
    ] {
        check(&server.ask("POST", &path, &[JSON], body), status, want);
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    check(&server.ask("POST", &path, &[form], "action=reopen"), 415, "application/json");
}

#[test]
fn an_alert_that_the_engine_forgot_can_still_be_closed() {
    let server = Server::start(HttpConfig::default());
    let alert = sample::alert("forgotten", None);
    server.tell(&[opened(alert.clone())]);
    let path = format!("/v1/alerts/{}/actions", alert.id);
    let body = r#"{"action":"close","reason":"lost"}"#;
    check(&server.ask("POST", &path, &[JSON], body), 200, r#""reason":"lost""#);
}

#[test]
fn only_our_own_pages_may_act_and_only_under_our_own_name() {
    let server = Server::start(HttpConfig::default());
    let own = format!("http://{}", server.host);
    for (header, status) in [
        (("origin", own.as_str()), 202),
        (("origin", "http://evil.example"), 403),
        (("origin", "null"), 403),
        (("sec-fetch-site", "cross-site"), 403),
        (("sec-fetch-site", "same-origin"), 202),
        (("host", "evil.example"), 403),
    ] {
        let answer = server.ask("POST", "/v1/events", &[JSON, header], "two");
        assert_eq!(answer.status, status, "{header:?} {answer:?}");
    }
    let page = server.ask("GET", "/", &[("host", "evil.example")], "");
    assert_eq!(page.status, 403);
}

#[test]
fn every_answer_tells_browsers_to_be_strict() {
    let server = Server::start(HttpConfig::default());
    for path in ["/", "/v1/alerts", "/assets/siaga.js", "/nowhere", "/metrics"] {
        let answer = server.ask("GET", path, &[], "");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
}

#[test]
fn hostile_text_is_shown_and_not_run() {
    let server = Server::start(HttpConfig { demo: true, ..HttpConfig::default() });
    let evil = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
    let mut alert = sample::alert("c1", Some("10"));
    alert.entity_name = Some(evil.to_owned());
    evil.clone_into(&mut alert.entity_id);
    evil.clone_into(&mut alert.summary);
    evil.clone_into(&mut alert.description);
    evil.clone_into(&mut alert.rule);
    alert.owner = crate::alert::Owner::Territory(evil.to_owned());
    alert.labels =
        [("play".to_owned(), evil.to_owned()), (evil.to_owned(), evil.to_owned())].into();
    for reason in &mut alert.reasons {
        (reason.name, reason.expression) = (evil.into(), evil.into());
        reason.value = evil.into();
    }
    let event = alert.evidence[0].clone();
    alert.evidence.push(crate::alert::Evidence { kind: evil.into(), text: evil.into(), ..event });
    let id = alert.id;
    let dismissed = CloseReason::Dismissed(evil.to_owned());
    let state = AlertState::Closed { at: sample::at("2025-03-02"), reason: dismissed };
    let at = sample::at("2025-03-02");
    server.tell(&[opened(alert), Output::Changed { id, state, at }]);
    let customer = "/customers/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror\
                    %3D'alert(2)'%3E";
    for path in [
        "/?state=closed&owner=%22%3E%3Cscript%3Ealert(1)&q=%3Cscript%3Ealert",
        "/?state=closed",
        &format!("/?alert={id}"),
        &format!("/alerts/{id}"),
        &format!("/fragments/alert/{id}"),
        "/fragments/list?state=closed",
        customer,
    ] {
        let answer = server.ask("GET", path, &[], "");
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert!(!answer.body.contains("<script>alert"), "{path}: {}", answer.body);
        assert!(!answer.body.contains("<img src=x"), "{path}: {}", answer.body);
        assert!(answer.body.contains("script&#62;alert"), "{path}: {}", answer.body);
    }
}

#[test]
fn of_a_list_the_rows_that_changed_can_be_had_alone() {
    let server = Server::start(HttpConfig::default());
    let alerts = ["30", "20", "10"].map(|worth| sample::alert(&format!("c{worth}"), Some(worth)));
    server.tell(&alerts.clone().map(opened));
    let [first, second, last] = alerts.map(|alert| alert.id.to_string());
    let list = |asked: &str| server.ask("GET", &format!("/fragments/list?{asked}"), &[], "").body;
    let places = |body: &str| -> Vec<String> {
        let rows = body.split("data-place=\"").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    let whole = list("");
    let of_all = places(&whole);
    assert!(of_all.is_sorted_by(|a, b| a > b) && of_all.len() == 3, "{of_all:?}");
    let some = list(&format!("changed={last},{second},00000000000000000000000000000000"));
    assert_eq!(places(&some), of_all[1..]);
    // The tallies are of the whole list, and what its end says is left out.
    for (part, is_there) in [("<b>3</b> alerts", true), ("data-part=\"end\"", false)] {
        assert!(whole.contains(part) && some.contains(part) == is_there, "{part}: {some}");
    }
    // What the list does not have, and what may not be seen, is not in it either way.
    assert_eq!(places(&list(&format!("changed={first}&q=c10"))), [""; 0]);
    let many = vec![first.as_str(); 21].join(",");
    for (asked, status) in [(format!("changed={many}"), 400), ("changed=x".to_owned(), 404)] {
        let path = format!("/fragments/list?{asked}");
        assert_eq!(server.ask("GET", &path, &[], "").status, status, "{asked}");
    }
}

#[test]
fn a_page_holds_what_a_rep_needs() {
    let server = Server::start(HttpConfig { demo: true, ..HttpConfig::default() });
    let alert = sample::alert("c1", Some("1234.5"));
    server.tell(&[opened(alert.clone())]);
    let list = server.ask("GET", "/?owner=rep:r1", &[], "");
    for want in [
        "Synthetic demo data",
        "Customer c1",
        "$1,235",
        "c1 has gone quiet",
        "Drift",
        "datetime=\"2025-03-01T09:00:00Z\"",
        "3 d</time>",
        "aria-live=\"polite\"",
        "value=\"rep:r1\" selected>Maya (1)",
    ] {
        assert!(list.body.contains(want), "no `{want}` in {}", list.body);
    }
    let detail = server.ask("GET", &format!("/fragments/alert/{}", alert.id), &[], "");
    for want in [
        "Call and ask.",
        "days_since(order)",
        "31 d",
        "3 × drill",
        "$299.97",
        "31 %",
        "Maya",
        "href=\"/customers/c1\"",
        "\"action\":\"acknowledge\"",
    ] {
        assert!(detail.body.contains(want), "no `{want}` in {}", detail.body);
    }
    let customer = server.ask("GET", "/customers/c1", &[], "");
    assert!(detail.body.contains("<h3>History</h3>"), "{}", detail.body);
    for want in [
        "<h1>Customer c1",
        "Revenue, 30 days",
        "told-of",
        "<b>Safety</b>: 120 of 350 customers who buy Welding",
        "Kept back for now",
        "its condition holds, but its last alert closed on 1 Mar 2025",
        "Timeline",
        "$8,000",
        "c1 has gone quiet",
        "3 × drill",
    ] {
        assert!(customer.body.contains(want), "no `{want}` in {}", customer.body);
    }
    let closed = server.ask("GET", "/?state=closed", &[], "");
    assert!(closed.body.contains("Nothing has been closed yet"), "{}", closed.body);
    let empty = server.ask("GET", "/?owner=rep:r9", &[], "");
    assert!(empty.body.contains("No alert matches"), "{}", empty.body);
}

#[test]
fn a_list_is_narrowed_by_what_its_address_says() {
    let server = Server::start(HttpConfig::default());
    for (customer, amount, rule) in
        [("c1", "10", "Quiet"), ("c2", "900", "Quiet"), ("c3", "950", "Loud")]
    {
        let mut alert = sample::alert(customer, Some(amount));
        rule.clone_into(&mut alert.rule);
        if customer == "c3" {
            alert.severity = crate::alert::Severity::Critical;
        }
        server.tell(&[opened(alert)]);
    }
    for (query, want) in [
        ("", &["c3", "c2", "c1"][..]),
        ("min=500", &["c3", "c2"]),
        ("rule=Quiet", &["c2", "c1"]),
        ("severity=critical", &["c3"]),
        ("rule=Quiet&min=500&owner=rep:r1&family=drift&q=customer", &["c2"]),
        ("min=1000", &[]),
    ] {
        let list = server.ask("GET", &format!("/v1/alerts?{query}"), &[], "");
        let list: serde_json::Value = serde_json::from_str(&list.body).unwrap();
        let alerts = list["alerts"].as_array().unwrap().iter();
        let found: Vec<_> = alerts.map(|alert| alert["entity"]["id"].as_str().unwrap()).collect();
        assert_eq!(found, want, "{query}");
        let page = server.ask("GET", &format!("/?{query}"), &[], "");
        let rows = page.body.matches("class=\"row ").count();
        assert_eq!((page.status, rows), (200, want.len()), "{query}");
    }
    // Each filter can be taken off, and the rest stays.
    let page = server.ask("GET", "/?rule=Quiet&min=500", &[], "").body;
    for want in ["<a href=\"/?min=500\">Rule Quiet", "<a href=\"/?rule=Quiet\">From 500"] {
        assert!(page.contains(want), "no `{want}` in {page}");
    }
}

#[test]
fn a_manager_sees_the_team_and_an_author_the_rules() {
    let server = Server::start(HttpConfig::default());
    let (mut seen, mut hidden) = (sample::alert("c1", Some("1200")), sample::alert("c2", None));
    (seen.rule, hidden.rule, hidden.is_shadow) = ("Quiet".to_owned(), "Quiet".to_owned(), true);
    let path = format!("/v1/alerts/{}/actions", seen.id);
    server.tell(&[opened(seen), opened(hidden), opened(sample::alert("c3", Some("5")))]);
    let won = r#"{"action":"close","reason":"won","amount":1250.5}"#;
    check(&server.ask("POST", &path, &[JSON], won), 200, "won");
    for (path, wanted) in [
        (
            "/team",
            &[
                "<a href=\"/?owner=rep%3Ar1\">Maya</a></th><td>$5.00</td><td>1</td><td>0</td>",
                "title=\"1 of 2 answered\">50 %</td><td>3 days</td><td>3 days</td>",
                "<td>1</td><td>$1,251</td></tr>",
                "aria-current=\"page\">30 days",
            ][..],
        ),
        (
            "/rules",
            &["<a href=\"/rules/Quiet\">Quiet</a>", "Rests", "E203", "100 %", "<td>1</td></tr>"],
        ),
        ("/rules/Quiet", &["Alerts a day", "In the shadow", "it took too many steps", "Maya"]),
        ("/v1/team", &[r#""won_amount":[{"amount":1250.5,"currency":"USD"}]"#, r#""overdue":1"#]),
    ] {
        let page = server.ask("GET", path, &[], "");
        assert_eq!(page.status, 200, "{path} {page:?}");
        for want in wanted {
            assert!(page.body.contains(want), "{path}: no `{want}` in {}", page.body);
        }
    }
    assert_eq!(server.ask("GET", "/rules/Unknown", &[], "").status, 404);
}

/// Reads events until there are `count`, as `name:id`.
fn events(server: &Server, path: &str, headers: &[(&str, &str)], count: usize) -> Vec<String> {
    let mut lines = BufReader::new(server.send("GET", path, headers, "")).lines();
    let (mut seen, mut id, mut name) = (Vec::new(), String::new(), String::new());
    while seen.len() < count {
        let line = lines.next().unwrap().unwrap();
        if let Some(value) = line.strip_prefix("id: ") {
            value.clone_into(&mut id);
        } else if let Some(value) = line.strip_prefix("event: ") {
            value.clone_into(&mut name);
        }
        if !id.is_empty() && !name.is_empty() {
            seen.push(format!("{}:{}", std::mem::take(&mut name), std::mem::take(&mut id)));
        }
    }
    seen
}

#[test]
fn a_stream_goes_on_behind_the_last_event_and_then_live() {
    let server = Server::start(HttpConfig::default());
    for i in 0..4 {
        server.tell(&[opened(sample::alert(&format!("c{i}"), None))]);
    }
    let later = server.clone();
    let writer = std::thread::spawn(move || {
        for i in 4..400 {
            let mut alert = sample::alert(&format!("c{i}"), None);
            if i % 2 == 0 {
                alert.owner = crate::alert::Owner::Queue;
            }
            later.tell(&[opened(alert)]);
        }
    });
    let resumed = events(&server, "/v1/stream", &[("last-event-id", "2")], 300);
    let want: Vec<String> = (3..303).map(|seq| format!("opened:{seq}")).collect();
    assert_eq!(resumed, want);
    let mine = events(&server, "/v1/stream?after=4&owner=queue", &[], 150);
    let want: Vec<String> = (0..150).map(|i| format!("opened:{}", 5 + 2 * i)).collect();
    assert_eq!(mine, want);
    writer.join().unwrap();
    let away = events(&server, "/v1/stream", &[("last-event-id", "9999")], 1);
    assert_eq!(away, ["resync:400"]);
    check(&server.ask("GET", "/v1/stream", &[("last-event-id", "x")], ""), 400, "not a number");
}

#[test]
fn changes_that_are_told_in_another_order_than_they_are_kept_in_reach_a_stream_in_theirs() {
    let server = Server::start(HttpConfig::default());
    let listener = server.send("GET", "/v1/stream", &[], "");
    let mut lines = BufReader::new(listener).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.is_empty()), "the head");
    let keep = |names: &[&str]| {
        let alerts = names.iter().map(|name| opened(sample::alert(name, None)));
        server.services.inbox.apply(&alerts.collect::<Vec<_>>()).unwrap()
    };
    let mut ids = lines.filter(|line| line.starts_with("id: "));
    server.services.feed.tell(keep(&["c0"]));
    assert_eq!(ids.next().unwrap(), "id: 1", "it listens");
    let (first, second) = (keep(&["c1", "c2"]), keep(&["c3"]));
    // As two threads do that keep changes at once.
    server.services.feed.tell(second);
    server.services.feed.tell(first);
    server.services.feed.tell(keep(&["c4"]));
    assert_eq!(ids.take(4).collect::<Vec<_>>(), ["id: 2", "id: 3", "id: 4", "id: 5"]);
}

#[test]
fn streams_are_limited_and_end_with_the_server() {
    let server = Server::start(HttpConfig { streams_max: 1, ..HttpConfig::default() });
    let open = server.send("GET", "/v1/stream", &[], "");
    let mut lines = BufReader::new(open).lines();
    assert!(lines.next().unwrap().unwrap().contains("200"));
    check(&server.ask("GET", "/v1/stream", &[], ""), 503, "Too many");
    check(&server.ask("GET", "/metrics", &[], ""), 200, "siaga_sse_clients 1");
    server.stop();
    assert!(lines.all(|line| line.is_ok()), "the stream ends, it does not break");
}

#[test]
fn health_and_metrics_answer() {
    let server = Server::start(HttpConfig::default());
    check(&server.ask("GET", "/-/healthy", &[], ""), 200, "healthy");
    check(&server.ask("GET", "/-/ready", &[], ""), 200, "ready");
    server.set_ready(false);
    check(&server.ask("GET", "/-/ready", &[], ""), 503, "catching up");
    let metrics = server.ask("GET", "/metrics", &[], "");
    check(&metrics, 200, r#"http_requests_total{route="/-/ready",status="503"} 1"#);
    check(&server.ask("GET", "/v1/customers/c1", &[], ""), 200, r#""net_30d":{"amount":8000,"#);
    check(&server.ask("GET", "/v1/reps/r1", &[], ""), 200, r#""name":"Maya""#);
}

#[tokio::test]
async fn others_are_kept_out_until_somebody_has_an_account() {
    let access = Access::in_memory(AccessConfig::default()).unwrap();
    let here = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..HttpConfig::default() };
    let remote = HttpConfig { listen: "0.0.0.0:0".parse().unwrap(), ..HttpConfig::default() };
    let proxied = HttpConfig { hosts: vec!["siaga.example".to_owned()], ..here.clone() };
    assert!(bind(&here, &access).await.is_ok());
    for config in [&remote, &proxied] {
        let error = bind(config, &access).await.unwrap_err().to_string();
        assert!(error.contains("siaga users add NAME --role operator"), "{error}");
    }
    access.add_token("cli", "crm", &[Scope::Read]).unwrap();
    for config in [here, remote.clone(), proxied] {
        assert!(bind(&config, &access).await.is_ok());
    }
    let demo = HttpConfig { demo: true, ..remote };
    assert!(matches!(bind(&demo, &access).await, Err(ApiError::Demo(_))));
}
