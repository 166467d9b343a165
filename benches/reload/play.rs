//! A shard full of customers whose rules change: what the bench measures.

use std::sync::Arc;

use siaga::engine::Input;
use siaga::engine::Output;
use siaga::engine::shard::Shard;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbol;
use siaga::event::Symbols;
use siaga::money::Decimal;
use siaga::rule::compile;
use siaga::rule::diagnostic::Files;
use siaga::rule::file;
use siaga::rule::set::RuleSet;
use siaga::rule::starter;
use siaga::time::Span;
use siaga::time::Timestamp;

const DAY: i64 = 86_400_000;

/// 2025-01-01T00:00:00Z.
const BEGIN: i64 = 1_735_689_600_000;

/// Categories and products that are sold.
const GOODS: u64 = 12;

/// A step through the customers.
const PRIME: usize = 7_368_787;

/// What is another in a set of rules.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// Nothing: the starter rules.
    None,
    /// A threshold.
    Threshold,
    /// There is one more rule, over 90 days.
    Window,
}

const ONE_MORE: &str = "
groups:
  - name: one more
    rules:
      - alert: LargeQuarter
        family: up_sell
        on: [order]
        when: lines.last('90d').sum(l, l.net) > 1000000
        expires_after: 7d
        annotations: {summary: x}
";

/// The starter rules with a change.
pub(crate) fn rules(symbols: &Symbols, change: Change) -> Arc<RuleSet> {
    let mut files = Files::default();
    for (name, text) in starter::STARTER {
        let text = match change {
            Change::Threshold => text.replace("spent >= 100", "spent >= 200"),
            Change::None | Change::Window => text.to_owned(),
        };
        files.add(name, text);
    }
    if matches!(change, Change::Window) {
        files.add("more.rules.yaml", ONE_MORE);
    }
    let (read, problems) = file::read(&files);
    assert!(problems.is_empty(), "{problems:?}");
    let (mut rules, _) = compile::compile(&read, symbols);
    rules.keep(Span::from_millis(400 * DAY));
    Arc::new(rules)
}

/// A shard, its customers and its clock.
pub(crate) struct Stage {
    symbols: Symbols,
    shard: Shard,
    customers: Vec<Symbol>,
    /// Products and their categories.
    goods: Vec<(Symbol, Symbol)>,
    source: Symbol,
    /// Orders so far.
    number: u64,
    clock: Timestamp,
    /// A number for all that came out: equal for equal outputs in the same order.
    pub(crate) hash: u64,
}

impl Stage {
    /// A shard with the starter rules, and so many customers that have not ordered yet.
    pub(crate) fn new(customers: u32) -> Self {
        let symbols = Symbols::default();
        let shard = Shard::new(rules(&symbols, Change::None), symbols.clone());
        let name = |number: u32| symbols.intern(&format!("c{number}"));
        let customers = (0..customers).map(name).collect();
        let goods = (0..GOODS).map(|good| {
            let name = |what: &str| symbols.intern(&format!("{what}{good}"));
            (name("product"), name("category"))
        });
        let (goods, source) = (goods.collect(), symbols.intern("bench"));
        let (number, clock, hash) = (0, Timestamp::MIN, 0);
        Self { symbols, shard, customers, goods, source, number, clock, hash }
    }

    /// The next so many orders: every customer has its turn, ten days after the last.
    pub(crate) fn orders(&mut self, count: usize) -> Vec<Input> {
        let mut inputs = Vec::with_capacity(count + 1);
        for _ in 0..count {
            let all = self.customers.len() as u64;
            let (round, customer) = (self.number / all, (self.number % all) as usize);
            // In an order of their own, which a prime that divides no number of customers gives.
            let id = self.customers[customer * PRIME % self.customers.len()];
            let event = order(id, self.source, &self.goods, (self.number, round as u32));
            self.number += 1;
            self.clock = self.clock.max(event.time);
            let entity = EntityId { kind: EntityKind::Customer, id };
            let (event, watermark) = (Box::new(event), self.watermark());
            inputs.push(Input::Event { entity, event, watermark, arrived: None });
        }
        inputs.push(Input::Watermark(self.watermark()));
        inputs
    }

    /// Other rules, which were compiled with [`Stage::symbols`].
    pub(crate) fn change(&self, rules: Arc<RuleSet>) -> Input {
        Input::Rules { rules, watermark: self.watermark() }
    }

    /// Lets the shard take inputs.
    pub(crate) fn take(&mut self, inputs: &mut [Input]) {
        let mut out = Vec::new();
        self.shard.steps(inputs, &mut out);
        self.note(&mut out);
    }

    /// Whether a change of rules is under way.
    pub(crate) fn is_changing(&self) -> bool {
        self.shard.is_changing()
    }

    /// Goes on with a change of rules, as a shard does while nothing else waits.
    pub(crate) fn change_some(&mut self) {
        let mut out = Vec::new();
        self.shard.change_some(&mut out);
        self.note(&mut out);
    }

    fn watermark(&self) -> Timestamp {
        self.clock - Span::from_millis(DAY)
    }

    /// The names that rules for it have to be compiled with.
    pub(crate) fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Customers that it has.
    pub(crate) fn entities(&self) -> usize {
        self.shard.entities().len()
    }

    fn note(&mut self, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            let (id, what) = match output {
                Output::Opened { alert, .. } => (alert.id, 1_u64),
                Output::Changed { id, .. } => (id, 2),
                Output::Acted { id, .. } => (id, 3),
                Output::Duty(_) => continue,
            };
            let bits = id.bits();
            let half = (bits >> 64) as u64 ^ bits as u64;
            // FNV-1a over words (Fowler, Noll, Vo): order counts.
            self.hash = (self.hash ^ half ^ what).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// An order of one to three lines, which follows from its number.
fn order(
    who: Symbol,
    source: Symbol,
    goods: &[(Symbol, Symbol)],
    (number, round): (u64, u32),
) -> Event {
    // Multiply, then shift: a spread that is good enough (Knuth, TAOCP 6.4).
    let draw = |salt: u64| (number ^ (salt << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let lines = (0..=draw(1) % 3).map(|line| {
        let (product, category) = goods[(draw(2 + line) % GOODS) as usize];
        let net = 10 + draw(10 + line) % 90;
        let cost = net * (50 + draw(20 + line) % 40) / 100;
        let units = |units: u64| Some(Decimal::from_micros(units as i64 * Decimal::SCALE));
        Line {
            product: Some(product),
            category: Some(category),
            quantity: Decimal::ONE,
            net: units(net),
            cost: units(cost),
            ..Line::default()
        }
    });
    let time = BEGIN + i64::from(round) * 10 * DAY + (draw(30) % 1_000) as i64 * 60_000;
    Event {
        id: format!("o{number}").into(),
        source,
        kind: Kind::Order,
        time: Timestamp::from_millis(time).unwrap(),
        customer: Some(who),
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: lines.collect(),
        detail: None,
    }
}
