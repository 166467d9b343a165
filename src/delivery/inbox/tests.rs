//! What the inbox promises.

use super::people::Sight;
use super::query::Cursor;
use super::query::Query;
use super::query::Since;
use super::query::Standing;
use super::sample::alert;
use super::sample::at;
use super::*;
use crate::alert::Action;
use crate::alert::Deed;
use crate::alert::Family;
use crate::alert::Owner;
use crate::event::EntityKind;

fn inbox(alerts: &[Alert]) -> Inbox {
    let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
    inbox.apply(&alerts.iter().cloned().map(opened).collect::<Vec<_>>()).unwrap();
    inbox
}

fn opened(alert: Alert) -> Output {
    Output::Opened { alert: Box::new(alert), arrived: None }
}

fn changed(alert: &Alert, state: AlertState, time: &str) -> Output {
    Output::Changed { id: alert.id, state, at: at(time) }
}

fn closed(reason: CloseReason) -> AlertState {
    AlertState::Closed { at: at("2025-03-02"), reason }
}

fn listed(inbox: &Inbox, query: &Query) -> Vec<String> {
    inbox.list(query).unwrap().alerts.into_iter().map(|k| k.alert.entity_id).collect()
}

#[test]
fn what_fires_in_the_shadow_is_kept_and_shown_in_no_list_and_no_stream() {
    let (seen, mut hidden) = (alert("c1", Some("10")), alert("c2", Some("20")));
    hidden.is_shadow = true;
    let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
    let changes = inbox.apply(&[opened(seen.clone()), opened(hidden.clone())]).unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), [seen.id]);
    let list = |standing| {
        let page = inbox.list(&Query { standing, ..Query::default() }).unwrap();
        page.alerts.into_iter().map(|kept| kept.alert.id).collect::<Vec<_>>()
    };
    for closed in [false, true] {
        for (standing, name) in Standing::ALL {
            let shown = list(standing).contains(&hidden.id);
            assert_eq!(shown, standing == Standing::Shadow, "{name}, closed: {closed}");
        }
        assert_eq!(inbox.open_count().unwrap(), 1);
        let counts = inbox.counts(&Query::default()).unwrap();
        assert_eq!((counts.open.alerts, counts.closed.alerts), (1, 0));
        let won = changed(&hidden, self::closed(CloseReason::Won), "2025-03-05");
        assert!(inbox.apply(&[won]).unwrap().is_empty());
    }
    let kept = inbox.get(hidden.id).unwrap().unwrap().alert;
    assert_eq!((kept.is_shadow, kept.state), (true, closed(CloseReason::Won)));
}

#[test]
fn an_alert_of_a_rule_that_is_back_comes_anew_in_its_new_words() {
    let (one, mut again) = (alert("c1", Some("10")), alert("c1", Some("30")));
    again.summary = "other words".to_owned();
    let inbox = inbox(std::slice::from_ref(&one));
    inbox.apply(&[changed(&one, closed(CloseReason::Withdrawn), "2025-03-02")]).unwrap();
    let changes = inbox.apply(&[opened(again.clone())]).unwrap();
    assert!(changes.len() == 1 && changes[0].opened);
    assert_eq!(inbox.get(one.id).unwrap().unwrap().alert, again);
    assert!(inbox.apply(&[opened(again)]).unwrap().is_empty(), "it is there already");
}

#[test]
fn the_most_money_comes_first_and_no_money_last() {
    let mut newer = alert("newer", None);
    newer.opened_at = at("2025-03-02");
    let inbox = inbox(&[
        alert("none", None),
        alert("small", Some("1")),
        newer,
        alert("large", Some("1000000")),
        alert("negative", Some("-5")),
    ]);
    let want = ["large", "small", "negative", "newer", "none"];
    assert_eq!(listed(&inbox, &Query::default()), want);
}

#[test]
fn pages_join_without_gap_or_repeat_while_alerts_come() {
    let many: Vec<Alert> =
        (0..23).map(|i| alert(&format!("c{i}"), Some(&(i % 5).to_string()))).collect();
    let inbox = inbox(&many);
    let whole = listed(&inbox, &Query::default());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = inbox.list(&Query { after, limit: 4, ..Query::default() }).unwrap();
        seen.extend(page.alerts.into_iter().map(|k| k.alert.entity_id));
        inbox.apply(&[opened(alert(&format!("new{}", seen.len()), Some("99")))]).unwrap();
        let Some(next) = page.next else { break };
        after = Some(Cursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(seen, whole);
    for text in ["", "%%", "AAAA", "MTox", "MToyOng"] {
        assert!(Cursor::decode(text).is_err(), "{text}");
    }
}

#[test]
fn a_replay_changes_nothing_and_takes_nothing_back() {
    let one = alert("c1", Some("10"));
    let first = opened(one.clone());
    let ack = changed(
        &one,
        AlertState::Acknowledged { by: "r1".to_owned(), at: at("2025-03-01T10:00:00Z") },
        "2025-03-01T10:00:00Z",
    );
    let won = changed(&one, closed(CloseReason::Won), "2025-03-02");
    let run = [first.clone(), ack.clone(), won.clone()];
    let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
    assert_eq!(inbox.apply(&run).unwrap().len(), 3);
    let resolved = changed(&one, closed(CloseReason::Resolved), "2025-03-05");
    let reopened_before = changed(&one, AlertState::Firing, "2025-03-01T11:00:00Z");
    for again in [&run[..], &[first], &[ack], &[won], &[resolved], &[reopened_before]] {
        assert_eq!(inbox.apply(again).unwrap(), []);
    }
    assert_eq!(inbox.get(one.id).unwrap().unwrap().alert.state, closed(CloseReason::Won));
}

#[test]
fn a_rep_can_undo_a_close() {
    let one = alert("c1", Some("10"));
    let inbox = inbox(std::slice::from_ref(&one));
    inbox.apply(&[changed(&one, closed(CloseReason::Lost), "2025-03-02")]).unwrap();
    assert_eq!(listed(&inbox, &Query::default()), Vec::<String>::new());
    inbox.apply(&[changed(&one, AlertState::Firing, "2025-03-02")]).unwrap();
    assert_eq!(listed(&inbox, &Query::default()), ["c1"]);
}

#[test]
fn a_change_of_an_unknown_alert_is_left_out() {
    let inbox = inbox(&[]);
    let change = changed(&alert("c1", None), AlertState::Firing, "2025-03-02");
    assert_eq!(inbox.apply(&[change]).unwrap(), []);
}

#[test]
fn a_list_shows_what_was_asked_for() {
    let mut other = alert("c2", Some("5"));
    other.owner = Owner::Territory("North 100%".to_owned());
    other.family = Family::Margin;
    other.summary = "Margin of Żabka fell by 10%_".to_owned();
    let inbox = inbox(&[alert("c1", Some("1")), other.clone(), alert("c3", None)]);
    let snooze = AlertState::Snoozed { by: "r1".to_owned(), until: at("2025-04-01") };
    let third = alert("c3", None);
    inbox.apply(&[changed(&third, snooze, "2025-03-02")]).unwrap();
    let any = || Query { standing: Standing::Any, ..Query::default() };
    let text = |t: &str| Query { text: Some(t.to_owned()), ..any() };
    for (query, want) in [
        (any(), &["c2", "c1", "c3"][..]),
        (Query::default(), &["c2", "c1"]),
        (Query { standing: Standing::Snoozed, ..any() }, &["c3"]),
        (Query { standing: Standing::Closed, ..any() }, &[]),
        (Query { owner: Some("rep:r1".to_owned()), ..any() }, &["c1", "c3"]),
        (Query { owner: Some("territory:North 100%".to_owned()), ..any() }, &["c2"]),
        (Query { family: Some(Family::Margin), ..any() }, &["c2"]),
        (Query { entity: Some((EntityKind::Customer, "c3".to_owned())), ..any() }, &["c3"]),
        (Query { entity: Some((EntityKind::Rep, "c3".to_owned())), ..any() }, &[]),
        (text("żabka  MARGIN"), &["c2"]),
        (text("%_"), &["c2"]),
        (text("' OR 1=1 --"), &[]),
        (text("   "), &["c2", "c1", "c3"]),
    ] {
        assert_eq!(listed(&inbox, &query), want, "{query:?}");
    }
    let counts = inbox.counts(&Query::default()).unwrap();
    assert_eq!((counts.open.alerts, counts.snoozed.alerts, counts.closed.alerts), (2, 1, 0));
    assert_eq!(counts.open.money, [(other.value.unwrap().currency, 6)]);
    let families: Vec<_> = counts.families.iter().map(|(f, t)| (*f, t.alerts)).collect();
    assert_eq!(families, [(Family::Drift, 1), (Family::Margin, 1)]);
    assert_eq!(inbox.owners(&Sight::Everything).unwrap().len(), 2);
}

#[test]
fn changes_are_numbered_and_old_ones_are_forgotten() {
    let config = InboxConfig { changes_kept: 3, ..InboxConfig::default() };
    let inbox = Inbox::in_memory(config.clone()).unwrap();
    assert_eq!(
        inbox.changes_since(0, (&Sight::Everything, None), 10).unwrap(),
        Since::Changes(vec![])
    );
    for i in 0..10 {
        inbox.apply(&[opened(alert(&format!("c{i}"), None))]).unwrap();
    }
    let numbers = |since| match since {
        Since::Changes(changes) => changes.iter().map(|c: &Change| c.seq).collect(),
        Since::Resync(newest) => vec![0, newest],
    };
    assert_eq!(numbers(inbox.changes_since(7, (&Sight::Everything, None), 2).unwrap()), [8, 9]);
    assert_eq!(
        numbers(inbox.changes_since(7, (&Sight::Everything, Some("rep:r2")), 9).unwrap()),
        [0; 0]
    );
    assert_eq!(numbers(inbox.changes_since(11, (&Sight::Everything, None), 9).unwrap()), [0, 10]);
    let mut writer = inbox.writer.lock();
    let transaction = writer.transaction().unwrap();
    prune(&transaction, &config).unwrap();
    transaction.commit().unwrap();
    drop(writer);
    assert_eq!(numbers(inbox.changes_since(6, (&Sight::Everything, None), 9).unwrap()), [0, 10]);
    assert_eq!(numbers(inbox.changes_since(7, (&Sight::Everything, None), 9).unwrap()), [8, 9, 10]);
}

#[test]
fn closed_alerts_beyond_the_limit_are_forgotten_and_open_ones_are_not() {
    let config = InboxConfig { closed_kept: 2, ..InboxConfig::default() };
    let inbox = Inbox::in_memory(config.clone()).unwrap();
    let many: Vec<Alert> = (0..6).map(|i| alert(&format!("c{i}"), None)).collect();
    inbox.apply(&many.iter().cloned().map(opened).collect::<Vec<_>>()).unwrap();
    for one in &many[..4] {
        inbox.apply(&[changed(one, closed(CloseReason::Won), "2025-03-02")]).unwrap();
    }
    let mut writer = inbox.writer.lock();
    let transaction = writer.transaction().unwrap();
    prune(&transaction, &config).unwrap();
    transaction.commit().unwrap();
    drop(writer);
    let any = Query { standing: Standing::Any, ..Query::default() };
    assert_eq!(listed(&inbox, &any).len(), 4);
    assert!(inbox.get(many[0].id).unwrap().is_none());
    assert!(inbox.get(many[5].id).unwrap().is_some());
}

#[test]
fn a_file_keeps_alerts_and_numbers_and_is_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.sqlite");
    let one = alert("c1", Some("10"));
    {
        let inbox = Inbox::open(&path, InboxConfig::default()).unwrap();
        inbox.apply(&[opened(one.clone())]).unwrap();
        let mut writer = inbox.writer.lock();
        let transaction = writer.transaction().unwrap();
        open_alert(&transaction, &alert("c2", None), &mut Vec::new()).unwrap();
        assert_eq!(listed(&inbox, &Query::default()), ["c1"]);
    }
    let inbox = Inbox::open(&path, InboxConfig::default()).unwrap();
    assert_eq!(inbox.get(one.id).unwrap().unwrap().alert, one);
    assert_eq!(inbox.apply(&[opened(alert("c3", None))]).unwrap()[0].seq, 2);
}

fn handed(customer: &str, owner: &str, time: &str) -> Output {
    let owner = Owner::from_key(owner);
    Output::Duty(Duty::Customer { id: customer.to_owned(), owner, at: at(time) })
}

#[test]
fn alerts_go_along_when_somebody_else_looks_after_their_customer() {
    let (open, over, mut hidden) =
        (alert("c1", Some("10")), alert("c1-over", None), alert("c1-hidden", None));
    let over = Alert { entity_id: "c1".to_owned(), ..over };
    hidden.is_shadow = true;
    "c1".clone_into(&mut hidden.entity_id);
    let inbox = inbox(&[open.clone(), over.clone(), hidden.clone(), alert("c2", None)]);
    inbox.apply(&[changed(&over, closed(CloseReason::Won), "2025-03-02")]).unwrap();
    let changes = inbox.apply(&[handed("c1", "rep:r2", "2025-03-03")]).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.id, change.owner.as_str(), change.state.as_str()))
        .collect();
    let want = [
        (open.id, "rep:r1", MOVED),
        (open.id, "rep:r2", "firing"),
        (over.id, "rep:r1", MOVED),
        (over.id, "rep:r2", "closed"),
    ];
    assert_eq!(told, want);
    let of = |owner: &str, standing| {
        let owner = Some(owner.to_owned());
        listed(&inbox, &Query { standing, owner, ..Query::default() })
    };
    assert_eq!(of("rep:r1", Standing::Any), ["c2"]);
    assert_eq!(of("rep:r2", Standing::Any), ["c1", "c1"]);
    assert_eq!(of("rep:r2", Standing::Shadow), ["c1"]);
    assert_eq!(inbox.get(open.id).unwrap().unwrap().alert.owner, Owner::Rep("r2".to_owned()));
    // What a replay tells again is older news; what the reference data say now is not.
    for (again, want) in [
        (handed("c1", "rep:r2", "2025-03-03"), "rep:r2"),
        (opened(open.clone()), "rep:r2"),
        (handed("c1", "rep:r9", "2025-03-02"), "rep:r2"),
        (handed("c1", "territory:North", "2025-03-03"), "territory:North"),
        (handed("c1", "rep:r3", "2025-03-04"), "rep:r3"),
    ] {
        inbox.apply(std::slice::from_ref(&again)).unwrap();
        assert_eq!(inbox.get(open.id).unwrap().unwrap().alert.owner.key(), want, "{again:?}");
    }
}

#[test]
fn reference_data_that_changed_while_the_program_was_away_count() {
    let one = alert("c1", None);
    let inbox = inbox(std::slice::from_ref(&one));
    let changes = inbox.apply(&[opened(Alert { owner: Owner::Queue, ..one.clone() })]).unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(inbox.get(one.id).unwrap().unwrap().alert.owner, Owner::Queue);
}

#[test]
fn what_is_out_of_sight_is_neither_listed_nor_counted_nor_told() {
    let of = |customer: &str, owner: &str| Alert {
        owner: Owner::from_key(owner),
        ..alert(customer, Some("10"))
    };
    let (mine, other) = (of("mine", "rep:r1"), of("other", "rep:r2"));
    let inbox = inbox(&[mine.clone(), other, of("north", "territory:North"), of("lost", "queue")]);
    let keys = ["rep:r1", "territory:North", "rep:' OR 1=1 --"].map(str::to_owned);
    let sight = Sight::Of(Arc::new(keys.into()));
    let query = Query { sight: sight.clone(), ..Query::default() };
    let mut shown = listed(&inbox, &query);
    shown.sort();
    assert_eq!(shown, ["mine", "north"]);
    let asked = Query { owner: Some("rep:r2".to_owned()), ..query.clone() };
    assert_eq!(listed(&inbox, &asked), [""; 0]);
    let counts = inbox.counts(&query).unwrap();
    let owners = inbox.owners(&sight).unwrap();
    let owners: Vec<&str> = owners.iter().map(|(owner, _)| owner.as_str()).collect();
    assert_eq!((counts.open.alerts, owners), (2, vec!["rep:r1", "territory:North"]));
    let told = |owner| match inbox.changes_since(0, (&sight, owner), 9).unwrap() {
        Since::Changes(changes) => changes.into_iter().map(|change| change.seq).collect(),
        Since::Resync(newest) => vec![0, newest],
    };
    assert_eq!(told(None), [1, 3]);
    assert_eq!(told(Some("rep:r2")), [0; 0]);
    // Of what has left the sight only that it left is told.
    inbox.apply(&[handed("mine", "rep:r2", "2025-03-03")]).unwrap();
    assert_eq!(told(None), [3, 5]);
    let nothing = Query { sight: Sight::Of(Arc::default()), ..Query::default() };
    assert_eq!(listed(&inbox, &nothing), [""; 0]);
}

#[test]
fn reps_are_known_again_when_the_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.sqlite");
    let rep = |manager: &str| {
        Output::Duty(Duty::Rep {
            id: "r1".to_owned(),
            name: Some("Rep 01".to_owned()),
            manager: Some(manager.to_owned()),
            territories: vec!["North".to_owned()],
            seniority: Some("senior".to_owned()),
        })
    };
    let inbox = Inbox::open(&path, InboxConfig::default()).unwrap();
    inbox.apply(&[rep("m1"), rep("m2")]).unwrap();
    let people = inbox.people();
    assert_eq!(people.get("r1").unwrap().manager.as_deref(), Some("m2"));
    drop(inbox);
    let again = Inbox::open(&path, InboxConfig::default()).unwrap();
    assert_eq!(again.people(), people);
    assert!(again.people().sight_of_manager("m2").covers("territory:North"));
}

#[test]
fn what_a_rep_gave_away_stays_where_it_is_until_the_customer_moves() {
    let one = alert("c1", None);
    let inbox = inbox(std::slice::from_ref(&one));
    let given = |owner: &str, time: &str| {
        let action = Action::Reassign { owner: Owner::from_key(owner) };
        let deed = Deed { action, by: "rep:r1".to_owned(), at: at(time) };
        Output::Acted { id: one.id, deed }
    };
    for (output, want) in [
        (handed("c1", "rep:r2", "2025-03-02"), "rep:r2"),
        (given("rep:r9", "2025-03-05"), "rep:r9"),
        // Told again after a restart: no news.
        (opened(one.clone()), "rep:r9"),
        (handed("c1", "rep:r2", "2025-03-02"), "rep:r9"),
        // By the customer's time this may be long before the deed.
        (handed("c1", "rep:r3", "2025-03-02"), "rep:r3"),
    ] {
        inbox.apply(std::slice::from_ref(&output)).unwrap();
        assert_eq!(inbox.get(one.id).unwrap().unwrap().alert.owner.key(), want, "{output:?}");
    }
}
