//! What the outbox promises.

use super::query::Query;
use super::*;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::sample;
use crate::engine::Output;

fn outbox() -> Outbox {
    let inbox = Arc::new(Inbox::in_memory(InboxConfig::default()).unwrap());
    for customer in ["c1", "c2"] {
        let alert = Box::new(sample::alert(customer, Some("100")));
        inbox.apply(&[Output::Opened { alert, arrived: None }]).unwrap();
    }
    Outbox::new(inbox)
}

fn at(second: i64) -> Timestamp {
    sample::at("2025-03-04T09:30:00Z") + crate::time::Span::from_millis(second * 1_000)
}

/// A delivery about this customer's alert; `state` tells one from another.
fn planned(customer: &str, about: About, by: &str) -> Planned {
    let alert = sample::alert(customer, None);
    let acknowledged = AlertState::Acknowledged { by: by.to_owned(), at: at(0) };
    Planned {
        alert: Some(alert.id),
        entity: format!("customer:{customer}"),
        rule: alert.rule,
        channel: "crm".to_owned(),
        address: String::new(),
        person: String::new(),
        about,
        status: Status::Pending,
        reason: String::new(),
        route: "root".to_owned(),
        state: serde_json::to_string(&acknowledged).unwrap(),
        at: at(0),
        due_at: at(0),
    }
}

fn put(outbox: &Outbox, planned: &[Planned]) {
    let put = |to: &Transaction<'_>| planned.iter().try_for_each(|p| enqueue(to, p, at(0)));
    outbox.inbox.write(put).unwrap();
}

/// Who acknowledged the alerts that are claimed now.
fn claimed(outbox: &Outbox, second: i64) -> Vec<(Claim, String)> {
    let claims = outbox.claim("crm", 10, at(second), false).unwrap();
    let by = |claim: &Claim| match claim.alert.as_ref().map(|alert| &alert.state) {
        Some(AlertState::Acknowledged { by, .. }) => by.clone(),
        state => format!("{state:?}"),
    };
    claims.into_iter().map(|claim| (claim.clone(), by(&claim))).collect()
}

fn delivered() -> Verdict {
    Verdict::Delivered(String::new())
}

fn again(second: i64, uncertain: bool) -> Verdict {
    Verdict::Again { at: at(second), uncertain, reason: "no answer".to_owned() }
}

fn statuses(outbox: &Outbox) -> Vec<&'static str> {
    let listed = outbox.list(&Query::default()).unwrap();
    listed.iter().rev().map(|delivery| delivery.status.name()).collect()
}

#[test]
fn within_a_lane_one_is_sent_after_the_other() {
    let outbox = outbox();
    put(
        &outbox,
        &[
            planned("c1", About::Opened, "first"),
            planned("c1", About::Changed, "second"),
            planned("c2", About::Opened, "other"),
        ],
    );
    let first = claimed(&outbox, 0);
    let by: Vec<&str> = first.iter().map(|(_, by)| by.as_str()).collect();
    assert_eq!(by, ["first", "other"], "the second waits for the first of its lane");
    assert!(claimed(&outbox, 1).is_empty());
    outbox.settle(first[0].0.row, &again(60, false), at(1)).unwrap();
    assert!(claimed(&outbox, 2).is_empty(), "also while the first waits for another attempt");
    let retried = claimed(&outbox, 60);
    assert_eq!((retried[0].1.as_str(), retried[0].0.attempt), ("first", 2));
    assert_eq!(retried[0].0.id, first[0].0.id, "the same id in every attempt");
    outbox.settle(retried[0].0.row, &delivered(), at(61)).unwrap();
    assert_eq!(claimed(&outbox, 62)[0].1, "second");
    assert_eq!(statuses(&outbox), ["delivered", "sending", "sending"]);
}

#[test]
fn an_attempt_that_was_cut_off_is_uncertain_and_made_again_with_the_same_id() {
    let outbox = outbox();
    put(&outbox, &[planned("c1", About::Opened, "x")]);
    let before = claimed(&outbox, 0).remove(0).0;
    // The program ends here, and begins anew.
    assert_eq!(outbox.recover(at(5)).unwrap(), 1);
    assert_eq!(statuses(&outbox), ["uncertain"]);
    let after = claimed(&outbox, 5).remove(0).0;
    assert_eq!((after.id, after.attempt, after.first_at), (before.id, 2, before.first_at));
    outbox.settle(after.row, &delivered(), at(6)).unwrap();
    assert_eq!(outbox.recover(at(7)).unwrap(), 0);
    assert_eq!(statuses(&outbox), ["delivered"]);
}

#[test]
fn what_is_planned_twice_is_sent_once() {
    let outbox = outbox();
    put(&outbox, &[planned("c1", About::Opened, "x")]);
    put(&outbox, &[planned("c1", About::Opened, "x")]);
    assert_eq!(claimed(&outbox, 0).len(), 1);
    put(&outbox, &[planned("c1", About::Opened, "x")]);
    assert_eq!(statuses(&outbox), ["sending"]);
}

#[test]
fn the_dead_are_re_driven_unless_they_were_overtaken() {
    let outbox = outbox();
    put(&outbox, &[planned("c1", About::Opened, "first"), planned("c1", About::Changed, "second")]);
    let first = claimed(&outbox, 0).remove(0).0;
    outbox.settle(first.row, &Verdict::Dead("status 400".to_owned()), at(1)).unwrap();
    assert!(outbox.retry(&first.id, at(2)).unwrap());
    assert!(claimed(&outbox, 2)[0].1 == "first");
    outbox.settle(first.row, &Verdict::Dead("status 400".to_owned()), at(3)).unwrap();
    let second = claimed(&outbox, 3).remove(0).0;
    outbox.settle(second.row, &delivered(), at(4)).unwrap();
    assert!(!outbox.retry(&first.id, at(5)).unwrap(), "its news is older than what was told");
    assert!(!outbox.retry(&second.id, at(5)).unwrap(), "it was delivered");
    assert!(outbox.abandon(&first.id, at(6)).unwrap());
    assert_eq!(statuses(&outbox), ["suppressed", "delivered"]);
    assert!(!outbox.retry("no such id", at(7)).unwrap());
}

#[test]
fn what_the_receiver_called_the_last_message_comes_with_the_next() {
    let outbox = outbox();
    put(&outbox, &[planned("c1", About::Opened, "a"), planned("c1", About::Updated, "b")]);
    let first = claimed(&outbox, 0).remove(0).0;
    assert_eq!(first.earlier, "");
    outbox.settle(first.row, &Verdict::Delivered("C1 1.5".to_owned()), at(1)).unwrap();
    assert_eq!(claimed(&outbox, 2)[0].0.earlier, "C1 1.5");
}

#[test]
fn openings_of_one_customer_to_one_address_go_together() {
    let outbox = outbox();
    let mut other = sample::alert("c1", Some("900"));
    other.id = AlertId::new("another", "customer", "c1", "1");
    let (alert, id) = (Box::new(other), AlertId::new("another", "customer", "c1", "1"));
    outbox.inbox.apply(&[Output::Opened { alert, arrived: None }]).unwrap();
    let second = Planned { alert: Some(id), ..planned("c1", About::Opened, "b") };
    put(&outbox, &[planned("c1", About::Opened, "a"), second, planned("c2", About::Opened, "c")]);
    let claims = outbox.claim("crm", 10, at(0), true).unwrap();
    let sizes: Vec<usize> = claims.iter().map(|claim| claim.also.len()).collect();
    assert_eq!(sizes, [1, 0]);
    assert_eq!(statuses(&outbox), ["sending", "suppressed", "sending"]);
    let listed = outbox.list(&Query { status: Some(Status::Suppressed), ..Query::default() });
    let reason = &listed.unwrap()[0].reason;
    assert_eq!(*reason, format!("grouped: told with delivery {}", claims[0].id));
}

#[test]
fn a_list_is_narrowed_and_an_id_may_be_short() {
    let outbox = outbox();
    put(&outbox, &[planned("c1", About::Opened, "a"), planned("c2", About::Opened, "b")]);
    let of = |query: Query| outbox.list(&query).unwrap().len();
    let alert = Some(sample::alert("c1", None).id);
    assert_eq!(of(Query { alert, ..Query::default() }), 1);
    assert_eq!(of(Query { channel: Some("other".to_owned()), ..Query::default() }), 0);
    assert_eq!(of(Query { limit: 1, ..Query::default() }), 1);
    let newest = outbox.list(&Query { limit: 1, ..Query::default() }).unwrap().remove(0);
    assert_eq!(of(Query { before: Some(newest.row), ..Query::default() }), 1);
    assert_eq!(outbox.find(&newest.id[..8]).unwrap().map(|found| found.id), Some(newest.id));
    assert_eq!(outbox.find("").unwrap(), None, "both begin so");
    let backlog = outbox.backlog().unwrap();
    assert_eq!((backlog.len(), backlog[0].count, backlog[0].status), (1, 2, Status::Pending));
}

#[test]
fn what_is_looked_up_for_one_delivery_does_not_grow_with_the_others() {
    let outbox = outbox();
    let plan = |sql: &str, values: usize| -> Vec<String> {
        let reader = outbox.inbox.reader();
        let mut statement = reader.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = rusqlite::params_from_iter(vec![1; values]);
        let steps = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).filter(|step| step.contains(" INDEX ")).collect()
    };
    for (sql, values, want) in [
        (CLAIMED, 1, "SEARCH e USING INDEX deliveries_by_lane (lane=?)"),
        (TOGETHER, 2, "SEARCH o USING INDEX deliveries_by_entity (entity=?)"),
    ] {
        let steps = plan(sql, values);
        assert!(steps.iter().any(|step| step == want), "{sql}: {steps:#?}");
    }
}
