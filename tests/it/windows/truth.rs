//! Do the lists and detectors of the language give what batch arithmetic gives on recorded data? The
//! truth tables hold facts, no thresholds: attainment of quotas, who served, revenue and cost by
//! period, activity, and categories first bought.
//!
//! ```text
//! data/<set>/transactions ─► entities ─► expressions at the cut, at each period's end ─┐
//! data/truth/<set>.<fact> ─────────────────────────────────────────────────────────────┴─► equal
//! ```
//!
//! The data are looked for in the folder `SIAGA_DATA`, else in `../shared/data`; the large set takes
//! part when `SIAGA_ALL_DATA` is set.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Record;
use siaga::event::Reference;
use siaga::event::Symbol;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::event::mapping::RecordKind;
use siaga::money::Decimal;
use siaga::rule::set::RuleSet;
use siaga::state::Entity;
use siaga::state::catalog::Catalog;
use siaga::state::evaluate::evaluate;
use siaga::state::program::FUEL;
use siaga::state::program::Items;
use siaga::state::program::Scope;
use siaga::state::texts::Texts;
use siaga::state::value::Value;
use siaga::state::window::Upkeep;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::scene::rule_set;

fn data() -> Option<PathBuf> {
    let root = std::env::var_os("SIAGA_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if root.join("truth").is_dir() {
        return Some(root);
    }
    eprintln!("not compared: there is no folder {}/truth; set SIAGA_DATA", root.display());
    None
}

fn lines(path: &Path) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(path).unwrap();
    BufReader::new(zstd::Decoder::new(file).unwrap()).lines().map(Result::unwrap)
}

/// A set of data: what happened, and what is known.
struct Recorded {
    symbols: Symbols,
    events: Vec<Event>,
    catalog: Catalog,
    owners: BTreeMap<Symbol, Symbol>,
}

impl Recorded {
    fn read(folder: &Path) -> Self {
        let symbols = Symbols::default();
        let (mapping, source) = (Arc::new(Mapping::identity()), symbols.intern("test"));
        let (mut events, mut catalog, mut owners) =
            (Vec::new(), Catalog::default(), BTreeMap::new());
        for (file, hint) in [
            ("customers", Some(RecordKind::Customer)),
            ("reps", Some(RecordKind::Rep)),
            ("transactions", None),
        ] {
            let path = folder.join(format!("{file}.ndjson.zst"));
            if !path.is_file() {
                continue;
            }
            let mut decoder = Decoder::new(Arc::clone(&mapping), source).with_hint(hint);
            for line in lines(&path) {
                match decoder.decode(line.as_bytes(), &mut symbols.write()).unwrap() {
                    Record::Event(event) => events.push(*event),
                    Record::Reference(reference) => {
                        if let Reference::Customer(customer) = &*reference {
                            owners.extend(customer.owner.map(|owner| (customer.id, owner)));
                        }
                        catalog.apply(&reference);
                    }
                    Record::Feedback(_) => {}
                }
            }
        }
        Self { symbols, events, catalog, owners }
    }

    /// The events of each customer, or of each rep.
    fn by(&self, key: impl Fn(&Event) -> Option<Symbol>) -> BTreeMap<String, Vec<&Event>> {
        let mut all: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
        for event in &self.events {
            if let Some(id) = key(event) {
                all.entry(self.symbols.text(id)).or_default().push(event);
            }
        }
        all
    }
}

/// Rules whose parts are what is asked.
fn asking(kind: EntityKind, parts: &[&str], symbols: &Symbols) -> Arc<RuleSet> {
    let mut yaml = format!(
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: trend\n        \
         entity: {}\n        on: [order]\n        let:\n",
        kind.name()
    );
    for (place, text) in parts.iter().enumerate() {
        yaml += &format!("          part{place}: \"{text}\"\n");
    }
    yaml += "        when: size(orders) >= 0\n        annotations: {summary: s}\n";
    rule_set(&yaml, symbols)
}

/// One entity, as the engine keeps it, with its events fed as far as time has come.
struct Followed<'a> {
    rules: &'a RuleSet,
    recorded: &'a Recorded,
    kind: EntityKind,
    id: &'a str,
    entity: Entity,
    events: std::iter::Peekable<std::slice::Iter<'a, &'a Event>>,
}

impl<'a> Followed<'a> {
    fn of(
        (rules, kind): (&'a RuleSet, EntityKind),
        recorded: &'a Recorded,
        (id, events): (&'a str, &'a [&'a Event]),
    ) -> Self {
        let entity = Entity::new(rules.plan(kind));
        Self { rules, recorded, kind, id, entity, events: events.iter().peekable() }
    }

    /// Feeds what happened before an instant, and moves the clock up to it.
    fn up_to(&mut self, end: Timestamp) {
        let upkeep = Upkeep {
            plan: self.rules.plan(self.kind),
            program: &self.rules.program,
            symbols: &self.recorded.symbols,
            catalog: &self.recorded.catalog,
        };
        while let Some(event) = self.events.next_if(|event| event.time < end) {
            self.entity.apply(upkeep, event);
        }
        self.entity.advance(upkeep, end - Span::from_millis(1));
    }

    fn values(&self, event: Option<&Event>) -> Vec<Value> {
        let nodes = &self.rules.rules[0].part_nodes;
        let (mut lets, mut texts) = (vec![None; nodes.len()], Texts::default());
        let mut scope = Scope {
            program: &self.rules.program,
            plan: self.rules.plan(self.kind),
            entity: Some(&self.entity),
            id: Some(self.recorded.symbols.intern(self.id)),
            event,
            now: self.entity.clock,
            catalog: &self.recorded.catalog,
            symbols: &self.recorded.symbols,
            walked: None,
            texts: &mut texts,
            lets: &mut lets,
            let_nodes: nodes,
            fuel: FUEL,
            items: &mut Items::default(),
        };
        nodes.iter().map(|node| evaluate(&mut scope, *node).unwrap_or(Value::Null)).collect()
    }
}

fn text<'j>(fact: &'j Json, key: &str) -> &'j str {
    fact[key].as_str().unwrap_or_default()
}

fn midnight(day: &str) -> Timestamp {
    Timestamp::parse(&format!("{day}T00:00:00Z")).unwrap()
}

fn facts(root: &Path, name: &str) -> Vec<Json> {
    let path = root.join("truth").join(format!("{name}.ndjson.zst"));
    lines(&path).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// Whether an amount is this number to the cent, or to the digits that the table has.
fn is_amount(value: Value, want: &Json) -> bool {
    let want = want.as_f64().unwrap_or(0.0);
    match value {
        Value::Money(amount) => (amount.to_f64() - want).abs() < 0.005,
        Value::Null => want == 0.0,
        _ => false,
    }
}

#[test]
fn quota_attainment_is_that_of_the_batch() {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join("aw"));
    let parts = ["pace(rep).sold", "pace(rep).attainment", "rep.quota"];
    let rules = asking(EntityKind::Rep, &parts, &recorded.symbols);
    let by_rep = recorded.by(|event| event.rep);
    let mut compared = 0;
    let facts = facts(&root, "aw.quota_attainment");
    for (rep, events) in &by_rep {
        let mut followed = Followed::of((&rules, EntityKind::Rep), &recorded, (rep, events));
        let mut own: Vec<&Json> = facts.iter().filter(|f| text(f, "rep_id") == rep).collect();
        own.sort_by_key(|fact| text(fact, "to"));
        for fact in own {
            followed.up_to(midnight(text(fact, "to")));
            let values = followed.values(None);
            assert!(is_amount(values[0], &fact["sales"]), "{fact}: {values:?}");
            assert!(is_amount(values[2], &fact["amount"]), "{fact}: {values:?}");
            let Value::Double(attained) = values[1] else { panic!("{fact}: {values:?}") };
            let want = fact["attainment"].as_f64().unwrap();
            assert!((attained - want).abs() < 0.000_051, "{fact}: {attained}");
            compared += 1;
        }
    }
    assert!(compared >= 100, "{compared} periods were compared");
}

#[test]
fn who_served_a_customer_is_that_of_the_batch() {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join("aw"));
    let facts = facts(&root, "aw.alignment");
    let by_order: BTreeMap<&str, &Json> = facts.iter().map(|f| (text(f, "order_id"), f)).collect();
    let mut compared = 0;
    for event in &recorded.events {
        let fact = event.order.as_deref().and_then(|order| by_order.get(order));
        let (Some(fact), Some(customer)) = (fact, event.customer) else { continue };
        // Of a customer without an owner nothing is said.
        let owner = recorded.owners.get(&customer).copied();
        let by_owner = owner.map(|owner| event.rep == Some(owner));
        assert_eq!(by_owner, fact["by_owner"].as_bool(), "{fact}");
        compared += 1;
    }
    assert_eq!(compared, facts.len());
}

#[test]
fn orders_out_of_territory_are_those_of_the_batch() {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join("aw"));
    let facts = facts(&root, "aw.alignment");
    let by_order: BTreeMap<&str, &Json> = facts.iter().map(|f| (text(f, "order_id"), f)).collect();
    // Of the order at hand, and of the orders of the customer's last year.
    let parts = [
        "in_territory(event.rep, event.territory, event.time)",
        "orders.last('365d').count(o, in_territory(o.rep, o.territory, o.time) == false)",
        "event.territory",
    ];
    let rules = asking(EntityKind::Customer, &parts, &recorded.symbols);
    let year = Span::from_millis(365 * Span::DAY.millis());
    let (mut compared, mut elsewhere) = (0, 0);
    for (customer, events) in recorded.by(|event| event.customer) {
        let at = (&*rules, EntityKind::Customer);
        let mut followed = Followed::of(at, &recorded, (&customer, &events));
        let mut outside = Vec::new();
        for event in &events {
            let fact = event.order.as_deref().and_then(|order| by_order.get(order));
            let Some(fact) = fact else { continue };
            followed.up_to(event.time + Span::from_millis(1));
            let values = followed.values(Some(event));
            // Where the rep had no territory then, nothing is said.
            let want = fact["in_territory"].as_bool();
            assert_eq!(values[0], want.map_or(Value::Null, Value::Bool), "{fact}");
            let territory = recorded.symbols.intern(text(fact, "territory"));
            assert_eq!(values[2], Value::Text(territory), "{fact}");
            outside.extend((want == Some(false)).then_some(event.time));
            let year = outside.iter().filter(|then| event.time - **then < year).count();
            assert_eq!(values[1], Value::Int(i64::try_from(year).unwrap()), "{fact}");
            compared += 1;
        }
        elsewhere += outside.len();
    }
    assert_eq!((compared, elsewhere), (facts.len(), 542));
}

/// The first instant after a quarter (`2011Q1`) or a month (`2010-12`).
fn end_of(period: &str) -> Timestamp {
    let year: i32 = period[..4].parse().unwrap();
    let next = match period.as_bytes()[4] {
        b'Q' => period[5..].parse::<i32>().unwrap() * 3 + 1,
        _ => period[5..].parse::<i32>().unwrap() + 1,
    };
    let (year, month) = if next > 12 { (year + 1, 1) } else { (year, next) };
    midnight(&format!("{year}-{month:02}-01"))
}

/// Orders, revenue and cost of each period: the running sums at its end, less those at the end of the
/// one before.
fn periods_of(set: &str) {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join(set));
    let parts = ["size(orders)", "lines.sum(l, l.net)", "lines.sum(l, l.cost)"];
    let rules = asking(EntityKind::Customer, &parts, &recorded.symbols);
    let by_customer = recorded.by(|event| event.customer);
    let mut by_id: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for fact in facts(&root, &format!("{set}.periods")) {
        by_id.entry(text(&fact, "customer_id").to_owned()).or_default().push(fact);
    }
    let mut compared = 0;
    for (customer, mut own) in by_id {
        let events = &by_customer[&customer];
        let at = (&*rules, EntityKind::Customer);
        let mut followed = Followed::of(at, &recorded, (&customer, events));
        let (mut orders, mut sums) = (0, [Decimal::ZERO; 2]);
        own.sort_by_key(|fact| text(fact, "period").to_owned());
        for fact in own {
            followed.up_to(end_of(text(&fact, "period")));
            let values = followed.values(None);
            let Value::Int(count) = values[0] else { panic!("{fact}: {values:?}") };
            assert_eq!(Some(count - orders), fact["orders"].as_i64().or(Some(0)), "{fact}");
            orders = count;
            for (place, key) in ["gross", "cost"].into_iter().enumerate() {
                let (Value::Money(sum), Some(_)) = (values[1 + place], fact.get(key)) else {
                    continue;
                };
                let part = sum.checked_sub(sums[place]).unwrap();
                assert!(is_amount(Value::Money(part), &fact[key]), "{fact}: {key} {part}");
                sums[place] = sum;
                compared += 1;
            }
        }
    }
    assert!(compared >= 10_000, "{compared} sums were compared");
}

#[test]
fn margins_of_periods_are_those_of_the_batch() {
    periods_of("aw");
}

/// Orders, their value and their ends before the cut, and what came after it.
fn activity_of(set: &str) {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join(set));
    let parts =
        ["size(orders)", "lines.sum(l, l.net)", "orders.first().time", "orders.last().time"];
    let rules = asking(EntityKind::Customer, &parts, &recorded.symbols);
    let by_customer = recorded.by(|event| event.customer);
    let facts = facts(&root, &format!("{set}.activity"));
    for fact in &facts {
        let events = &by_customer[text(fact, "customer_id")];
        let at = (&*rules, EntityKind::Customer);
        let mut followed = Followed::of(at, &recorded, (text(fact, "customer_id"), events));
        followed.up_to(midnight(text(fact, "cut")));
        let before = followed.values(None);
        let count = |value: Value| if let Value::Int(count) = value { count } else { -1 };
        assert_eq!(Some(count(before[0])), fact["orders_before"].as_i64(), "{fact}");
        assert!(is_amount(before[1], &fact["value_before"]), "{fact}: {before:?}");
        for (value, key) in [(before[2], "first"), (before[3], "last_before")] {
            let want = fact.get(key).map(|_| Timestamp::parse(text(fact, key)).unwrap());
            assert_eq!(value, want.map_or(Value::Null, Value::Time), "{fact}: {key}");
        }
        followed.up_to(Timestamp::MAX);
        let orders = count(followed.values(None)[0]) - count(before[0]);
        assert_eq!(Some(orders), fact["orders_after"].as_i64(), "{fact}");
    }
    assert!(facts.len() >= 1_000, "{}", facts.len());
}

#[test]
fn activity_before_and_after_a_day_is_that_of_the_batch() {
    for set in ["cdnow", "uci"] {
        activity_of(set);
    }
    if std::env::var_os("SIAGA_ALL_DATA").is_some_and(|value| !value.is_empty() && value != "0") {
        activity_of("cj");
        categories_of("cj");
    }
}

/// Which categories were new after the cut: none of them was owned at it, each is from the first
/// order of it on.
fn categories_of(set: &str) {
    let Some(root) = data() else { return };
    let recorded = Recorded::read(&root.join(set));
    let rules = asking(
        EntityKind::Customer,
        &["lines.exists(l, l.category == event.category)"],
        &recorded.symbols,
    );
    let by_customer = recorded.by(|event| event.customer);
    let mut compared = 0;
    for fact in facts(&root, &format!("{set}.category_adoption")) {
        let events = &by_customer[text(&fact, "customer_id")];
        let at = (&*rules, EntityKind::Customer);
        let mut followed = Followed::of(at, &recorded, (text(&fact, "customer_id"), events));
        followed.up_to(midnight(text(&fact, "cut")));
        let mut about = Event { lines: <_>::default(), ..events[0].clone() };
        let mut owns = |followed: &Followed<'_>, category: &str| {
            let detail = siaga::event::Detail {
                category: Some(recorded.symbols.intern(category)),
                ..siaga::event::Detail::default()
            };
            about.detail = Some(Box::new(detail));
            followed.values(Some(&about))[0] == Value::Bool(true)
        };
        let mut new: Vec<&Json> = fact["new"].as_array().unwrap().iter().collect();
        new.sort_by_key(|adopted| text(adopted, "first_at").to_owned());
        for adopted in &new {
            assert!(!owns(&followed, text(adopted, "category")), "{fact}: {adopted} before");
        }
        // What was first bought at one instant is asked of together.
        for adopted in new.chunk_by(|a, b| text(a, "first_at") == text(b, "first_at")) {
            let first = Timestamp::parse(text(adopted[0], "first_at")).unwrap();
            for (until, owned) in [(first, false), (first + Span::from_millis(1), true)] {
                followed.up_to(until);
                for one in adopted {
                    let category = text(one, "category");
                    assert_eq!(owns(&followed, category), owned, "{fact}: {category} by {until}");
                }
            }
            compared += adopted.len();
        }
    }
    assert!(compared >= 100, "{compared} categories were compared");
}

#[test]
fn categories_first_bought_are_those_of_the_batch() {
    categories_of("aw");
}
