//! A rep's day in a real browser against the real program: every action and its undo, by mouse and
//! by keyboard, on a desk and on a phone, and over a restart of the server.
//!
//! ```text
//! orders ─► siaga serve ◄── Chromium ◄── chromedriver ◄── this test
//!            │ inbox on disk, which outlives the program
//! ```
//!
//! `held` lets events arrive while a menu is open, words are typed and rows are pressed.
//!
//! Accessibility is asked of axe-core where `tests/run` has put it, and of a few rules of our own
//! in any case.

mod held;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use siaga::time;
use thirtyfour::WebDriver;

use crate::browser::Running;
use crate::browser::ask;
use crate::browser::browser;
use crate::browser::can_browse;
use crate::browser::driver;
use crate::browser::nothing_went_wrong;
use crate::browser::wait_until;

const RULES: &str = "
groups:
  - name: day
    rules:
      - alert: BigOrder
        family: trend
        on: [order]
        when: orders.last(1).exists(o, o.net > 50.0)
        value: orders.last(1).sum(o, o.net)
        labels: {severity: warning, play: follow_up}
        annotations: {summary: \"{{ customer.id }} bought for {{ money(value) }}\"}
        evidence: orders.last('365d')
";

/// The real program on a port of its own, with an inbox that outlives it.
struct Shop {
    program: Option<Running>,
    folder: tempfile::TempDir,
    host: String,
    orders: u32,
    /// The link by which the first account is made.
    setup: String,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("day.rules.yaml"), RULES).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let setup = String::new();
        let mut shop = Self { program: None, folder, host, orders: 0, setup };
        shop.start();
        shop
    }

    fn start(&mut self) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .arg("serve")
            .env("SIAGA_HTTP_LISTEN", &self.host)
            .env("SIAGA_STORAGE_DATA_DIR", self.folder.path().join("data"))
            .env("SIAGA_RULES_PATH", self.folder.path().join("day.rules.yaml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
        self.program = Some(Running(program));
        let told: Vec<String> =
            lines.by_ref().take_while(|line| !line.starts_with("siaga: open ")).collect();
        assert!(TcpStream::connect(&self.host).is_ok(), "siaga serve does not listen: {told:#?}");
        let link = lines.next().unwrap();
        link.split(' ').find(|word| word.starts_with("http")).unwrap().clone_into(&mut self.setup);
        std::thread::spawn(move || lines.for_each(drop));
        // What it wrote before comes first.
        let ready = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            self.http("GET", "/-/ready", "").0 == 200
        });
        assert!(ready, "siaga serve is not ready");
    }

    fn stop(&mut self) {
        self.program = None;
    }

    /// The answer to a request: status and body.
    fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.host).unwrap();
        let (host, length) = (&self.host, body.len());
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}");
        write!(socket, "{head}\r\nContent-Type: application/x-ndjson\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A customer of a rep orders now.
    fn order(&mut self, customer: &str, rep: &str, net: u32) {
        self.orders += 1;
        let (number, at) = (self.orders, time::now());
        let order = json!({
            "event_id": format!("e{number}"), "type": "order", "occurred_at": at.to_string(),
            "customer_id": customer, "rep_id": rep, "currency": "USD",
            "lines": [{"product_id": "p1", "quantity": 1, "net_amount": net}],
        });
        let (status, body) = self.http("POST", "/v1/events", &order.to_string());
        assert_eq!(status, 202, "{body}");
    }
}

/// The row of a customer, as a script.
fn row(customer: &str) -> String {
    format!(
        "[...document.querySelectorAll('.rows .row')]
            .find((row) => row.querySelector('.who').textContent === '{customer}')"
    )
}

async fn is_listed(page: &WebDriver, customer: &str, listed: bool) {
    let what = format!("{customer} listed: {listed}");
    wait_until(page, &what, &format!("return {listed} === !!{}", row(customer))).await;
}

async fn has_state(page: &WebDriver, state: &str) {
    let script =
        format!("return document.querySelector('#detail article')?.dataset.state === '{state}'");
    wait_until(page, &format!("the state {state}"), &script).await;
}

/// Opens an alert beside the list.
async fn open(page: &WebDriver, customer: &str) {
    is_listed(page, customer, true).await;
    ask(page, &format!("{}.querySelector('a').click(); return true", row(customer))).await;
    let shown = format!(
        "return document.querySelector('#alert-title')?.textContent.trim() === '{customer}'"
    );
    wait_until(page, &format!("the alert of {customer}"), &shown).await;
}

/// Clicks a button of an open alert by its words.
async fn press(page: &WebDriver, words: &str) {
    let script = format!(
        "const button = [...document.querySelectorAll('.actions button, .deeds button')]
            .filter((button) => button.textContent.trim() === '{words}');
        if (button.length !== 1) return button.length;
        button[0].closest('details')?.setAttribute('open', '');
        button[0].click(); return 'clicked'"
    );
    assert_eq!(ask(page, &script).await, "clicked", "the button `{words}`");
}

async fn take_back(page: &WebDriver) {
    let offered = "const toast = document.getElementById('toast');
        return !toast.hidden && !toast.lastElementChild.hidden";
    wait_until(page, "the offer to undo", offered).await;
    ask(page, "document.querySelector('#toast button').click(); return true").await;
    let undone = "return document.querySelector('#toast span').textContent === 'Undone'";
    wait_until(page, "the undoing", undone).await;
}

async fn fill(page: &WebDriver, field: &str, value: &str) {
    let script = format!("document.getElementById('{field}').value = '{value}'; return true");
    ask(page, &script).await;
}

#[test]
fn a_rep_does_and_undoes_everything_and_misses_nothing() {
    if !can_browse() {
        return;
    }
    let mut shop = Shop::open();
    let (_driver, at) = driver();
    let profile = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let page = browser(&at, profile.path()).await;
        for customer in ["Ahmad", "Berta", "Chen"] {
            shop.order(customer, if customer == "Chen" { "r2" } else { "r1" }, 100);
        }
        page.goto(format!("http://{}/", shop.host)).await.unwrap();
        ask(&page, "window.marker = 'same page'; return true").await;
        every_action_is_done_and_undone(&page).await;
        an_alert_waits_for_something_new(&page, &mut shop).await;
        held::a_refresh_takes_nothing_away(&page, &mut shop).await;
        the_keyboard_alone_is_enough(&page).await;
        lists_have_addresses(&page, &shop).await;
        nothing_went_wrong(&page).await;
        a_restart_loses_nothing(&page, &mut shop).await;
        a_phone_is_enough(&page, &shop).await;
        every_page_can_be_read_by_everybody(&page, &shop).await;
        somebody_makes_an_account_and_signs_in(&page, &shop).await;
        page.quit().await.unwrap();
    });
}

async fn every_action_is_done_and_undone(page: &WebDriver) {
    open(page, "Ahmad").await;
    let told = ask(page, "return document.querySelector('#detail article').textContent").await;
    for words in ["Get back to the customer today", "$100.00", "Bought for $100.00"] {
        assert!(told.as_str().unwrap().contains(words), "no `{words}` in {told}");
    }
    press(page, "Acknowledge").await;
    has_state(page, "acknowledged").await;
    // What is undone from here on stands again where it stood: somebody is on it.
    for (fields, words, state) in [
        (&[("won", "1250.5")][..], "Won", "closed"),
        (&[("lost", "")], "Lost", "closed"),
        (&[], "Already handled", "closed"),
        (&[("note", "Has moved away")], "Dismiss", "closed"),
        (&[], "1 week", "snoozed"),
        (&[("until", "")], "1 hour", "snoozed"),
        (&[], "Until something new happens", "waiting"),
    ] {
        for (field, value) in fields {
            fill(page, field, value).await;
        }
        press(page, words).await;
        has_state(page, state).await;
        is_listed(page, "Ahmad", false).await;
        let sentence = "return document.querySelector('.stands').textContent";
        let sentence = ask(page, sentence).await;
        match words {
            "Won" => assert!(sentence.as_str().unwrap().contains("$1,251"), "{sentence}"),
            "Dismiss" => assert!(sentence.as_str().unwrap().contains("moved away"), "{sentence}"),
            _ => {}
        }
        take_back(page).await;
        has_state(page, "acknowledged").await;
        is_listed(page, "Ahmad", true).await;
    }
    fill(page, "comment", "They call back on Friday").await;
    ask(page, "document.querySelector('.comment button').click(); return true").await;
    let said = "return !!document.querySelector('.deeds q')";
    wait_until(page, "the comment", said).await;
    let gone = "return !document.querySelector('.deeds q')";
    take_back(page).await;
    wait_until(page, "the comment gone", gone).await;
    fill(page, "comment", "They call back on Monday").await;
    ask(page, "document.querySelector('.comment button').click(); return true").await;
    wait_until(page, "another comment", said).await;
    press(page, "Take back").await;
    wait_until(page, "the comment taken back", gone).await;
    take_back(page).await;
    wait_until(page, "the comment back", said).await;
    press(page, "Hand over").await;
    let owner = |key: &str| {
        format!("return document.querySelector('#detail article').dataset.owner === '{key}'")
    };
    wait_until(page, "another owner", &owner("rep:r2")).await;
    take_back(page).await;
    wait_until(page, "the first owner again", &owner("rep:r1")).await;
    press(page, "Undo").await;
    has_state(page, "firing").await;
}

async fn an_alert_waits_for_something_new(page: &WebDriver, shop: &mut Shop) {
    open(page, "Berta").await;
    press(page, "Until something new happens").await;
    is_listed(page, "Berta", false).await;
    shop.order("Berta", "r1", 70);
    is_listed(page, "Berta", true).await;
    has_state(page, "firing").await;
    // A new alert of somebody else comes in, too, on the page that was opened at first.
    shop.order("Dewi", "r1", 500);
    is_listed(page, "Dewi", true).await;
    assert_eq!(ask(page, "return window.marker").await, "same page");
}

/// Types on whatever has the focus.
async fn keys(page: &WebDriver, typed: &str) {
    page.action_chain().send_keys(typed).perform().await.unwrap();
}

async fn the_keyboard_alone_is_enough(page: &WebDriver) {
    ask(page, "document.activeElement.blur(); return true").await;
    let key = async |key: &str| keys(page, key).await;
    // The list has the most money first: Dewi, and then Ahmad or Chen.
    key("/").await;
    wait_until(page, "the search", "return document.activeElement.id === 'q'").await;
    key("dewi").await;
    is_listed(page, "Ahmad", false).await;
    key("\u{e00c}").await;
    ask(page, "document.querySelector('.rows .row a').focus(); return true").await;
    key("\u{e007}").await;
    let shown = "return document.querySelector('#alert-title')?.textContent.trim() === 'Dewi'";
    wait_until(page, "the alert opened by Enter", shown).await;
    key("a").await;
    has_state(page, "acknowledged").await;
    key("u").await;
    has_state(page, "firing").await;
    key("w").await;
    wait_until(page, "the amount", "return document.activeElement.id === 'won'").await;
    key("40").await;
    key("\u{e007}").await;
    has_state(page, "closed").await;
    ask(page, "document.activeElement.blur(); return true").await;
    key("u").await;
    has_state(page, "firing").await;
    menus_open_by_a_letter(page).await;
    key("c").await;
    wait_until(page, "the comment", "return document.activeElement.id === 'comment'").await;
    key("by keyboard\u{e007}").await;
    wait_until(page, "what was said", "return !!document.querySelector('.deeds q')").await;
    key("\u{e00c}").await;
    key("?").await;
    wait_until(page, "the help", "return !!document.querySelector('dialog[open]')").await;
    key("\u{e00c}").await;
    wait_until(page, "no help", "return !document.querySelector('dialog[open]')").await;
    key("\u{e00c}").await;
    wait_until(page, "no alert", "return !document.querySelector('#detail article')").await;
}

/// The menus, each by its letter, and what they do by the keys that everybody knows.
async fn menus_open_by_a_letter(page: &WebDriver) {
    // What a menu has first is had by Enter; what it has behind that, by Tab.
    let (enter, tab) = ("\u{e007}", "\u{e004}");
    for (letter, focused, pressed, state) in [
        ("s", "{\"action\":\"wait\"}", vec![enter], "waiting"),
        ("s", "{\"action\":\"wait\"}", vec![tab, enter], "snoozed"),
        (
            "e",
            "{\"action\":\"close\",\"reason\":\"dismissed\",\"note\":\"Not relevant\"}",
            vec![enter],
            "closed",
        ),
        ("l", "lost", vec![enter], "closed"),
    ] {
        keys(page, letter).await;
        let script = format!(
            "const at = document.activeElement; return at.id === '{focused}' || at.dataset.act === '{focused}'"
        );
        wait_until(page, &format!("what `{letter}` opens"), &script).await;
        for one in pressed {
            keys(page, one).await;
        }
        has_state(page, state).await;
        ask(page, "document.activeElement.blur(); return true").await;
        keys(page, "u").await;
        has_state(page, "firing").await;
    }
    keys(page, "r").await;
    wait_until(page, "to whom", "return document.activeElement.id === 'whom'").await;
    keys(page, tab).await;
    keys(page, enter).await;
    let owner = |key: &str| {
        format!("return document.querySelector('#detail article').dataset.owner === '{key}'")
    };
    wait_until(page, "another owner", &owner("rep:r2")).await;
    keys(page, "u").await;
    wait_until(page, "the first owner again", &owner("rep:r1")).await;
}

/// What is shown stands in the address, and the address shows it again.
async fn lists_have_addresses(page: &WebDriver, shop: &Shop) {
    for (query, want) in [
        ("min=200&owner=rep:r1", json!(["Dewi"])),
        ("rule=BigOrder&q=chen", json!(["Chen"])),
        ("severity=critical", json!([])),
        ("state=closed", json!([])),
    ] {
        page.goto(format!("http://{}/?{query}", shop.host)).await.unwrap();
        let listed =
            "return [...document.querySelectorAll('.rows .who')].map((w) => w.textContent)";
        assert_eq!(ask(page, listed).await, want, "{query}");
    }
}

async fn a_restart_loses_nothing(page: &WebDriver, shop: &mut Shop) {
    page.goto(format!("http://{}/", shop.host)).await.unwrap();
    ask(page, "window.marker = 'before the restart'; return true").await;
    let live = |word: &str| {
        format!("return document.querySelector('#live span').textContent === '{word}'")
    };
    wait_until(page, "a live page", &live("Live")).await;
    shop.stop();
    wait_until(page, "a page that has lost the server", &live("Reconnecting")).await;
    shop.start();
    // Some before the page is back, some after.
    for (customer, net) in [("Eka", 300), ("Farid", 310), ("Gita", 320)] {
        shop.order(customer, "r1", net);
    }
    is_listed(page, "Eka", true).await;
    wait_until(page, "a live page again", &live("Live")).await;
    for (customer, net) in [("Hadi", 330), ("Indah", 340)] {
        shop.order(customer, "r2", net);
        is_listed(page, customer, true).await;
    }
    assert_eq!(ask(page, "return window.marker").await, "before the restart");
    // No gap: the page has what the server has, in the same order.
    let (_, listed) = shop.http("GET", "/v1/alerts", "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let alerts = listed["alerts"].as_array().unwrap();
    let ids: Vec<Value> = alerts.iter().map(|alert| alert["id"].clone()).collect();
    assert_eq!(ids.len(), 10);
    let shown = "return [...document.querySelectorAll('.rows .row')].map((row) => row.dataset.id)";
    assert_eq!(ask(page, shown).await, Value::Array(ids));
    // What the browser has to say of it is that nobody answered, and nothing else.
    for line in page.browser_log().await.unwrap() {
        let is_of_network = line.message.contains("net::ERR_") || line.message.contains("fetch");
        assert!(is_of_network, "{}", line.message);
    }
    // Those of before are there still, and can be acted on.
    open(page, "Chen").await;
    press(page, "Acknowledge").await;
    has_state(page, "acknowledged").await;
    take_back(page).await;
    has_state(page, "firing").await;
}

/// Somebody on the way: by touch alone, with one thing on the screen at a time.
async fn a_phone_is_enough(page: &WebDriver, shop: &Shop) {
    let tools = page.cdp();
    let screen = json!({"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true});
    tools.send_raw("Emulation.setDeviceMetricsOverride", screen).await.unwrap();
    let touch = json!({"enabled": true});
    tools.send_raw("Emulation.setTouchEmulationEnabled", touch).await.unwrap();
    page.goto(format!("http://{}/", shop.host)).await.unwrap();
    let shows = async |what: &str, list: bool| {
        let script = format!(
            "const seen = (id) => document.getElementById(id).offsetParent !== null;
            return seen('list') === {list} && seen('detail') !== {list}"
        );
        wait_until(page, what, &script).await;
    };
    shows("the list alone", true).await;
    tap(page, ".rows .row a").await;
    shows("the alert alone", false).await;
    tap(page, "#detail .actions .primary").await;
    has_state(page, "acknowledged").await;
    tap(page, "#toast button").await;
    has_state(page, "firing").await;
    tap(page, "details[data-key=s] summary").await;
    let inside = "const menu = document.querySelector('details[data-key=s] > div');
        const box = menu.getBoundingClientRect();
        return box.width > 0 && box.left >= 0 && box.right <= innerWidth";
    assert_eq!(ask(page, inside).await, true, "a menu on a phone");
    tap(page, "details[data-key=s] button[data-act*=wait]").await;
    has_state(page, "waiting").await;
    tap(page, "#toast button").await;
    has_state(page, "firing").await;
    // Nothing that is to be touched is smaller than a fingertip.
    let small = "return [...document.querySelectorAll('.actions button, .actions summary, .back')]
        .filter((e) => e.offsetParent && e.offsetHeight < 32).map((e) => e.outerHTML)";
    assert_eq!(ask(page, small).await, json!([]));
    tap(page, "#detail .back").await;
    shows("the list again", true).await;
    nothing_went_wrong(page).await;
    tools.send_raw("Emulation.setTouchEmulationEnabled", json!({"enabled": false})).await.unwrap();
    tools.send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
}

/// Touches the middle of an element, wherever that is on the screen.
async fn tap(page: &WebDriver, css: &str) {
    let there = format!("return document.querySelector(`{css}`)?.getClientRects().length > 0");
    wait_until(page, css, &there).await;
    let place = format!(
        "const element = document.querySelector(`{css}`);
        element.scrollIntoView({{block: 'center'}});
        const box = element.getBoundingClientRect();
        const at = [box.x + box.width / 2, box.y + box.height / 2];
        const hit = document.elementFromPoint(...at);
        return element.contains(hit) ? at : hit?.outerHTML.slice(0, 200) ?? 'nothing'"
    );
    let place = ask(page, &place).await;
    let Some([x, y]) = place.as_array().map(Vec::as_slice) else {
        panic!("{css} cannot be touched: {place} lies over it")
    };
    for (kind, points) in [("touchStart", json!([{"x": x, "y": y}])), ("touchEnd", json!([]))] {
        let touch = json!({"type": kind, "touchPoints": points});
        page.cdp().send_raw("Input.dispatchTouchEvent", touch).await.unwrap();
    }
}

/// The first account by the link that the program tells, then out, and in again by a password.
async fn somebody_makes_an_account_and_signs_in(page: &WebDriver, shop: &Shop) {
    let key = async |typed: &str| keys(page, typed).await;
    let at = async |what: &str, path: &str| {
        let script = format!("return location.pathname + location.search === '{path}'");
        wait_until(page, what, &script).await;
    };
    let (tab, enter) = ("\u{e004}", "\u{e007}");
    page.goto(shop.setup.as_str()).await.unwrap();
    is_readable(page, "the first account").await;
    key(&format!("maya{tab}standing by all day{enter}")).await;
    at("the inbox of the first account", "/").await;
    let name = "return document.querySelector('.account b').textContent";
    assert_eq!(ask(page, name).await, "maya");
    ask(page, "document.querySelector('.account button').click(); return true").await;
    at("the sign-in page", "/sign-in").await;
    page.goto(format!("http://{}/?state=closed", shop.host)).await.unwrap();
    at("the sign-in page on the way to a list", "/sign-in?next=%2F%3Fstate%3Dclosed").await;
    is_readable(page, "signing in").await;
    nothing_went_wrong(page).await;
    key(&format!("maya{tab}something else{enter}")).await;
    let refused =
        "return document.querySelector('.refusal')?.textContent === 'Name or password is wrong.'";
    wait_until(page, "the refusal", refused).await;
    is_readable(page, "a refusal").await;
    // The name is there still.
    let name = "return document.getElementById('name').value";
    assert_eq!(ask(page, name).await, "maya");
    ask(page, "document.getElementById('password').focus(); return true").await;
    key(&format!("standing by all day{enter}")).await;
    at("the list that was wanted", "/?state=closed").await;
    // A refused sign-in is an answer of 401, of which the browser tells; and of nothing else.
    for line in page.browser_log().await.unwrap() {
        assert!(line.message.contains("401"), "{}", line.message);
    }
}

async fn every_page_can_be_read_by_everybody(page: &WebDriver, shop: &Shop) {
    let (_, listed) = shop.http("GET", "/v1/alerts?limit=1", "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed["alerts"][0]["id"].as_str().unwrap();
    let paths = [
        "/".to_owned(),
        format!("/?alert={id}"),
        format!("/alerts/{id}"),
        "/?rule=BigOrder&min=1&state=any".to_owned(),
        "/customers/Ahmad".to_owned(),
        "/team".to_owned(),
        "/rules".to_owned(),
        "/rules/BigOrder".to_owned(),
        "/audit".to_owned(),
        "/reference".to_owned(),
        "/alerts/none".to_owned(),
    ];
    let tools = page.cdp();
    for (width, scheme) in [(1300, "light"), (1300, "dark"), (390, "light")] {
        let screen =
            json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500});
        let set = "Emulation.setDeviceMetricsOverride";
        tools.send_raw(set, screen).await.unwrap();
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        tools.send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
        for path in &paths {
            page.goto(format!("http://{}{path}", shop.host)).await.unwrap();
            let wide = "return document.documentElement.scrollWidth - window.innerWidth";
            let wide = ask(page, wide).await.as_i64().unwrap();
            assert!(wide <= 0, "{path} scrolls by {wide} px at {width} px");
            is_readable(page, &format!("{path} at {width} px, {scheme}")).await;
        }
    }
    for line in page.browser_log().await.unwrap() {
        assert!(line.message.contains("/alerts/none"), "{}", line.message);
    }
    if axe().is_none() {
        eprintln!("axe-core is not asked: tests/run puts it where npm can be reached");
    }
    tools.send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
}

/// Asks our rules and axe-core about the page that is open.
async fn is_readable(page: &WebDriver, what: &str) {
    assert_eq!(ask(page, OUR_RULES).await, json!([]), "{what}");
    if let Some(axe) = axe() {
        page.execute(axe, Vec::new()).await.unwrap();
        let found = page.execute_async(ASK_AXE, Vec::new()).await.unwrap();
        assert_eq!(*found.json(), json!([]), "{what}");
    }
}

/// What a page breaks of a few rules: every field and button has a name, one heading of the first
/// level and no level left out, one main part, a language, a title, no id twice.
const OUR_RULES: &str = "
    const broken = [];
    const name = (e) => (e.getAttribute('aria-label') ?? '') + (e.textContent ?? '')
        + [...(e.labels ?? [])].map((l) => l.textContent).join('') + (e.getAttribute('title') ?? '');
    for (const e of document.querySelectorAll('button, a, select, textarea, summary,'
        + 'input:not([type=hidden])')) {
        if (!name(e).trim()) broken.push('no name: ' + e.outerHTML.slice(0, 80));
    }
    const levels = [...document.querySelectorAll('h1, h2, h3, h4')]
        .filter((h) => !h.closest('dialog')).map((h) => Number(h.tagName[1]));
    if (levels.filter((l) => l === 1).length !== 1) broken.push('headings: ' + levels);
    levels.forEach((level, i) => {
        if (i && level > levels[i - 1] + 1) broken.push('a level left out: ' + levels);
    });
    if (document.querySelectorAll('main').length !== 1) broken.push('main');
    if (document.documentElement.lang !== 'en' || !document.title) broken.push('language, title');
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => broken.push('twice: ' + id));
    return broken";

const ASK_AXE: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    axe.run(document, {runOnly: tags}).then((found) => done(found.violations.map((violation) =>
        violation.id + ': ' + violation.nodes.map((node) => node.html.slice(0, 120)).join(' | '))))";

/// The source of axe-core, where it is installed: beside the program in the build's folder.
fn axe() -> Option<String> {
    let build = Path::new(env!("CARGO_BIN_EXE_siaga")).parent().and_then(Path::parent)?;
    let file: PathBuf = build.join("axe/node_modules/axe-core/axe.min.js");
    fs::read_to_string(file).ok()
}
