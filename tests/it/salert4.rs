//! Do the rules of the benchmark workload say what the workload says? An independent model of its
//! four rules, purchase by purchase, against the engine.
//!
//! ```text
//! random purchases ─┬─► lines of JSON ─► mapping ─► decode ─► engine, 1 and 3 shards ─┐
//!                   └─► model: whole lists, by the words of the workload ─────────────┴─► equal
//! ```

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use siaga::engine::Output;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::source::Batch;
use siaga::source::body::decode_body;

use crate::scene::BEGIN;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::MINUTE;
use crate::scene::Play;
use crate::scene::rule_set;

const RULES: &str = include_str!("../../benches/salert4/salert4.rules.yaml");
const MAPPING: &str = include_str!("../../benches/salert4/salert4.mapping.toml");
const LATENESS: i64 = 5_000;

/// One purchase; amounts in cents.
#[derive(Debug, Clone, Copy)]
struct Purchase {
    id: i64,
    ts: i64,
    customer: u32,
    category: u32,
    qty: i64,
    price: i64,
    cost: i64,
}

/// Rule, customer, event (-1 for R3), instant, value.
type Told = (&'static str, u32, i64, i64, i64);

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((z ^ (z >> 31)) >> 1).unwrap() % bound
    }
}

/// Purchases in the order of arrival: one in twenty is late by less than the lateness.
fn purchases(seed: u64, count: usize) -> Vec<Purchase> {
    let mut random = Random(seed);
    let mut arriving = Vec::new();
    for customer in 1..=300_u32 {
        // A few buy several times a day, most once in a while, some for a while only.
        let gap = 2 * HOUR + random.below(60) * random.below(60) * HOUR / 4;
        let until = if random.below(4) == 0 { random.below(60) * DAY } else { 120 * DAY };
        let dear = if random.below(3) == 0 { 45_000 } else { 4_000 };
        let cut_from = random.below(120) * DAY;
        let mut ts = random.below(5 * DAY);
        while ts < until {
            let price = 500 + random.below(dear);
            let cut = if ts > cut_from { 60 + random.below(15) } else { 100 };
            let category = [7, 13, 1, 2, 3][usize::try_from(random.below(5)).unwrap()];
            let qty = 1 + random.below(20);
            let cost = price * (50 + random.below(25)) / 100;
            let (price, ts_of) = (price * cut / 100, BEGIN + ts);
            let late = if random.below(20) == 0 { 1 + random.below(4_998) } else { 0 };
            let purchase = Purchase { id: 0, ts: ts_of, customer, category, qty, price, cost };
            arriving.push((ts_of + late, purchase));
            // Bursts, ties, and gaps of nearly nothing.
            ts += match random.below(12) {
                0 => 0,
                1 => random.below(5_000),
                2 => random.below(30) * MINUTE,
                _ => gap / 2 + random.below(gap),
            };
        }
    }
    arriving.sort_by_key(|(arrival, purchase)| (*arrival, purchase.customer));
    arriving.truncate(count);
    let numbered = arriving.into_iter().enumerate();
    numbered.map(|(id, (_, p))| Purchase { id: i64::try_from(id).unwrap(), ..p }).collect()
}

/// A customer as the workload describes it.
#[derive(Default)]
struct Customer {
    purchases: Vec<Purchase>,
    newest: i64,
    days: BTreeSet<i64>,
    last_r2: Option<i64>,
    last_r4: Option<i64>,
    last_b: Option<i64>,
    deadline: Option<i64>,
}

impl Customer {
    fn trailing(&self, window: i64) -> Vec<Purchase> {
        let within = |p: &&Purchase| p.ts > self.newest - window && p.ts <= self.newest;
        self.purchases.iter().filter(within).copied().collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "the workload's margins are doubles")]
    fn margin(purchases: &[Purchase]) -> f64 {
        let revenue: i64 = purchases.iter().map(|p| p.qty * p.price).sum();
        let cost: i64 = purchases.iter().map(|p| p.qty * p.cost).sum();
        (revenue - cost) as f64 / revenue as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "the workload's floor")]
    fn take(&mut self, e: Purchase, told: &mut Vec<Told>) {
        let n = |customer: &Self| i64::try_from(customer.purchases.len()).unwrap();
        if let Some(deadline) = self.deadline.filter(|deadline| e.ts > *deadline) {
            told.push(("R3", e.customer, -1, deadline, n(self)));
            self.deadline = None;
        }
        self.newest = self.newest.max(e.ts);
        self.purchases.push(e);
        let (week, quarter) = (self.trailing(7 * DAY), self.trailing(90 * DAY));
        let revenue: i64 = week.iter().map(|p| p.qty * p.price).sum();
        if revenue > 5_000_000 && self.days.insert(self.newest.div_euclid(DAY)) {
            told.push(("R1", e.customer, e.id, self.newest, revenue));
        }
        let drop = Self::margin(&quarter) - Self::margin(&week);
        let rested = self.last_r2.is_none_or(|last| self.newest - last >= 7 * DAY);
        if week.len() >= 5 && drop >= 0.05 && rested {
            self.last_r2 = Some(self.newest);
            let value = (drop * 10_000.0).floor() as i64;
            told.push(("R2", e.customer, e.id, self.newest, value));
        }
        let bought = self.last_b.is_some_and(|last| last > e.ts - 30 * DAY);
        let rested = self.last_r4.is_none_or(|last| e.ts - last >= 30 * DAY);
        if e.category == 7 && !bought && rested {
            self.last_r4 = Some(e.ts);
            told.push(("R4", e.customer, e.id, e.ts, self.last_b.unwrap_or(-1)));
        }
        if e.category == 13 {
            self.last_b = self.last_b.max(Some(e.ts));
        }
        let first = self.purchases.iter().map(|p| p.ts).min().unwrap_or(e.ts);
        let armed = n(self) >= 4 && self.newest > first;
        let span = 5 * (self.newest - first);
        self.deadline = armed.then(|| self.newest + span / (2 * (n(self) - 1)));
    }
}

fn model(purchases: &[Purchase]) -> Vec<Told> {
    let mut customers: BTreeMap<u32, Customer> = BTreeMap::new();
    let (mut told, mut newest) = (Vec::new(), i64::MIN);
    for &e in purchases {
        customers.entry(e.customer).or_default().take(e, &mut told);
        newest = newest.max(e.ts);
        for (id, customer) in &mut customers {
            if let Some(deadline) = customer.deadline.filter(|d| newest - LATENESS >= *d) {
                let n = i64::try_from(customer.purchases.len()).unwrap();
                told.push(("R3", *id, -1, deadline, n));
                customer.deadline = None;
            }
        }
    }
    told.sort_unstable();
    told
}

fn lines(purchases: &[Purchase]) -> String {
    let mut lines = String::new();
    for p in purchases {
        let cents = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        let product = p.category + 50 * (p.customer % 3);
        writeln!(
            lines,
            "{{\"event_id\":{},\"ts\":{},\"customer_id\":{},\"product_id\":{product},\
             \"category\":{},\"qty\":{},\"unit_price\":{},\"unit_cost\":{},\
             \"channel\":\"online\",\"rep_id\":77}}",
            p.id,
            p.ts,
            p.customer,
            p.category,
            p.qty,
            cents(p.price),
            cents(p.cost),
        )
        .unwrap();
    }
    lines
}

fn engine(lines: &str, shards: usize, batch: usize) -> Vec<Told> {
    let symbols = Symbols::default();
    let rules = rule_set(RULES, &symbols);
    let mapping = Arc::new(Mapping::parse(MAPPING).unwrap());
    let mut decoder = Decoder::new(mapping, symbols.intern("bench"));
    let mut records = Batch::default();
    let (source, media) = (Arc::from("bench"), "application/x-ndjson");
    decode_body(media, lines.as_bytes(), &source, &mut decoder, &symbols, &mut records).unwrap();
    assert!(records.refused.is_empty(), "{:?}", records.refused);
    let mut play = Play::new(&rules, &symbols, shards, LATENESS);
    for chunk in records.records.chunks(batch) {
        play.engine.take(chunk.iter().cloned(), None).unwrap();
    }
    let mut told: Vec<Told> = Vec::new();
    for output in play.finish().0 {
        let Output::Opened { alert, .. } = output else { continue };
        let rule = ["R1", "R2", "R3", "R4"].into_iter().find(|rule| alert.rule == *rule).unwrap();
        let event = alert.event_id.as_deref().filter(|_| rule != "R3");
        let event = event.map_or(-1, |id| id.parse().unwrap());
        let (customer, value) = (alert.entity_id.parse().unwrap(), alert.summary.parse().unwrap());
        told.push((rule, customer, event, alert.opened_at.millis(), value));
    }
    told.sort_unstable();
    told
}

#[test]
fn the_rules_of_the_workload_agree_with_its_words() {
    for seed in 1..=3 {
        let purchases = purchases(seed, 9_000);
        let want = model(&purchases);
        for rule in ["R1", "R2", "R3", "R4"] {
            let count = want.iter().filter(|told| told.0 == rule).count();
            assert!(count >= 15, "{rule} speaks {count} times only: the stream is too tame");
        }
        let lines = lines(&purchases);
        for (shards, batch) in [(1, 1), (1, 500), (3, 37)] {
            let found = engine(&lines, shards, batch);
            let missing: Vec<&Told> = want.iter().filter(|told| !found.contains(told)).collect();
            let extra: Vec<&Told> = found.iter().filter(|told| !want.contains(told)).collect();
            assert_eq!((missing, extra), (vec![], vec![]), "seed {seed}, {shards} shards");
            assert_eq!(found, want);
        }
    }
}
