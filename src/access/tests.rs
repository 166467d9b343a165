//! What access promises.

use std::os::unix::fs::PermissionsExt as _;

use super::account::New;
use super::role::Role;
use super::role::Scope;
use super::session::SignIn;
use super::viewer::Viewer;
use super::*;

const PASSWORD: &str = "standing by all day";

fn access() -> Access {
    Access::in_memory(AccessConfig::default()).unwrap()
}

fn rep(name: &str) -> New<'_> {
    New { name, role: Role::Rep, person: Some("r1") }
}

fn cookie(signed_in: SignIn) -> String {
    match signed_in {
        SignIn::Welcome(cookie) => cookie,
        refused => panic!("{refused:?}"),
    }
}

#[test]
fn somebody_signs_in_is_known_and_signs_out() {
    let access = access();
    access.add_account("cli", rep("Maya"), Some(PASSWORD)).unwrap();
    let cookie = cookie(access.sign_in("MAYA", PASSWORD, None).unwrap());
    let session = access.session(&cookie).unwrap().unwrap();
    let person = Some("r1".to_owned());
    assert_eq!(
        session.viewer,
        Viewer::Account { name: "maya".to_owned(), role: Role::Rep, person }
    );
    assert!(session.csrf.len() > 40 && !cookie.contains(&session.csrf));
    let (id, secret) = cookie.split_once('.').unwrap();
    let other = access.begin_session("maya").unwrap();
    let (other_id, other_secret) = other.split_once('.').unwrap();
    for forged in [
        format!("{id}.{other_secret}"),
        format!("{other_id}.{secret}"),
        format!("x{id}.{secret}"),
        String::new(),
    ] {
        assert_eq!(access.session(&forged).unwrap(), None, "{forged}");
    }
    access.sign_out(&cookie).unwrap();
    assert_eq!(access.session(&cookie).unwrap(), None);
    assert!(access.session(&other).unwrap().is_some(), "the other browser stays signed in");
}

#[test]
fn who_is_wrong_is_refused_and_then_has_to_wait() {
    let access = access();
    access.add_account("cli", rep("maya"), Some(PASSWORD)).unwrap();
    access.add_account("cli", rep("out"), Some(PASSWORD)).unwrap();
    access.add_account("cli", rep("no-password"), None).unwrap();
    access.set_disabled("cli", "out", true).unwrap();
    for (name, password) in [
        ("maya", "standing by"),
        ("maya", ""),
        ("nobody", PASSWORD),
        ("out", PASSWORD),
        ("no-password", ""),
        ("no-password", PASSWORD),
        ("'; --", PASSWORD),
    ] {
        let refused = access.sign_in(name, password, None).unwrap();
        assert_eq!(refused, SignIn::Wrong, "{name} {password}");
    }
    let here = "10.0.0.1".parse().ok();
    let now = crate::time::steady();
    for _ in 0..10 {
        access.throttle.lock().failed("maya", here, now);
    }
    let refused = access.sign_in("maya", PASSWORD, here).unwrap();
    assert!(matches!(refused, SignIn::Wait(60..=64)), "{refused:?}");
    assert!(matches!(access.sign_in("maya", PASSWORD, None).unwrap(), SignIn::Welcome(_)));
}

#[test]
fn a_session_ends_with_time_with_a_new_password_and_with_its_account() {
    let access = access();
    access.add_account("cli", rep("maya"), Some(PASSWORD)).unwrap();
    let lives = |cookie: &str| access.session(cookie).unwrap().is_some();
    let aged = |column: &str, hours: i64| {
        let cookie = access.begin_session("maya").unwrap();
        let sql = format!("UPDATE sessions SET {column} = {column} - ?1 WHERE id = ?2");
        let id = cookie.split_once('.').unwrap().0;
        let millis = hours * 3_600_000;
        access.writer.lock().execute(&sql, rusqlite::params![millis, id]).unwrap();
        cookie
    };
    for (column, hours, want) in [
        ("created_at", 167, true),
        ("created_at", 168, false),
        ("seen_at", 23, true),
        ("seen_at", 24, false),
    ] {
        assert_eq!(lives(&aged(column, hours)), want, "{column} {hours}");
    }
    let cookie = access.begin_session("maya").unwrap();
    access.set_password("cli", "maya", "another day, another word").unwrap();
    assert!(!lives(&cookie));
    let cookie = access.begin_session("maya").unwrap();
    access.set_disabled("cli", "maya", true).unwrap();
    assert!(!lives(&cookie));
    access.set_disabled("cli", "maya", false).unwrap();
    assert!(!lives(&cookie), "what has ended stays ended");
    let many: Vec<String> = (0..25).map(|_| access.begin_session("maya").unwrap()).collect();
    let alive = many.iter().map(|cookie| lives(cookie)).collect::<Vec<_>>();
    assert_eq!(alive, (0..25).map(|i| i >= 5).collect::<Vec<_>>(), "the oldest end first");
}

#[test]
fn a_token_is_known_until_it_is_revoked() {
    let access = access();
    let text = access.add_token("cli", "CRM", &[Scope::Read, Scope::Act]).unwrap();
    let viewer = access.bearer(&text).unwrap().unwrap();
    assert_eq!(viewer.key(), "token:crm");
    let rights = [role::Right::Read, role::Right::Act, role::Right::Ingest];
    assert_eq!(rights.map(|right| viewer.may(right)), [true, true, false]);
    let other = access.add_token("cli", "other", &[Scope::Ingest]).unwrap();
    let mixed = format!("{}.{}", text.split_once('.').unwrap().0, other.split_once('.').unwrap().1);
    for wrong in ["", "siaga_", "siaga_a.b", &text["siaga_".len()..], &mixed] {
        assert_eq!(access.bearer(wrong).unwrap(), None, "{wrong}");
    }
    access.revoke_token("cli", "crm").unwrap();
    assert_eq!(access.bearer(&text).unwrap(), None);
    assert!(matches!(access.revoke_token("cli", "crm"), Err(AccessError::Unknown(_))));
    assert!(matches!(access.add_token("cli", "crm", &[]), Err(AccessError::Taken(_))));
    assert!(access.tokens().unwrap()[0].is_revoked);
}

#[test]
fn nothing_that_opens_a_door_lies_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(Access::FILE);
    let access = Access::open(&path, AccessConfig::default()).unwrap();
    access.add_account("cli", rep("maya"), Some(PASSWORD)).unwrap();
    let cookie = cookie(access.sign_in("maya", PASSWORD, None).unwrap());
    let token = access.add_token("cli", "crm", &[Scope::Read]).unwrap();
    let key = access.begin_setup().unwrap();
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        kept.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let secrets =
        [PASSWORD, &key, cookie.split_once('.').unwrap().1, token.split_once('.').unwrap().1];
    for secret in secrets {
        let found = kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // The command line has the file open, too.
    let second = Access::open(&path, AccessConfig::default()).unwrap();
    second.set_disabled("cli", "maya", true).unwrap();
    assert_eq!(access.session(&cookie).unwrap(), None);
}

#[test]
fn the_first_account_is_made_by_a_link_that_works_once() {
    let access = access();
    assert!(access.is_untouched().unwrap());
    assert!(!access.is_setup("").unwrap(), "there is no link yet");
    let old = access.begin_setup().unwrap();
    let key = access.begin_setup().unwrap();
    assert!(!access.set_up(&old, "ops", PASSWORD).unwrap());
    assert!(access.set_up(&key, "ops", "short").is_err(), "and may be tried again");
    assert!(access.set_up(&key, "ops", PASSWORD).unwrap());
    assert_eq!(access.accounts().unwrap()[0].role, Role::Operator);
    assert!(!access.is_untouched().unwrap());
    assert!(!access.set_up(&key, "ops2", PASSWORD).unwrap());
    access.set_disabled("cli", "ops", true).unwrap();
    let key = access.begin_setup().unwrap();
    assert!(!access.is_setup(&key).unwrap(), "a door that was shut stays shut");
}

#[test]
fn names_and_people_are_checked() {
    let access = access();
    for wrong in ["", " ", "-maya", "maya north", "mäya", &"x".repeat(65)] {
        let refused = access.add_account("cli", rep(wrong), None);
        assert!(matches!(refused, Err(AccessError::Name(_))), "{wrong}");
    }
    for role in [Role::Rep, Role::Manager] {
        let refused = access.add_account("cli", New { name: "maya", role, person: None }, None);
        assert!(matches!(refused, Err(AccessError::Person(_))), "{role:?}");
    }
    access.add_account("cli", rep("maya@example.com"), None).unwrap();
    let again = access.add_account("cli", rep("Maya@Example.com"), None);
    assert!(matches!(again, Err(AccessError::Taken(_))));
    let unknown = access.set_password("cli", "bob", PASSWORD);
    assert!(matches!(unknown, Err(AccessError::Unknown(_))));
}

#[test]
fn the_audit_log_says_who_did_what_and_only_grows() {
    let access = access();
    access.add_account("cli", rep("maya"), Some(PASSWORD)).unwrap();
    access.sign_in("maya", PASSWORD, None).unwrap();
    access.note("user:maya", "alert.close", "alert:7", "won").unwrap();
    let deeds = access.deeds(None, 100).unwrap();
    let told: Vec<String> =
        deeds.iter().map(|d| format!("{} {} {} {}", d.who, d.did, d.object, d.detail)).collect();
    assert_eq!(
        told,
        [
            "user:maya alert.close alert:7 won",
            "user:maya session.begin user:maya ",
            "cli account.add user:maya role rep, rep r1",
        ]
    );
    assert_eq!(access.deeds(Some(deeds[0].seq), 1).unwrap(), deeds[1..2]);
    for sql in ["DELETE FROM audit", "UPDATE audit SET who = 'nobody'"] {
        let error = access.writer.lock().execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("only grows"), "{error}");
    }
}
