//! Does the inbox work in a real browser: signing in, the demo's alerts, live changes, one alert and
//! its undo, and a rep who sees nobody else's?
//!
//! ```text
//! siaga demo ◄── Chromium ◄── chromedriver ◄── this test
//! ```

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use thirtyfour::By;
use thirtyfour::ChromiumLikeCapabilities;
use thirtyfour::DesiredCapabilities;
use thirtyfour::Key;
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::WebDriver;

/// Tries, a fifth of a second apart, before something that must come counts as missing.
pub(crate) const TRIES: u32 = 300;

pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// A program that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Starts the demo; gives it and the address of its page, which it tells on standard error.
fn demo() -> (Running, String) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["demo", "--listen", "127.0.0.1:0", "--speed", "1800", "--customers", "400"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    let demo = Running(demo);
    let address = lines
        .find_map(|line| line.unwrap().strip_prefix("siaga: open ").map(str::to_owned))
        .expect("the demo tells where its page is");
    // What else it says must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (demo, address)
}

/// Whether the demo's history is in.
fn is_ready(address: &str) -> bool {
    let host = address.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    let mut answer = String::new();
    write!(socket, "GET /-/ready HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    socket.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1) == Some("200")
}

/// Starts chromedriver on a free port; gives it and its address.
pub(crate) fn driver() -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let driver = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let driver = Running(driver);
    for _ in 0..TRIES {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (driver, format!("http://127.0.0.1:{port}"));
        }
        std::thread::sleep(PAUSE);
    }
    panic!("chromedriver does not listen on port {port}");
}

pub(crate) async fn browser(driver: &str, profile: &Path) -> WebDriver {
    // The driver knows Chromium by its sibling's name.
    let mut wanted = DesiredCapabilities::chrome();
    wanted.set_binary(on_path("chromium").unwrap().to_str().unwrap()).unwrap();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1360,1080",
        &format!("--user-data-dir={}", profile.display()),
    ] {
        wanted.add_arg(argument).unwrap();
    }
    wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    WebDriver::new(driver, wanted).await.unwrap()
}

/// What a script in the page gives.
pub(crate) async fn ask(page: &WebDriver, script: &str) -> Value {
    page.execute(script, Vec::new()).await.unwrap().json().clone()
}

/// Asks until the answer is `true`.
pub(crate) async fn wait_until(page: &WebDriver, what: &str, script: &str) {
    for _ in 0..TRIES {
        if ask(page, script).await == Value::Bool(true) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{what} did not come about: `{script}` stayed false");
}

/// Whether Chromium is here; without it the pages are left out, but never in CI.
pub(crate) fn can_browse() -> bool {
    let missing = ["chromium", "chromedriver"].into_iter().find(|name| on_path(name).is_none());
    if let Some(program) = missing {
        assert!(std::env::var_os("CI").is_none(), "{program} is not on the PATH");
        eprintln!("the pages are not opened in a browser: {program} is not on the PATH");
    }
    missing.is_none()
}

#[test]
fn an_inbox_shows_live_alerts_and_takes_what_a_rep_does() {
    if !can_browse() {
        return;
    }
    let (_demo, address) = demo();
    let (_driver, at) = driver();
    for _ in 0..TRIES {
        if is_ready(&address) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    assert!(is_ready(&address), "the demo's history is not in");
    let profile = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let page = browser(&at, profile.path()).await;
        page.goto(&address).await.unwrap();
        sign_in_as(&page, "operator").await;
        alerts_arrive(&page).await;
        one_is_opened_acknowledged_and_taken_back(&page).await;
        sign_out(&page).await;
        a_rep_sees_own_alerts_and_a_manager_the_teams(&page).await;
        the_door_fits_a_phone(&page).await;
        nothing_went_wrong(&page).await;
        page.quit().await.unwrap();
    });
}

/// Alerts of several families are there, and a new one comes without the page being loaded again.
async fn alerts_arrive(page: &WebDriver) {
    // What is seen is kept: an offer that fits one call only is soon closed again.
    let several = "window.families ??= new Set();
        document.querySelectorAll('.rows .row .chip').forEach((c) => families.add(c.className));
        return families.size >= 3";
    wait_until(page, "alerts of three families", several).await;
    // A reload would lose both the marker and the ids seen so far.
    let mark = "window.marker = 'same page';
        window.total = () => Number(document.querySelector('.stake b').textContent
            .replace(/\\D/g, ''));
        window.known = new Set([...document.querySelectorAll('.rows .row')].map((r) => r.dataset.id));
        window.before = total(); window.fresh = new Set();
        new MutationObserver(() => document.querySelectorAll('.rows .row').forEach((r) => {
            if (!known.has(r.dataset.id)) fresh.add(r.dataset.id);
        })).observe(document.getElementById('list'), {childList: true, subtree: true});";
    ask(page, mark).await;
    let arrived = "return window.marker === 'same page'
        && (window.fresh.size > 0 || total() !== window.before)";
    wait_until(page, "a new alert on the open page", arrived).await;
}

/// Signs in by the demo's one click, with the keyboard alone, and sees the inbox.
async fn sign_in_as(page: &WebDriver, role: &str) {
    wait_until(page, "the sign-in page", "return location.pathname === '/sign-in'").await;
    let button = page.find(By::Css(format!("button[value=\"{role}\"]"))).await.unwrap();
    button.send_keys(Key::Enter).await.unwrap();
    let name = format!(
        "return location.pathname === '/'
            && document.querySelector('.account b')?.textContent === '{role}'"
    );
    wait_until(page, "the inbox of who signed in", &name).await;
}

async fn sign_out(page: &WebDriver) {
    ask(page, "document.querySelector('.account button').click(); return true").await;
    wait_until(page, "the sign-in page", "return location.pathname === '/sign-in'").await;
    let inbox = page.current_url().await.unwrap().join("/").unwrap();
    page.goto(inbox.as_str()).await.unwrap();
    let shut = "return location.pathname === '/sign-in' && !document.querySelector('.row')";
    wait_until(page, "a shut door", shut).await;
}

/// The owners to choose from, as the page names them: `value` is `rep:demo-r01` and the like.
async fn owners(page: &WebDriver) -> Vec<String> {
    let script = "return [...document.querySelectorAll('#owner option')].map((o) => o.value)
        .filter((value) => value)";
    let answer = ask(page, script).await;
    let values = answer.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap().to_owned()).collect()
}

async fn a_rep_sees_own_alerts_and_a_manager_the_teams(page: &WebDriver) {
    sign_in_as(page, "rep").await;
    wait_until(page, "an alert of the rep's", "return !!document.querySelector('.rows .row')")
        .await;
    assert_eq!(owners(page).await, ["rep:demo-r01"]);
    ask(page, "document.querySelector('.rows .row a').click(); return true").await;
    let of_rep =
        "return document.querySelector('#detail article')?.dataset.owner === 'rep:demo-r01'";
    wait_until(page, "an opened alert of the rep's", of_rep).await;
    sign_out(page).await;
    sign_in_as(page, "manager").await;
    wait_until(page, "alerts of the team", "return !!document.querySelector('.rows .row')").await;
    // Every fourth rep sells in the North; what has no owner, a product's alert, is any manager's.
    let team = ["queue", "rep:demo-r01", "rep:demo-r05", "rep:demo-r09"];
    let seen = owners(page).await;
    assert!(seen.len() > 1 && seen.iter().all(|owner| team.contains(&owner.as_str())), "{seen:?}");
    sign_out(page).await;
}

/// On a phone nothing sticks out and everything can be touched.
async fn the_door_fits_a_phone(page: &WebDriver) {
    page.set_window_rect(0, 0, 390, 844).await.unwrap();
    let fits = "return document.documentElement.scrollWidth <= innerWidth
        && [...document.querySelectorAll('.door button')].every((b) => b.offsetHeight >= 36)";
    assert_eq!(ask(page, fits).await, true, "the sign-in page on a phone");
    sign_in_as(page, "rep").await;
    let fits = "return document.documentElement.scrollWidth <= innerWidth
        && document.querySelector('.account button').offsetHeight >= 36";
    assert_eq!(ask(page, fits).await, true, "the inbox on a phone");
    let folder = std::env::temp_dir().join(format!("siaga-browser-{}", std::process::id()));
    page.screenshot(&folder.join("phone.png")).await.unwrap();
    sign_out(page).await;
    page.screenshot(&folder.join("door.png")).await.unwrap();
}

/// Opens one alert after the other until one lives long enough: half an hour passes in a second, and
/// with it what some alerts are about.
async fn one_is_opened_acknowledged_and_taken_back(page: &WebDriver) {
    let mut is_done = false;
    for place in 0..8 {
        is_done = is_opened_acknowledged_and_taken_back(page, place).await;
        if is_done {
            break;
        }
    }
    assert!(is_done, "eight alerts in a row ended before they could be acknowledged");
    let marker = ask(page, "return window.marker").await;
    assert_eq!(marker, "same page", "the page was loaded again");
}

/// Does so with the alert at a place of the list; `false` where it ended by itself meanwhile.
async fn is_opened_acknowledged_and_taken_back(page: &WebDriver, place: usize) -> bool {
    // A drift of several orders has evidence with a chart; any other alert will do, too.
    let open = format!(
        "const drifts = [...document.querySelectorAll('.rows .row:has(.family-drift) a')];
        const all = [...drifts, ...document.querySelectorAll('.rows .row a')];
        all[{place}].click(); return all[{place}].closest('.row').dataset.id"
    );
    let id = ask(page, &open).await.as_str().unwrap().to_owned();
    let explained = format!(
        "const article = document.querySelector('#detail article');
        return article?.dataset.id === '{id}' && article.querySelectorAll('.told > div').length > 0
            && !!article.querySelector('.plot svg[aria-label]')
            && [...article.querySelectorAll('h3')].some((h) => h.textContent === 'The events behind it')"
    );
    wait_until(page, "an opened alert with reasons and evidence", &explained).await;
    let folder = std::env::temp_dir().join(format!("siaga-browser-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    page.screenshot(&folder.join("inbox.png")).await.unwrap();
    eprintln!("picture: {}", folder.join("inbox.png").display());

    for (before, key, after) in [("firing", "a", "acknowledged"), ("acknowledged", "u", "firing")] {
        let press =
            format!("document.querySelector('#detail [data-key=\"{key}\"]')?.click(); return true");
        ask(page, &press).await;
        let state = "document.querySelector('#detail article')?.dataset.state";
        wait_until(page, after, &format!("return {state} !== '{before}'")).await;
        if ask(page, &format!("return {state} ?? null")).await != after {
            // To act on what is over is refused, and the browser notes that, perhaps a moment later.
            tokio::time::sleep(10 * PAUSE).await;
            let mut complaints = complaints(page).await;
            complaints.retain(|line| !line.contains("409 (Conflict)"));
            assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
            return false;
        }
    }
    true
}

/// What the browser has complained of since it was asked last.
async fn complaints(page: &WebDriver) -> Vec<String> {
    let log = page.browser_log().await.unwrap();
    log.into_iter().filter(|line| line.level == "SEVERE").map(|line| line.message).collect()
}

pub(crate) async fn nothing_went_wrong(page: &WebDriver) {
    let complaints = complaints(page).await;
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
}
