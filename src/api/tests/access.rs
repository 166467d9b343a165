//! Who may do what, asked over a real socket: every route as everybody, about everybody's.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::TcpStream;

use super::JSON;
use super::check;
use super::double::Answer;
use super::double::Server;
use super::opened;
use crate::access::account::New;
use crate::access::role::Role;
use crate::access::role::Scope;
use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::Owner;
use crate::api::HttpConfig;
use crate::api::gate::COOKIE;
use crate::api::routes::ROUTES;
use crate::api::routes::Reader;
use crate::delivery::inbox::sample;
use crate::engine::Duty;
use crate::engine::Output;

const PASSWORD: &str = "standing by all day";

/// r1 and r2 are of m1's team, r9 is not; North is where r1 sells, and nobody else.
const OWNERS: [&str; 5] = ["r1", "r2", "r9", "North", "nobody"];

/// Whose alerts and customers each of those who may read sees.
const SIGHT: [(&str, &[&str]); 8] = [
    ("rep", &["r1", "North"]),
    ("manager", &["r1", "r2", "North", "nobody"]),
    ("author", &OWNERS),
    ("operator", &OWNERS),
    ("auditor", &OWNERS),
    ("read", &OWNERS),
    ("act", &OWNERS),
    ("inbox", &OWNERS),
];

const READERS: &[&str] =
    &["rep", "manager", "author", "operator", "auditor", "read", "act", "inbox"];
const ANYBODY: &[&str] = &["anybody"];
const PEOPLE: &[&str] = &["rep", "manager", "author", "operator", "auditor"];

/// Who may ask which route. A route that is not here fails the test.
const MAY: [(&str, &[&str]); 45] = [
    ("GET /", READERS),
    ("GET /alerts/{id}", READERS),
    ("GET /customers/{id}", READERS),
    ("GET /team", READERS),
    ("GET /rules", &["manager", "author", "operator", "auditor", "read"]),
    ("GET /rules/{name}", &["manager", "author", "operator", "auditor", "read"]),
    ("POST /rules/{name}/promote", &["author", "operator"]),
    ("GET /audit", &["operator", "auditor", "operate"]),
    ("GET /reference", ANYBODY),
    ("GET /fragments/list", READERS),
    ("GET /fragments/alert/{id}", READERS),
    ("GET /assets/{name}", ANYBODY),
    ("GET /sign-in", ANYBODY),
    ("POST /sign-in", ANYBODY),
    ("GET /sign-in/oidc", ANYBODY),
    ("GET /sign-in/oidc/callback", ANYBODY),
    ("POST /sign-in/demo", ANYBODY),
    ("GET /setup", ANYBODY),
    ("POST /setup", ANYBODY),
    ("POST /v1/events", &["operator", "ingest"]),
    ("GET /v1/alerts", READERS),
    ("GET /v1/tallies", READERS),
    ("GET /v1/alerts/{id}", READERS),
    ("POST /v1/alerts/{id}/actions", &["rep", "manager", "operator", "act", "inbox"]),
    ("GET /v1/alerts/{id}/deliveries", READERS),
    ("GET /v1/deliveries", &["operator", "operate"]),
    ("POST /v1/deliveries/{id}/actions", &["operator", "operate"]),
    // Slack signs what it sends: the handler looks at that.
    ("POST /v1/slack/actions", ANYBODY),
    ("GET /v1/customers/{id}", READERS),
    ("GET /v1/reps/{id}", READERS),
    ("GET /v1/products/{id}", READERS),
    ("GET /v1/rules", &["manager", "author", "operator", "auditor", "read"]),
    ("GET /v1/rules/{name}", &["manager", "author", "operator", "auditor", "read"]),
    ("POST /v1/rules/{name}/actions", &["author", "operator"]),
    ("GET /v1/models", &["manager", "author", "operator", "auditor", "read"]),
    ("GET /v1/team", READERS),
    ("GET /v1/stream", READERS),
    ("GET /v1/audit", &["operator", "auditor", "operate"]),
    ("GET /v1/copies", &["operator", "inbox"]),
    ("GET /v1/copies/{kind}/{id}", &["operator", "inbox"]),
    ("GET /v1/openapi.json", ANYBODY),
    ("GET /metrics", &["operator", "operate"]),
    ("GET /-/healthy", ANYBODY),
    ("GET /-/ready", ANYBODY),
    // Last, since it ends the sessions: tokens have none to end.
    (
        "POST /sign-out",
        &[
            "rep", "manager", "author", "operator", "auditor", "ingest", "read", "act", "operate",
            "inbox",
        ],
    ),
];

/// Somebody who asks.
struct Asker {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Asker {
    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

fn alert_of(owner: &str) -> Alert {
    let mut alert = sample::alert(&format!("of-{owner}"), Some("10"));
    alert.entity_name = Some(format!("Secret {owner}"));
    alert.owner = match owner {
        "North" => Owner::Territory(owner.to_owned()),
        "nobody" => Owner::Queue,
        rep => Owner::Rep(rep.to_owned()),
    };
    alert
}

fn rep(id: &str, manager: &str, territories: &[&str]) -> Output {
    Output::Duty(Duty::Rep {
        id: id.to_owned(),
        name: None,
        manager: Some(manager.to_owned()),
        territories: territories.iter().map(|&name| name.to_owned()).collect(),
        seniority: None,
    })
}

fn session(server: &Server, name: &'static str) -> Asker {
    let access = &server.services.access;
    let cookie = access.begin_session(name).unwrap();
    let csrf = access.session(&cookie).unwrap().unwrap().csrf;
    let headers = vec![("cookie", format!("{COOKIE}={cookie}")), ("x-csrf-token", csrf)];
    Asker { name, headers }
}

/// A server with everybody's alerts and an account for each role.
fn house() -> Server {
    let server = Server::start(HttpConfig::default());
    server.tell(&[rep("r1", "m1", &["North"]), rep("r2", "m1", &[]), rep("r9", "m9", &["South"])]);
    server.tell(&OWNERS.map(|owner| opened(alert_of(owner))));
    for (role, name) in Role::ALL {
        let person = match role {
            Role::Rep => Some("r1"),
            Role::Manager => Some("m1"),
            _ => None,
        };
        server.services.access.add_account("cli", New { name, role, person }, None).unwrap();
    }
    server
}

fn askers(server: &Server) -> Vec<Asker> {
    let mut askers: Vec<Asker> = Role::ALL.iter().map(|(_, name)| session(server, name)).collect();
    for (scope, name) in Scope::ALL {
        let token = server.services.access.add_token("cli", name, &[scope]).unwrap();
        askers.push(Asker { name, headers: vec![("authorization", format!("Bearer {token}"))] });
    }
    for (name, headers) in [
        ("nobody", vec![]),
        ("a forged cookie", vec![("cookie", format!("{COOKIE}=a.{}", "A".repeat(43)))]),
        ("a forged token", vec![("authorization", format!("Bearer siaga_a.{}", "A".repeat(43)))]),
    ] {
        askers.push(Asker { name, headers });
    }
    askers
}

/// The addresses by which a route can be asked about this owner's; none where it is about nothing
/// of anybody's.
fn path(route: &str, owner: &str) -> Option<String> {
    let id = match route.split("/{id}").next().unwrap() {
        _ if !route.contains("{id}") => {
            return (owner == OWNERS[0]).then(|| {
                route.replace("/rules/{name}", "/rules/Quiet").replace("{name}", "siaga.css")
            });
        }
        "/v1/copies/{kind}" => return Some(format!("/v1/copies/customer/of-{owner}")),
        "/customers" | "/v1/customers" => format!("of-{owner}"),
        "/v1/reps" if owner.starts_with('r') => owner.to_owned(),
        "/v1/products" if owner == "nobody" => "p1".to_owned(),
        "/v1/reps" | "/v1/products" => return None,
        _ => alert_of(owner).id.to_string(),
    };
    Some(route.replace("{id}", &id))
}

#[test]
fn every_route_lets_in_whom_it_may_and_nobody_else() {
    let server = house();
    let askers = askers(&server);
    let may: BTreeMap<&str, &[&str]> = MAY.into_iter().collect();
    let sight: BTreeMap<&str, &[&str]> = SIGHT.into_iter().collect();
    // Each action is another one, so that each has an effect to wait for.
    let (mut hours, mut cells) = (0, 0);
    let last = |route: &&crate::api::routes::Route| route.path == "/sign-out";
    let (ending, others): (Vec<_>, Vec<_>) = ROUTES.iter().partition(last);
    for route in others.into_iter().chain(ending) {
        let named = format!("{} {}", route.method, route.path);
        let allowed = may.get(named.as_str()).unwrap_or_else(|| panic!("who may {named}?"));
        assert_eq!(*allowed == ANYBODY, route.need.is_nothing(&server.services.http), "{named}");
        for asker in &askers {
            for owner in OWNERS {
                let Some(path) = path(route.path, owner) else { continue };
                hours += 1;
                let body = match route.path {
                    "/v1/events" => "two".to_owned(),
                    "/v1/deliveries/{id}/actions" => r#"{"action":"retry"}"#.to_owned(),
                    "/v1/rules/{name}/actions" => r#"{"action":"promote"}"#.to_owned(),
                    _ if path.ends_with("/actions") => {
                        format!(r#"{{"action":"snooze","for":"{hours}h"}}"#)
                    }
                    _ => String::new(),
                };
                let headers = [&asker.headers()[..], &[JSON]].concat();
                let (mut answer, mut rest) = server.head(route.method, &path, &headers, &body);
                let cell = format!("{named} by {} about {owner}'s: {answer:?}", asker.name);
                let to_sign_in =
                    answer.header("location").is_some_and(|to| to.starts_with("/sign-in"));
                cells += 1;
                if *allowed == ANYBODY {
                    assert!(![401, 403].contains(&answer.status) && !to_sign_in, "{cell}");
                } else if allowed.contains(&asker.name) {
                    let about = path != route.path && !route.path.starts_with("/v1/deliveries");
                    let seen = !about || sight[asker.name].contains(&owner);
                    let want = match route.path {
                        _ if !seen => 404,
                        "/sign-out" => 303,
                        "/v1/events" => 202,
                        // An alert is no delivery.
                        "/v1/deliveries/{id}/actions" => 404,
                        // It is live already.
                        "/rules/{name}/promote" | "/v1/rules/{name}/actions" => 409,
                        _ => 200,
                    };
                    assert_eq!(answer.status, want, "{cell}");
                } else {
                    let is_known =
                        PEOPLE.contains(&asker.name) || Scope::from_name(asker.name).is_some();
                    match (is_known, route.reader) {
                        (true, _) => assert_eq!(answer.status, 403, "{cell}"),
                        (false, Reader::Person) => assert!(to_sign_in, "{cell}"),
                        (false, _) => assert_eq!(answer.status, 401, "{cell}"),
                    }
                }
                if answer.status >= 400 {
                    rest.read_to_string(&mut answer.body).unwrap();
                    assert!(!answer.body.contains("Secret"), "{cell} {}", answer.body);
                }
            }
        }
    }
    assert_eq!(may.len(), ROUTES.len(), "a row of a route that is no more");
    let open = HttpConfig { open_metrics: true, ..HttpConfig::default() };
    let opened = ROUTES.iter().filter(|route| {
        route.need.is_nothing(&open) && !route.need.is_nothing(&HttpConfig::default())
    });
    let opened: Vec<_> = opened.map(|route| route.path).collect();
    assert_eq!(opened, ["/metrics"], "what `http.open_metrics` opens");
    assert!(cells > 500, "{cells} cells");
}

#[test]
fn a_list_a_page_and_a_search_show_what_one_may_see_and_nothing_else() {
    let server = house();
    for asker in askers(&server) {
        let Some((_, sight)) = SIGHT.into_iter().find(|(name, _)| *name == asker.name) else {
            continue;
        };
        for (path, everything) in [
            ("/", true),
            ("/fragments/list", true),
            ("/v1/alerts", true),
            ("/v1/alerts?state=any&q=secret", true),
            ("/?state=any&q=secret", true),
            ("/v1/alerts?owner=rep:r9", false),
            ("/v1/alerts?entity=customer:of-r9", false),
            ("/?owner=rep:r9", false),
        ] {
            let answer = server.ask("GET", path, &asker.headers(), "");
            assert_eq!(answer.status, 200, "{path} by {}", asker.name);
            for owner in OWNERS {
                let seen = sight.contains(&owner) && (everything || owner == "r9");
                let shown = answer.body.contains(&format!("Secret {owner}"));
                assert_eq!(shown, seen, "{path} by {} about {owner}'s", asker.name);
            }
        }
        let page = server.ask("GET", "/", &asker.headers(), "");
        let of_r9 = page.body.contains("value=\"rep:r9\"");
        assert_eq!(of_r9, sight.contains(&"r9"), "the choice of owners by {}", asker.name);
        let total = format!("<b>{}</b> alerts", sight.len());
        assert!(page.body.contains(&total), "no `{total}` by {}: {}", asker.name, page.body);
    }
}

#[test]
fn what_fires_in_the_shadow_is_not_for_reps() {
    let server = house();
    let hidden = Alert { is_shadow: true, ..sample::alert("shadow", None) };
    server.tell(&[opened(hidden.clone())]);
    let one = format!("/v1/alerts/{}", hidden.id);
    for (name, list, id) in [("rep", 403, 404), ("author", 200, 200), ("auditor", 200, 200)] {
        let asker = session(&server, name);
        let answer = server.ask("GET", "/v1/alerts?state=shadow", &asker.headers(), "");
        assert_eq!(answer.status, list, "{name}");
        assert_eq!(server.ask("GET", &one, &asker.headers(), "").status, id, "{name}");
    }
}

#[test]
fn a_change_by_cookie_needs_the_key_of_its_page() {
    let server = house();
    let asker = session(&server, "rep");
    let (cookie, csrf) = (asker.headers[0].1.as_str(), asker.headers[1].1.as_str());
    let other = session(&server, "rep").headers[1].1.clone();
    let path = format!("/v1/alerts/{}/actions", alert_of("r1").id);
    let body = r#"{"action":"acknowledge"}"#;
    let cookie = ("cookie", cookie);
    for (headers, status) in [
        (vec![cookie], 403),
        (vec![cookie, ("x-csrf-token", "")], 403),
        (vec![cookie, ("x-csrf-token", &other)], 403),
        (vec![cookie, ("x-csrf-token", csrf), ("origin", "http://evil.example")], 403),
        (vec![("x-csrf-token", csrf)], 401),
        (vec![cookie, ("x-csrf-token", csrf)], 200),
    ] {
        let given = [&headers[..], &[JSON]].concat();
        let answer = server.ask("POST", &path, &given, body);
        assert_eq!(answer.status, status, "{headers:?} {answer:?}");
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (body, status) in [
        (String::new(), 403),
        (format!("csrf={other}"), 403),
        (format!("a=b&csrf={csrf}&csrf=x"), 303),
    ] {
        let answer = server.ask("POST", "/sign-out", &[cookie, form], &body);
        assert_eq!(answer.status, status, "{body}");
    }
    assert_eq!(server.ask("GET", "/v1/alerts", &[cookie], "").status, 401, "signed out");
}

#[test]
fn somebody_signs_in_by_a_form_and_out_again() {
    let server = house();
    let access = &server.services.access;
    let new = New { name: "maya", role: Role::Rep, person: Some("r1") };
    access.add_account("cli", new, Some(PASSWORD)).unwrap();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let sign_in = |password: &str, more: &[(&str, &str)]| -> Answer {
        let body = format!("name=maya&password={password}&next=%2F%3Fstate%3Dclosed");
        server.ask("POST", "/sign-in", &[&[form], more].concat(), &body)
    };
    let away = server.ask("GET", "/?state=closed", &[], "");
    assert_eq!(
        (away.status, away.header("location")),
        (303, Some("/sign-in?next=%2F%3Fstate%3Dclosed"))
    );
    let page = server.ask("GET", "/sign-in?next=%2F%3Fstate%3Dclosed", &[], "");
    assert!(page.body.contains(r#"name="next" value="/?state=closed""#), "{}", page.body);
    let wrong = sign_in("wrong", &[]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    assert!(
        wrong.body.contains("Name or password is wrong") && wrong.body.contains("value=\"maya\"")
    );
    let right = sign_in("standing+by+all+day", &[]);
    assert_eq!((right.status, right.header("location")), (303, Some("/?state=closed")));
    let cookie = right.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let tls = sign_in("standing+by+all+day", &[("x-forwarded-proto", "https")]);
    assert!(tls.header("set-cookie").unwrap().ends_with("; HttpOnly; SameSite=Lax; Secure"));
    let foreign = sign_in("standing+by+all+day", &[("origin", "http://evil.example")]);
    assert_eq!(foreign.status, 403);
    let cookie = ("cookie", cookie.split(';').next().unwrap());
    let page = server.ask("GET", "/", &[cookie], "");
    assert!(page.body.contains("<b>maya</b>") && page.body.contains("Sign out"), "{}", page.body);
    assert!(!page.body.contains("Nobody has to sign in"));
    let csrf = page.body.split("data-csrf=\"").nth(1).unwrap().split('"').next().unwrap();
    let out = server.ask("POST", "/sign-out", &[cookie, form], &format!("csrf={csrf}"));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"), "{out:?}");
    assert_eq!(server.ask("GET", "/v1/alerts", &[cookie], "").status, 401);
    for _ in 0..6 {
        sign_in("wrong", &[]);
    }
    let waits = sign_in("standing+by+all+day", &[]);
    assert_eq!(waits.status, 429, "{waits:?}");
    assert!(waits.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
}

#[test]
fn a_machine_is_open_until_the_first_account_is_made_by_the_link() {
    let server = Server::start(HttpConfig::default());
    server.tell(&[opened(alert_of("r1"))]);
    let page = server.ask("GET", "/", &[], "");
    assert!(page.body.contains("Nobody has to sign in") && page.body.contains("Secret r1"));
    let (open, mut stream) = server.head("GET", "/v1/stream", &[], "");
    assert_eq!(open.status, 200);
    let key = server.services.access.begin_setup().unwrap();
    for wrong in ["", "?key=", "?key=AAAA"] {
        assert_eq!(server.ask("GET", &format!("/setup{wrong}"), &[], "").status, 404, "{wrong}");
    }
    let page = server.ask("GET", &format!("/setup?key={key}"), &[], "");
    assert!(page.body.contains("The first account"), "{}", page.body);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let set_up = |password: &str| {
        let body = format!("key={key}&name=Ops&password={password}");
        server.ask("POST", "/setup", &[form], &body)
    };
    let short = set_up("short");
    assert!(short.status == 400 && short.body.contains("at least 12 characters"), "{short:?}");
    let made = set_up("standing+by+all+day");
    assert_eq!(made.status, 303, "{made:?}");
    let cookie = ("cookie", made.header("set-cookie").unwrap().split(';').next().unwrap());
    assert_eq!(server.ask("GET", "/metrics", &[cookie], "").status, 200);
    assert_eq!(server.ask("GET", "/v1/alerts", &[], "").status, 401, "the machine is shut");
    assert_eq!(set_up("standing+by+all+day").status, 404, "the link worked once");
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
}

#[test]
fn the_demo_signs_in_by_one_click_and_no_other_server_does() {
    for (demo, want) in [(true, 303), (false, 404)] {
        let server = Server::start(HttpConfig { demo, ..HttpConfig::default() });
        let new = New { name: "rep", role: Role::Rep, person: Some("r1") };
        server.services.access.add_account("demo", new, None).unwrap();
        let form = ("content-type", "application/x-www-form-urlencoded");
        let answer = server.ask("POST", "/sign-in/demo", &[form], "role=rep&next=%2F");
        assert_eq!(answer.status, want, "{answer:?}");
        let page = server.ask("GET", "/sign-in", &[], "");
        assert_eq!(page.body.contains("value=\"rep\""), demo);
        assert_eq!(page.body.contains("current-password"), !demo);
        // There a program needs no token, and a page still asks as whom one wants to look.
        let program = server.ask("GET", "/v1/rules", &[], "");
        assert_eq!(program.status, if demo { 200 } else { 401 });
        let forged = [("cookie", "siaga_session=a.b")];
        assert_eq!(server.ask("GET", "/v1/rules", &forged, "").status, 401);
        assert_eq!(server.ask("GET", "/", &[], "").status, 303);
        assert_eq!(server.ask("GET", "/fragments/list", &[], "").status, 401);
    }
}

#[test]
fn deeds_are_noted_by_who_did_them() {
    let server = house();
    let alert = alert_of("r1");
    let path = format!("/v1/alerts/{}/actions", alert.id);
    let rep = session(&server, "rep");
    let body = r#"{"action":"close","reason":"dismissed","note":"Secret","by":"rep:r9"}"#;
    let answer = server.ask("POST", &path, &[&rep.headers()[..], &[JSON]].concat(), body);
    check(&answer, 200, r#""name":"closed""#);
    let token = server.services.access.add_token("cli", "crm", &[Scope::Act]).unwrap();
    let token = ("authorization", format!("Bearer {token}"));
    let bearer = [(token.0, token.1.as_str()), JSON];
    check(&server.ask("POST", &path, &bearer, r#"{"action":"reopen"}"#), 200, "firing");
    let body = r#"{"action":"acknowledge","by":"rep:r2"}"#;
    check(&server.ask("POST", &path, &bearer, body), 200, r#""by":"rep:r2""#);
    let body = r#"{"action":"acknowledge","by":"rep:r9"}"#;
    let answer = server.ask("POST", &path, &[&rep.headers()[..], &[JSON]].concat(), body);
    check(&answer, 200, r#""by":"rep:r1""#);
    let auditor = session(&server, "auditor");
    let log = server.ask("GET", "/v1/audit?limit=6", &auditor.headers(), "");
    let log: serde_json::Value = serde_json::from_str(&log.body).unwrap();
    let told: Vec<String> = log["deeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| format!("{} {} {}", deed["who"], deed["did"], deed["detail"]).replace('"', ""))
        .collect();
    assert_eq!(
        told[1..],
        [
            "user:rep alert.acknowledge null",
            "token:crm alert.acknowledge null",
            "token:crm alert.reopen null",
            "cli token.add act",
            "user:rep alert.close dismissed",
        ]
    );
    assert!(!log.to_string().contains("Secret"), "{log}");
    let next = format!("/v1/audit?limit=500&before={}", log["next"]);
    let older = server.ask("GET", &next, &auditor.headers(), "");
    check(&older, 200, r#""did":"account.add""#);
    assert!(!older.body.contains("\"next\""), "{}", older.body);
}

#[test]
fn the_description_is_served_and_names_every_refusal() {
    let server = house();
    let answer = server.ask("GET", "/v1/openapi.json", &[], "");
    let document: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let list = &document["paths"]["/v1/alerts"]["get"];
    for status in ["200", "400", "401", "403"] {
        assert!(list["responses"][status].is_object(), "{status}: {list}");
    }
}

/// Reads one event: its name and its data.
fn event(lines: &mut BufReader<TcpStream>) -> (String, serde_json::Value) {
    let (mut name, mut data) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the stream ended");
        let line = line.trim_end();
        if let Some(value) = line.strip_prefix("event: ") {
            value.clone_into(&mut name);
        } else if let Some(value) = line.strip_prefix("data: ") {
            value.clone_into(&mut data);
        } else if line.is_empty() && !name.is_empty() {
            return (name, serde_json::from_str(&data).unwrap());
        }
    }
}

fn snoozed(owner: &str, day: &str) -> Output {
    let state = AlertState::Snoozed { by: "r1".to_owned(), until: sample::at("2026-01-01") };
    Output::Changed { id: alert_of(owner).id, state, at: sample::at(day) }
}

fn moved(customer: &str, to: &str) -> Output {
    let owner = Owner::Rep(to.to_owned());
    let at = sample::at("2025-03-02");
    Output::Duty(Duty::Customer { id: customer.to_owned(), owner, at })
}

#[test]
fn a_customer_who_is_given_away_leaves_every_open_page_and_stream() {
    let server = house();
    let asker = session(&server, "rep");
    let (_, mut mine) = server.head("GET", "/v1/stream", &asker.headers(), "");
    let id = alert_of("r1").id.to_string();
    server.tell(&[moved("of-r1", "r9")]);
    let (name, told) = event(&mut mine);
    assert_eq!((name.as_str(), told["state"].as_str()), ("changed", Some("moved")));
    assert!(!told.to_string().contains("r9"), "to whom is not told: {told}");
    // What happens to it afterwards is for the new rep alone; the next that is heard is another's.
    server.tell(&[snoozed("r1", "2025-03-03"), snoozed("North", "2025-03-03")]);
    let (_, told) = event(&mut mine);
    assert_eq!(told["id"].as_str(), Some(alert_of("North").id.to_string().as_str()));
    for path in
        [format!("/v1/alerts/{id}"), format!("/alerts/{id}"), format!("/fragments/alert/{id}")]
    {
        assert_eq!(server.ask("GET", &path, &asker.headers(), "").status, 404, "{path}");
    }
    let list = server.ask("GET", "/v1/alerts?state=any", &asker.headers(), "");
    assert!(!list.body.contains("Secret r1"), "{}", list.body);
    // Who comes back is told of what left, and of nothing that happened to it before or after.
    let headers = [&asker.headers()[..], &[("last-event-id", "0")]].concat();
    let (_, mut again) = server.head("GET", "/v1/stream", &headers, "");
    let seen: Vec<_> = (0..3).map(|_| event(&mut again).1).collect();
    let told: BTreeSet<String> =
        seen.iter().map(|e| format!("{} {}", e["id"], e["state"]).replace('"', "")).collect();
    let north = alert_of("North").id;
    let want = [format!("{id} moved"), format!("{north} firing"), format!("{north} snoozed")];
    assert_eq!(told, want.into_iter().collect());
    // Whoever has the whole team in sight still sees it leave from r1; its new owner has it.
    server
        .services
        .access
        .add_account("cli", New { name: "nine", role: Role::Rep, person: Some("r9") }, None)
        .unwrap();
    let nine = session(&server, "nine");
    check(&server.ask("GET", &format!("/v1/alerts/{id}"), &nine.headers(), ""), 200, "\"rep:r9\"");
    server.tell(&[moved("of-r1", "r1")]);
    assert_eq!(server.ask("GET", &format!("/v1/alerts/{id}"), &asker.headers(), "").status, 200);
}

#[test]
fn who_gives_an_alert_away_sees_it_no_longer_and_may_take_it_back() {
    let server = house();
    let new = New { name: "two", role: Role::Rep, person: Some("r2") };
    server.services.access.add_account("cli", new, None).unwrap();
    let (one, two) = (session(&server, "rep"), session(&server, "two"));
    let path = |owner: &str| format!("/v1/alerts/{}", alert_of(owner).id);
    let act = |asker: &Asker, about: &str, body: &str| {
        let headers = [&asker.headers()[..], &[JSON]].concat();
        server.ask("POST", &format!("{}/actions", path(about)), &headers, body).status
    };
    let sees = |asker: &Asker, about: &str| {
        server.ask("GET", &path(about), &asker.headers(), "").status == 200
    };
    let to = |owner: &str| format!(r#"{{"action":"reassign","owner":"{owner}"}}"#);
    assert_eq!(act(&two, "r1", &to("rep:r2")), 404, "nobody takes what he cannot see");
    assert_eq!(act(&one, "r1", &to("rep:r2")), 204);
    assert!(!sees(&one, "r1") && sees(&two, "r1"));
    assert_eq!(act(&one, "r1", r#"{"action":"acknowledge"}"#), 404);
    assert_eq!(act(&one, "r1", &to("rep:r1")), 200, "taken back");
    assert!(sees(&one, "r1") && !sees(&two, "r1"));
    assert_eq!(act(&one, "North", &to("rep:r2")), 204);
    assert_eq!(act(&two, "North", r#"{"action":"comment","note":"mine now"}"#), 200);
    assert_eq!(act(&one, "North", &to("rep:r1")), 404, "somebody has gone on with it");
}

#[test]
fn a_team_is_shown_as_far_as_one_may_see() {
    let server = house();
    // Who has no alert is one of the team all the same; who leads it, and has none, is not.
    server.tell(&[rep("r3", "m1", &[]), rep("m1", "m9", &[])]);
    for (asker, want) in [
        ("rep", &["rep:r1", "territory:North"][..]),
        ("manager", &["queue", "rep:r1", "rep:r2", "rep:r3", "territory:North"]),
        ("author", &["queue", "rep:r1", "rep:r2", "rep:r3", "rep:r9", "territory:North"]),
    ] {
        let asker = session(&server, asker);
        let team = server.ask("GET", "/v1/team", &asker.headers(), "");
        let team: serde_json::Value = serde_json::from_str(&team.body).unwrap();
        let owners: Vec<&str> = team["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["owner"].as_str().unwrap())
            .collect();
        assert_eq!(owners, want, "{}", asker.name);
        let page = server.ask("GET", "/team", &asker.headers(), "");
        let of_r9 = page.body.contains("owner=rep%3Ar9");
        assert_eq!(of_r9, want.contains(&"rep:r9"), "{}", asker.name);
        let tallies = server.ask("GET", "/v1/tallies", &asker.headers(), "");
        let tallies: serde_json::Value = serde_json::from_str(&tallies.body).unwrap();
        let with_alerts = tallies["owners"].as_object().unwrap();
        let seen: Vec<&str> = want.iter().copied().filter(|owner| *owner != "rep:r3").collect();
        assert_eq!(with_alerts.keys().collect::<Vec<_>>(), seen, "{}", asker.name);
        assert_eq!(tallies["open"]["alerts"], seen.len());
        let amount = &tallies["open"]["at_stake"][0]["amount"];
        assert_eq!(amount.as_f64(), Some(seen.iter().map(|_| 10.0).sum()), "{tallies}");
    }
}

#[test]
fn an_alert_can_be_given_to_whoever_sells() {
    let server = house();
    let asker = session(&server, "manager");
    let path = format!("/fragments/alert/{}", alert_of("r1").id);
    let page = server.ask("GET", &path, &asker.headers(), "").body;
    assert!(page.contains("<option value=\"rep:r2\">") && !page.contains("value=\"rep:r3\""));
    server.tell(&[rep("r3", "m1", &[])]);
    let page = server.ask("GET", &path, &asker.headers(), "").body;
    assert!(page.contains("<option value=\"rep:r3\">"), "who has no alert yet: {page}");
}

#[test]
fn a_manager_sees_the_team_as_it_is_now() {
    let server = house();
    let asker = session(&server, "manager");
    let (_, mut stream) = server.head("GET", "/v1/stream", &asker.headers(), "");
    server.tell(&[snoozed("r2", "2025-03-02")]);
    assert_eq!(event(&mut stream).1["owner"], "rep:r2");
    server.tell(&[rep("r2", "m9", &[])]);
    assert_eq!(event(&mut stream).0, "resync");
    let path = format!("/v1/alerts/{}", alert_of("r2").id);
    assert_eq!(server.ask("GET", &path, &asker.headers(), "").status, 404);
    let back = AlertState::Firing;
    let again =
        Output::Changed { id: alert_of("r2").id, state: back, at: sample::at("2025-03-03") };
    server.tell(&[again, snoozed("r1", "2025-03-03")]);
    assert_eq!(event(&mut stream).1["owner"], "rep:r1");
}

#[test]
fn a_stream_ends_with_its_session_its_account_and_its_token() {
    let server = house();
    let access = &server.services.access;
    let token = access.add_token("cli", "crm", &[Scope::Read]).unwrap();
    let token = Asker { name: "crm", headers: vec![("authorization", format!("Bearer {token}"))] };
    let (out, barred) = (session(&server, "rep"), session(&server, "manager"));
    let mut streams: Vec<_> = [&out, &barred, &token]
        .map(|asker| server.head("GET", "/v1/stream", &asker.headers(), "").1)
        .into_iter()
        .collect();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let left = server.ask("POST", "/sign-out", &[&out.headers()[..], &[form]].concat(), "");
    assert_eq!(left.status, 303);
    access.set_disabled("cli", "manager", true).unwrap();
    access.revoke_token("cli", "crm").unwrap();
    for stream in &mut streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it ends by itself");
    }
}
