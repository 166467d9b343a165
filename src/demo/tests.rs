//! Does the demo keep its word? Bytes, order, fields, rhythm, margins and injected episodes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;

fn settings(customers: u32) -> Settings {
    Settings { customers, ..Settings::default() }
}

fn events(settings: &Settings) -> Vec<(Timestamp, Value)> {
    stream(settings).map(|(at, line)| (at, serde_json::from_str(&line).unwrap())).collect()
}

/// One demo for all tests that only look at it.
static YEARS: LazyLock<(Settings, Vec<(Timestamp, Value)>)> = LazyLock::new(|| {
    let settings = settings(120);
    let events = events(&settings);
    (settings, events)
});

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn is_order(value: &Value) -> bool {
    text(value, "type") == "order"
}

fn sum(order: &Value, amount: impl Fn(&Value) -> f64) -> f64 {
    order["lines"].as_array().unwrap().iter().map(amount).sum()
}

fn net(order: &Value) -> f64 {
    sum(order, |l| l["net_amount"].as_f64().unwrap())
}

fn margin(order: &Value) -> f64 {
    let cost = |l: &Value| l["unit_cost"].as_f64().unwrap() * l["quantity"].as_f64().unwrap();
    1.0 - sum(order, cost) / net(order)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap())
}

/// Days between the instants.
fn gaps(instants: &[Timestamp]) -> Vec<f64> {
    instants.windows(2).map(|w| random::float((w[1] - w[0]).millis()) / 86.4e6).collect()
}

/// The labels of a kind, each with its customer's orders: usual ones, those within.
fn around<'a>(
    kind: EpisodeKind,
    settings: &Settings,
    events: &'a [(Timestamp, Value)],
) -> Vec<(Label, Vec<&'a Value>, Vec<&'a Value>)> {
    let mut orders = BTreeMap::<&str, Vec<(Timestamp, &Value)>>::new();
    for (at, event) in events.iter().filter(|(_, v)| is_order(v)) {
        orders.entry(text(event, "customer_id")).or_default().push((*at, event));
    }
    let all = labels(settings);
    let within = |label: &Label, at: Timestamp| label.from <= at && at < label.to;
    let touched = |customer: &str, at: Timestamp| {
        let mut own = all.iter().filter(|l| l.customer_id.as_deref() == Some(customer));
        own.any(|l| within(l, at) && l.kind != EpisodeKind::AgreementBehind)
    };
    let of_kind = all.iter().filter(|l| l.kind == kind && l.to <= settings.end());
    let split = |label: &Label| {
        let customer = label.customer_id.as_deref().unwrap_or_default();
        let own = &orders[customer];
        let usual = own.iter().filter(|(at, _)| !touched(customer, *at)).map(|(_, v)| *v);
        let inside = own.iter().filter(|(at, _)| within(label, *at)).map(|(_, v)| *v);
        (label.clone(), usual.collect(), inside.collect())
    };
    of_kind.map(split).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let lines = |settings: &Settings| stream(settings).collect::<Vec<_>>();
    let few = Settings { live_days: 30, ..settings(20) };
    let other = Settings { seed: 2, ..few.clone() };
    assert_eq!(lines(&few), lines(&few));
    assert_eq!(reference(&few), reference(&few));
    assert_eq!(labels(&few), labels(&few));
    assert_ne!(lines(&few), lines(&other));
}

#[test]
fn one_more_customer_leaves_the_others_as_they_are() {
    let of_third = |settings: &Settings| -> Vec<(Timestamp, f64)> {
        let orders = events(settings).into_iter();
        let orders = orders.filter(|(_, v)| is_order(v) && text(v, "customer_id") == "demo-c0003");
        orders.map(|(at, v)| (at, net(&v))).collect()
    };
    assert_eq!(of_third(&settings(5)), of_third(&settings(6)));
}

#[test]
fn events_are_in_order_of_time_within_the_days_and_in_working_hours() {
    let settings = settings(30);
    let mut last = settings.start;
    for (at, line) in stream(&settings) {
        assert!(last <= at && at < settings.end(), "{at} after {last}");
        assert!(line.contains(&format!("\"occurred_at\":\"{at}\"")), "{line}");
        let hour = at.millis().rem_euclid(86_400_000) / 3_600_000;
        let weekday = (at.day() + 3).rem_euclid(7);
        assert!((8..18).contains(&hour) && weekday < 5, "{at}");
        last = at;
    }
}

#[test]
fn every_line_has_the_fields_of_its_kind() {
    let mut ids = BTreeSet::new();
    let mut kinds = BTreeMap::<String, u32>::new();
    for (_, event) in &YEARS.1 {
        let kind = match text(event, "type") {
            "" => text(event, "kind"),
            transaction => transaction,
        };
        let status = text(event, "status");
        *kinds.entry(format!("{kind} {status}").trim_end().to_owned()).or_default() += 1;
        assert!(ids.insert(text(event, "event_id").to_owned()), "{event}");
        let needed: &[&str] = match kind {
            "order" | "return" => &["order_id", "channel", "currency", "lines"],
            "call" => &["status", "direction", "topic"],
            "complaint" => &["topic", "sentiment", "severity", "category"],
            "quote" => &["status", "quote_id", "amount", "category"],
            "campaign_sent" | "campaign_response" => &["campaign_id"],
            _ => &["sentiment"],
        };
        for name in ["event_id", "occurred_at", "customer_id", "rep_id", "territory"] {
            assert!(!text(event, name).is_empty(), "{name} of {event}");
        }
        for name in needed {
            assert!(event.get(name).is_some_and(|v| !v.is_null()), "{name} of {event}");
        }
        for line in event["lines"].as_array().unwrap_or(&Vec::new()) {
            let number = |name: &str| line[name].as_f64().unwrap();
            let net = number("unit_price") * number("quantity") - number("discount");
            assert!((net - number("net_amount")).abs() < 1e-6, "{line}");
            assert_eq!(number("net_amount") < 0.0, kind == "return", "{line}");
            assert!(number("unit_cost") > 0.0 && number("line_no") >= 1.0, "{line}");
            assert!(!text(line, "product_id").is_empty() && !text(line, "category").is_empty());
        }
    }
    for kind in [
        "order",
        "return",
        "call started",
        "call ended",
        "visit",
        "email",
        "meeting",
        "complaint",
        "quote sent",
        "quote accepted",
        "quote lost",
        "quote expired",
        "campaign_sent",
        "campaign_response",
    ] {
        assert!(kinds.contains_key(kind), "no {kind} in {kinds:?}");
    }
    // At most a few calls are going on when the stream ends.
    assert!(kinds["call started"] - kinds["call ended"] < 5, "{kinds:?}");
}

#[test]
fn reference_lines_know_everybody_whom_events_name() {
    let (settings, events) = &*YEARS;
    let known: Vec<Value> =
        reference(settings).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids = |name: &str| -> BTreeSet<String> {
        let without_record = known.iter().filter(|v| v.get("record").is_none());
        without_record.map(|v| text(v, name).to_owned()).collect()
    };
    let (customers, products, reps) = (ids("customer_id"), ids("product_id"), ids("rep_id"));
    for (_, event) in events {
        assert!(customers.contains(text(event, "customer_id")), "{event}");
        assert!(reps.contains(text(event, "rep_id")), "{event}");
        for line in event["lines"].as_array().unwrap_or(&Vec::new()) {
            assert!(products.contains(text(line, "product_id")), "{line}");
        }
    }
    for record in &known {
        if !text(record, "owner_rep_id").is_empty() {
            assert!(text(record, "name").starts_with("Synthetic "), "{record}");
            assert!(record["consent"]["marketing"].is_boolean(), "{record}");
        }
    }
    for record in ["product_relation", "agreement"] {
        assert!(known.iter().any(|v| text(v, "record") == record), "no {record}");
    }
}

#[test]
fn customers_order_in_their_own_regular_rhythm() {
    let (settings, events) = &*YEARS;
    let world = World::new(settings);
    let years = f64::from(settings.days()) / 365.0;
    let orders = events.iter().filter(|(_, v)| is_order(v)).count();
    let yearly = f64::from(u32::try_from(orders).unwrap()) / 120.0 / years;
    assert!((28.0..42.0).contains(&yearly), "{yearly} orders per customer and year");
    // Before the first episode a customer's gaps are Gamma(4): deviation half of the mean.
    let mut first = BTreeMap::<String, Vec<Timestamp>>::new();
    let calm = settings.after_days(90);
    for (at, event) in events.iter().filter(|(at, v)| *at < calm && is_order(v)) {
        first.entry(text(event, "customer_id").to_owned()).or_default().push(*at);
    }
    let mut relative = Vec::new();
    for customer in world.customers.iter().filter(|c| c.gap_days < 15.0) {
        assert!((5.0..=60.0).contains(&customer.gap_days));
        let gaps = gaps(first.get(&customer.id).map_or(&[], Vec::as_slice));
        relative.extend(gaps.iter().map(|gap| gap / customer.gap_days));
    }
    let mean_gap = mean(&relative);
    let deviation = mean(&relative.iter().map(|g| (g - mean_gap).powi(2)).collect::<Vec<_>>());
    assert!((0.92..1.05).contains(&mean_gap), "mean gap {mean_gap} of its own");
    assert!((0.40..0.56).contains(&deviation.sqrt()), "deviation {}", deviation.sqrt());
}

#[test]
fn amounts_and_margins_are_those_of_a_distributor() {
    let (settings, events) = &*YEARS;
    let mut margins = BTreeMap::<String, Vec<f64>>::new();
    let mut nets = Vec::new();
    let calm = settings.after_days(90);
    for (_, event) in events.iter().filter(|(at, v)| *at < calm && is_order(v)) {
        let customer = text(event, "customer_id").to_owned();
        margins.entry(customer).or_default().push(margin(event));
        nets.push(net(event));
    }
    assert!((300.0..1_500.0).contains(&mean(&nets)), "mean order {}", mean(&nets));
    for (customer, margins) in margins {
        assert!((0.175..0.385).contains(&mean(&margins)), "{customer}: {}", mean(&margins));
    }
}

#[test]
fn quotas_are_near_what_reps_sell() {
    let (settings, events) = &*YEARS;
    let world = World::new(settings);
    let mut sold = BTreeMap::<String, f64>::new();
    for (_, event) in events.iter().filter(|(_, v)| is_order(v)) {
        *sold.entry(text(event, "rep_id").to_owned()).or_default() += net(event);
    }
    let quarters = f64::from(settings.days()) / 91.25;
    let attained = world
        .reps
        .iter()
        .map(|rep| sold[&rep.id] * 100.0 / quarters / random::float(rep.quota_cents));
    let attained: Vec<f64> = attained.collect();
    assert!((0.98..1.08).contains(&mean(&attained)), "{} {attained:?}", mean(&attained));
    assert!(attained.iter().all(|a| (0.6..1.4).contains(a)), "{attained:?}");
    let short = attained.iter().filter(|a| **a < 1.0).count();
    assert!(short * 2 < attained.len() && short > 0, "{short} of {} miss it", attained.len());
}

#[test]
fn every_kind_of_episode_begins_in_the_history_and_goes_on_in_the_live_part() {
    let settings = settings(400);
    let labels = labels(&settings);
    let live = settings.live_from();
    for (kind, least) in [
        (EpisodeKind::Silence, 100),
        (EpisodeKind::CategoryLoss, 40),
        (EpisodeKind::MarginDiscount, 70),
        (EpisodeKind::MarginCost, 40),
        (EpisodeKind::Growth, 50),
        (EpisodeKind::ComplementMissing, 250),
        (EpisodeKind::RepSlump, 6),
    ] {
        let begun = |later: bool| {
            labels.iter().filter(|l| l.kind == kind && (live <= l.from) == later).count()
        };
        assert!(begun(true) >= least, "{kind:?}: {} live", begun(true));
        assert!(begun(false) >= least / 2, "{kind:?}: {} in the history", begun(false));
    }
    assert!(labels.iter().any(|l| l.kind == EpisodeKind::AgreementBehind));
    assert!(labels.windows(2).all(|w| w[0].from <= w[1].from));
    assert!(serde_json::to_string(&labels[0]).unwrap().contains("\"from\":\"2025-"));
}

#[test]
fn the_live_part_never_falls_asleep() {
    let settings = settings(400);
    let live: Vec<Timestamp> =
        stream(&settings).map(|(at, _)| at).filter(|at| settings.live_from() <= *at).collect();
    let working_hours = f64::from(settings.live_days) / 7.0 * 50.0;
    let hourly = f64::from(u32::try_from(live.len()).unwrap()) / working_hours;
    assert!((10.0..30.0).contains(&hourly), "{hourly} events in a working hour");
    let labels = labels(&settings);
    let weeks = settings.live_days / 7 - 1;
    for kind in [EpisodeKind::Silence, EpisodeKind::MarginDiscount, EpisodeKind::ComplementMissing]
    {
        let busy: BTreeSet<i64> = labels
            .iter()
            .filter(|l| l.kind == kind)
            .map(|l| (l.from - settings.live_from()).millis().div_euclid(7 * 86_400_000))
            .filter(|week| (0..i64::from(weeks)).contains(week))
            .collect();
        let share = f64::from(u32::try_from(busy.len()).unwrap()) / f64::from(weeks);
        assert!(share > 0.8, "{kind:?} begins in {share} of the weeks");
    }
}

#[test]
fn a_silent_customer_orders_nothing_and_comes_back() {
    let (settings, events) = &*YEARS;
    let silences = around(EpisodeKind::Silence, settings, events);
    assert!(silences.len() > 20);
    for (label, usual, within) in silences {
        assert!(within.is_empty(), "{label:?}");
        assert!(!usual.is_empty(), "{label:?}");
    }
}

#[test]
fn an_episode_shows_in_margin_category_and_amount() {
    let (settings, events) = &*YEARS;
    let margin_of = |orders: &[&Value]| mean(&orders.iter().map(|o| margin(o)).collect::<Vec<_>>());
    let net_of = |orders: &[&Value]| mean(&orders.iter().map(|o| net(o)).collect::<Vec<_>>());
    for kind in [EpisodeKind::MarginDiscount, EpisodeKind::MarginCost] {
        let all = around(kind, settings, events);
        let drops = all.iter().filter(|(_, _, within)| within.len() >= 5);
        let drops: Vec<f64> = drops.map(|(_, u, w)| margin_of(u) - margin_of(w)).collect();
        assert!(drops.len() > 10 && (0.05..0.11).contains(&mean(&drops)), "{kind:?}: {drops:?}");
        assert!(drops.iter().all(|drop| *drop > 0.03), "{kind:?}: {drops:?}");
    }
    for (label, usual, within) in around(EpisodeKind::CategoryLoss, settings, events) {
        let lost = |order: &&Value| {
            let lines = order["lines"].as_array().unwrap();
            lines.iter().any(|l| l["category"].as_str() == label.category)
        };
        assert!(usual.iter().any(lost) && !within.iter().any(lost), "{label:?}");
        assert!(!within.is_empty(), "{label:?}");
    }
    let growth = around(EpisodeKind::Growth, settings, events);
    let rises: Vec<f64> = growth.iter().map(|(_, u, w)| net_of(w) / net_of(u)).collect();
    assert!(mean(&rises) > 1.1, "{rises:?}");
}

#[test]
fn a_call_about_a_category_without_its_complement_is_always_a_label() {
    let (settings, events) = &*YEARS;
    let labels = labels(settings);
    let mut owned = BTreeMap::<String, BTreeSet<String>>::new();
    let mut found = 0;
    for (at, event) in events {
        let customer = text(event, "customer_id").to_owned();
        if is_order(event) {
            let lines = event["lines"].as_array().unwrap().iter();
            let categories = lines.map(|l| text(l, "category").to_owned());
            owned.entry(customer).or_default().extend(categories);
            continue;
        }
        let topic = Category::named(text(event, "topic"));
        let needed = topic.and_then(catalogue::complement);
        let (Some(topic), Some(needed), Some(owned)) = (topic, needed, owned.get(&customer)) else {
            continue;
        };
        if text(event, "status") == "started" && !owned.contains(needed.name()) {
            let same = |l: &&Label| {
                l.kind == EpisodeKind::ComplementMissing
                    && l.customer_id.as_deref() == Some(customer.as_str())
                    && l.category == Some(topic.name())
            };
            assert!(labels.iter().filter(same).any(|l| l.from == *at), "{event}");
            found += 1;
        }
    }
    assert!(found > 100, "{found} calls");
}

#[test]
fn the_rep_whose_day_is_shown_has_the_manager_who_is_shown() {
    let rep = reference(&Settings::default()).into_iter().find_map(|line| {
        let record: Value = serde_json::from_str(&line).unwrap();
        (record["rep_id"] == REP).then_some(record)
    });
    assert_eq!(rep.unwrap()["manager_id"], MANAGER);
}
