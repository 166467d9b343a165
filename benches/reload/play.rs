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

/// The starter rules; with `other`, each with another window and another threshold.
pub(crate) fn rules(symbols: &Symbols, other: bool) -> Arc<RuleSet> {
    let mut files = Files::default();
    for (name, text) in starter::STARTER {
        let text = if other {
            text.replace("'30d'", "'31d'").replace("0.03", "0.04")
        } else {
            text.to_owned()
        };
        files.add(name, text);
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
    clock: Timestamp,
    /// A number for all that came out: equal for equal outputs in the same order.
    pub(crate) hash: u64,
}

impl Stage {
    /// An empty shard with the starter rules.
    pub(crate) fn new() -> Self {
        let symbols = Symbols::default();
        let shard = Shard::new(rules(&symbols, false), symbols.clone());
        Self { symbols, shard, clock: Timestamp::MIN, hash: 0 }
    }

    /// Lets each of the customers order so many times, ten days apart, from this round on.
    pub(crate) fn orders(&mut self, customers: u32, rounds: std::ops::Range<u32>) {
        let names: Vec<Symbol> =
            (0..customers).map(|customer| self.symbols.intern(&format!("c{customer}"))).collect();
        let goods: Vec<(Symbol, Symbol)> = (0..GOODS)
            .map(|good| {
                let name = |what: &str| self.symbols.intern(&format!("{what}{good}"));
                (name("product"), name("category"))
            })
            .collect();
        let source = self.symbols.intern("bench");
        let mut out = Vec::new();
        for round in rounds {
            for (customer, name) in names.iter().enumerate() {
                let number = u64::from(round) * u64::from(customers) + customer as u64;
                let event = order(*name, source, &goods, (number, round));
                self.clock = self.clock.max(event.time);
                let entity = EntityId { kind: EntityKind::Customer, id: *name };
                let (event, watermark) = (Box::new(event), self.clock - Span::from_millis(DAY));
                self.shard
                    .step(&mut Input::Event { entity, event, watermark, arrived: None }, &mut out);
            }
            self.shard.step(&mut Input::Watermark(self.clock - Span::from_millis(DAY)), &mut out);
            self.note(&mut out);
        }
    }

    /// Adopts other rules, which were compiled with [`Stage::symbols`]: nothing else happens in the
    /// shard meanwhile.
    pub(crate) fn adopt(&mut self, rules: Arc<RuleSet>) {
        let mut out = Vec::new();
        let watermark = self.clock - Span::from_millis(DAY);
        self.shard.step(&mut Input::Rules { rules, watermark }, &mut out);
        self.note(&mut out);
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
