//! The manager's page, in Chromium: which customer was painted when?

use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use thirtyfour::ChromiumLikeCapabilities;
use thirtyfour::Cookie;
use thirtyfour::DesiredCapabilities;
use thirtyfour::WebDriver;

use crate::Seen;
use crate::house::House;

/// Notes every row when it has been painted: a frame was begun with it, and what a frame leaves to
/// be done afterwards comes after its painting.
const WATCH: &str = "
    window.seen = {};
    const look = () => {
        const fresh = [...document.querySelectorAll('.rows .who')].map((who) => who.textContent)
            .filter((who) => !(who in seen));
        fresh.forEach((who) => seen[who] = 0);
        if (fresh.length) requestAnimationFrame(() => setTimeout(() => {
            const at = performance.timeOrigin + performance.now();
            fresh.forEach((who) => seen[who] = at);
        }));
    };
    look();
    new MutationObserver(look).observe(document.getElementById('list'),
        {childList: true, subtree: true});
    return document.querySelectorAll('.rows .row').length";

/// An open page; the browser ends with it.
pub(super) struct Page {
    page: WebDriver,
    driver: Child,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Opens the manager's inbox, and waits until it is live.
pub(super) async fn open(house: &House, folder: &Path) -> Page {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let driver = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is on the PATH");
    let is_there = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(is_there, "chromedriver does not listen");
    let mut wanted = DesiredCapabilities::chrome();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1360,1080",
        &format!("--user-data-dir={}", folder.join("profile").display()),
    ] {
        wanted.add_arg(argument).unwrap();
    }
    let page = WebDriver::new(&format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
    page.goto(format!("http://{}/sign-in", house.host)).await.unwrap();
    let cookie = Cookie::new("siaga_session", house.manager.clone());
    page.add_cookie(cookie).await.unwrap();
    page.goto(format!("http://{}/", house.host)).await.unwrap();
    let live = "return document.querySelector('#live span')?.textContent === 'Live'";
    let mut is_live = false;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        is_live = page.execute(live, Vec::new()).await.unwrap().json().as_bool() == Some(true);
        if is_live {
            break;
        }
    }
    assert!(is_live, "the page is not live");
    page.execute(WATCH, Vec::new()).await.unwrap();
    Page { page, driver }
}

impl Page {
    /// When each customer was painted, in milliseconds of the wall clock; ends the browser.
    pub(super) async fn painted(self) -> Seen {
        let seen = self.page.execute("return window.seen", Vec::new()).await.unwrap();
        let seen = seen.json().as_object().unwrap().clone();
        let _ = self.page.clone().quit().await;
        let at = |value: serde_json::Value| value.as_f64().filter(|at| *at > 0.0);
        seen.into_iter().filter_map(|(who, when)| Some((who, at(when)?))).collect()
    }
}
