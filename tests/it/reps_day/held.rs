//! What a refresh that comes late must not take away: an open menu, words that are being typed, a
//! mark, the row under a finger.

use serde_json::Value;
use serde_json::json;
use thirtyfour::By;
use thirtyfour::WebDriver;

use crate::browser::ask;
use crate::browser::wait_until;
use crate::reps_day::Shop;
use crate::reps_day::has_state;
use crate::reps_day::is_listed;
use crate::reps_day::keys;
use crate::reps_day::open;
use crate::reps_day::row;
use crate::reps_day::take_back;

const ESCAPE: &str = "\u{e00c}";
const ENTER: &str = "\u{e007}";

pub(super) async fn a_refresh_takes_nothing_away(page: &WebDriver, shop: &mut Shop) {
    open(page, "Berta").await;
    an_open_menu_stays(page).await;
    what_is_typed_stays(page).await;
    what_is_marked_stays(page).await;
    what_is_pressed_stays(page, shop).await;
}

/// Somebody does something with the open alert, on a page of theirs.
async fn elsewhere(page: &WebDriver, action: Value) {
    let script = format!(
        "const done = arguments[arguments.length - 1];
        const id = document.querySelector('#detail article').dataset.id;
        const headers = {{'content-type': 'application/json'}};
        fetch(`/v1/alerts/${{id}}/actions`, {{method: 'POST', headers, body: '{action}'}})
            .then((answer) => done(answer.status))"
    );
    let answer = page.execute_async(&script, Vec::new()).await.unwrap();
    assert_eq!(*answer.json(), 200, "{action}");
}

async fn comment(page: &WebDriver, words: &str) {
    elsewhere(page, json!({"action": "comment", "note": words})).await;
}

/// A comment as a script that looks for it.
fn said(words: &str) -> String {
    format!("[...document.querySelectorAll('.deeds q')].some((q) => q.textContent === '{words}')")
}

async fn is_said(page: &WebDriver, words: &str) {
    wait_until(page, words, &format!("return {}", said(words))).await;
}

async fn click(page: &WebDriver, css: &str) {
    page.find(By::Css(css)).await.unwrap().click().await.unwrap();
}

async fn an_open_menu_stays(page: &WebDriver) {
    let menu = "document.querySelector('details[data-key=s]')";
    click(page, "details[data-key=s] summary").await;
    ask(page, &format!("{menu}.isThisOne = true; return true")).await;
    comment(page, "Sent the offer").await;
    is_said(page, "Sent the offer").await;
    elsewhere(page, json!({"action": "acknowledge"})).await;
    has_state(page, "acknowledged").await;
    // All round it is fresh; the buttons beside it wait for it.
    let stays = format!(
        "return {menu}.open && {menu}.isThisOne && !!document.querySelector('[data-key=a]')"
    );
    assert_eq!(ask(page, &stays).await, true, "the open menu");
    keys(page, ESCAPE).await;
    let fresh =
        format!("return !{menu}.isThisOne && !document.querySelector('.actions [data-key=a]')");
    wait_until(page, "what waited for the menu", &fresh).await;
    // And a menu does what it says, whatever came in meanwhile.
    click(page, "details[data-key=s] summary").await;
    comment(page, "They have it").await;
    is_said(page, "They have it").await;
    click(page, "details[data-key=s] button[data-act*='1h']").await;
    has_state(page, "snoozed").await;
    take_back(page).await;
    has_state(page, "acknowledged").await;
}

async fn what_is_typed_stays(page: &WebDriver) {
    click(page, "#comment").await;
    keys(page, "They call").await;
    ask(page, "document.activeElement.setSelectionRange(5, 9); return true").await;
    comment(page, "No answer yet").await;
    is_said(page, "No answer yet").await;
    let typed = "const at = document.activeElement;
        return [at.id, at.value, at.selectionStart, at.selectionEnd]";
    assert_eq!(ask(page, typed).await, json!(["comment", "They call", 5, 9]));
    keys(page, &format!("ring{ENTER}")).await;
    is_said(page, "They ring").await;
    wait_until(page, "an empty field", "return document.getElementById('comment').value === ''")
        .await;

    click(page, "details[data-key=w] summary").await;
    click(page, "#won").await;
    keys(page, "40").await;
    comment(page, "They have rung").await;
    is_said(page, "They have rung").await;
    let amount = "const at = document.activeElement; return [at.id, at.value]";
    assert_eq!(ask(page, amount).await, json!(["won", "40"]));
    // Shut, so that the menu may be exchanged, and opened again.
    keys(page, ESCAPE).await;
    elsewhere(page, json!({"action": "reopen"})).await;
    let fresh = "return !!document.querySelector('.actions [data-key=a]')";
    wait_until(page, "other buttons", fresh).await;
    assert_eq!(ask(page, "return document.getElementById('won').value").await, "40");
}

async fn what_is_marked_stays(page: &WebDriver) {
    let mark = "document.activeElement.blur();
        getSelection().selectAllChildren(document.querySelector('.deeds li'));
        return getSelection().toString()";
    let marked = ask(page, mark).await;
    assert!(marked.as_str().is_some_and(|text| text.contains("opened")), "{marked}");
    comment(page, "Read this").await;
    elsewhere(page, json!({"action": "acknowledge"})).await;
    has_state(page, "acknowledged").await;
    assert_eq!(ask(page, "return getSelection().toString()").await, marked);
    assert_eq!(ask(page, &format!("return {}", said("Read this"))).await, false);
    ask(page, "getSelection().removeAllRanges(); return true").await;
    is_said(page, "Read this").await;
}

/// Between the press and the click an alert comes in above.
async fn what_is_pressed_stays(page: &WebDriver, shop: &mut Shop) {
    let listen = "const plain = window.fetch;
        window.fetch = async (...asked) => {
            const answer = await plain(...asked);
            answer.clone().text().then((text) => { window.heard ||= text.includes('Zora'); });
            return answer;
        };
        return true";
    ask(page, listen).await;
    let pressed = "const rows = [...document.querySelectorAll('.rows .row')];
        rows.find((row) => row.querySelector('.who').textContent === 'Ahmad').id = 'pressed';
        return true";
    ask(page, pressed).await;
    let link = page.find(By::Css("#pressed a")).await.unwrap();
    page.action_chain().move_to_element_center(&link).click_and_hold().perform().await.unwrap();
    shop.order("Zora", "r2", 900);
    wait_until(page, "a fresh list", "return window.heard === true").await;
    assert_eq!(ask(page, &format!("return !!{}", row("Zora"))).await, false, "a row above");
    page.action_chain().release().perform().await.unwrap();
    let title = "return document.getElementById('alert-title')?.textContent.trim() === 'Ahmad'";
    wait_until(page, "the alert that was pressed", title).await;
    is_listed(page, "Zora", true).await;
}
