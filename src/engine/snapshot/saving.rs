//! A shard writes down what it held at a cut, while it goes on.
//!
//! ```text
//! names 1 … cursor … last       what the cursor has passed is written
//!               ▲    ▲          an input that touches what lies before it: written now, and noted
//! ```
//!
//! What is held is found by the numbers of names, so nothing has to be listed first and nothing is
//! kept beside the entities: a name that came after the cut has a higher number than the last one.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;

use crate::engine::away::AwayError;
use crate::engine::entities;
use crate::engine::live::Live;
use crate::engine::snapshot::BlockKind;
use crate::engine::snapshot::Cut;
use crate::engine::snapshot::Piece;
use crate::engine::snapshot::block::BLOCK_BYTES;
use crate::engine::snapshot::entity::Entities;
use crate::engine::snapshot::head::RuleStates;
use crate::engine::snapshot::head::put_rules;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::journal::entry::Encoder;
use crate::state::catalog::Catalog;

/// Names that one step looks up; with the block that it fills it takes some tens of microseconds.
const STEP_NAMES: u32 = 256;

/// Names whose look-up takes about as long as it takes to read one entity on disk.
const READ_NAMES: u32 = 16;

/// Bytes that may wait for the disk. More than that, and the snapshot is given up.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// References in a block.
const REFERENCES: usize = 256;

const KINDS: [EntityKind; 3] = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];

/// The reference data that all shards have in common.
const TABLES: [Table; 3] = [Table::Products, Table::Reps, Table::Agreements];

#[derive(Clone, Copy)]
enum Table {
    Products = 3,
    Reps = 4,
    Agreements = 5,
}

/// How far a shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to write.
    More,
    /// There is, and no room for it at the moment.
    Waits,
    /// Everything is written, or the snapshot was given up.
    Over,
}

/// A snapshot in a shard.
pub(crate) struct Saving {
    pieces: SyncSender<Piece>,
    /// The shard's number, and how many there are.
    share: (u32, u32),
    /// The last name that there was at the cut.
    last: u32,
    /// The next name whose entities are written.
    cursor: u32,
    /// A bit for each name that was written before its turn, for each kind and table.
    early: [Vec<u64>; 6],
    relations: std::ops::Range<usize>,
    entities: Entities,
    references: Vec<Record>,
    encoder: Encoder,
    waiting: VecDeque<(BlockKind, Vec<u8>)>,
    waiting_bytes: usize,
    /// Everything is in `waiting`.
    complete: bool,
}

impl Saving {
    /// Begins at the cut: nothing is written yet.
    pub(crate) fn begin(
        cut: Cut,
        symbols: &Symbols,
        catalog: &Catalog,
        rules: &RuleStates,
    ) -> Self {
        let last = symbols.read().count();
        let bits = || vec![0; last as usize / 64 + 1];
        let mut saving = Self {
            pieces: cut.pieces,
            share: cut.share,
            last,
            cursor: 1,
            early: std::array::from_fn(|_| bits()),
            relations: 0..catalog.relations().len(),
            entities: Entities::default(),
            references: Vec::new(),
            encoder: Encoder::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            complete: false,
        };
        saving.wait(BlockKind::Rules, put_rules(rules));
        saving
    }

    /// An entity is about to change, or to come: as it stands, it belongs to the snapshot.
    pub(crate) fn before(&mut self, id: EntityId, live: Option<&Live>, symbols: &Symbols) {
        if self.is_early(id.kind as usize, id.id)
            && let Some(live) = live
        {
            self.entities.add(id, live);
            self.seal_if_full(symbols);
        }
    }

    /// Reference data is about to change.
    pub(crate) fn before_reference(
        &mut self,
        reference: &Reference,
        catalog: &Catalog,
        symbols: &Symbols,
    ) {
        let (table, id) = match reference {
            Reference::Product(product) => (Table::Products, product.id),
            Reference::Rep(rep) => (Table::Reps, rep.id),
            Reference::Agreement(agreement) => (Table::Agreements, agreement.customer),
            // Relations are only added; a customer's data are its entity's.
            Reference::Relation(_) | Reference::Customer(_) => return,
        };
        if self.share.0 == 0 && self.is_early(table as usize, id) {
            self.reference(table, id, catalog, symbols);
        }
    }

    /// Whether the cursor has still to come to this name, and it was not written before; it is
    /// noted as written.
    fn is_early(&mut self, table: usize, name: Symbol) -> bool {
        let number = name.number();
        if number < self.cursor || number > self.last {
            return false;
        }
        let word = &mut self.early[table][number as usize / 64];
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn was_early(&self, table: usize, number: u32) -> bool {
        self.early[table][number as usize / 64] & (1 << (number % 64)) != 0
    }

    /// Writes a little.
    pub(crate) fn step(
        &mut self,
        entities: &entities::Entities,
        catalog: &Catalog,
        symbols: &Symbols,
    ) -> Progress {
        if !self.complete
            && self.waiting.is_empty()
            && let Err(error) = self.collect(entities, catalog, symbols)
        {
            entities.lose(&error);
            return Progress::Over;
        }
        while let Some((kind, block)) = self.waiting.pop_front() {
            let bytes = block.len();
            match self.pieces.try_send(Piece::Block(kind, block)) {
                Ok(()) => self.waiting_bytes -= bytes,
                Err(TrySendError::Full(Piece::Block(kind, block))) => {
                    self.waiting.push_front((kind, block));
                    let too_much = self.waiting_bytes > WAITING_BYTES_MAX;
                    return if too_much { Progress::Over } else { Progress::Waits };
                }
                Err(_) => return Progress::Over,
            }
        }
        if !self.complete {
            return Progress::More;
        }
        match self.pieces.try_send(Piece::Done) {
            Err(TrySendError::Full(_)) => Progress::Waits,
            Ok(()) | Err(TrySendError::Disconnected(_)) => Progress::Over,
        }
    }

    fn collect(
        &mut self,
        entities: &entities::Entities,
        catalog: &Catalog,
        symbols: &Symbols,
    ) -> Result<(), AwayError> {
        let (mine, shards) = self.share;
        let mut looked_up = 0;
        while self.cursor <= self.last {
            // A block that is full has been sealed, and waits.
            if looked_up >= STEP_NAMES || !self.waiting.is_empty() {
                return Ok(());
            }
            looked_up += 1;
            let number = self.cursor;
            self.cursor += 1;
            let Some(name) = Symbol::from_number(number) else { continue };
            if number % shards == mine {
                for kind in KINDS {
                    let id = EntityId { kind, id: name };
                    if self.was_early(kind as usize, number) {
                        continue;
                    }
                    if let Some(live) = entities.map.get(&id) {
                        self.entities.add(id, &live);
                    } else if self.written(id, entities)? {
                        looked_up += READ_NAMES;
                    }
                }
            }
            if mine == 0 {
                for table in TABLES {
                    if !self.was_early(table as usize, number) {
                        self.reference(table, name, catalog, symbols);
                    }
                }
            }
            self.seal_if_full(symbols);
        }
        if mine == 0 {
            for relation in &catalog.relations()[self.relations.clone()] {
                let relation = Box::new(Reference::Relation(relation.clone()));
                self.references.push(Record::Reference(relation));
            }
        }
        self.seal(symbols);
        self.complete = true;
        Ok(())
    }

    /// Takes an entity on disk as it lies there; whether it does.
    fn written(&mut self, id: EntityId, all: &entities::Entities) -> Result<bool, AwayError> {
        let Some(away) = all.away().filter(|_| id.kind == EntityKind::Customer) else {
            return Ok(false);
        };
        let Some(place) = away.place(id.id) else { return Ok(false) };
        let (entity, profile) = away.read((id.id, place), |stored| {
            let (entity, profile) = stored.as_saved()?;
            Ok((entity.to_vec(), profile))
        })?;
        self.entities.add_written(&entity, profile);
        Ok(true)
    }

    fn reference(&mut self, table: Table, id: Symbol, catalog: &Catalog, symbols: &Symbols) {
        let Self { references, .. } = self;
        let mut found = |found: Reference| references.push(Record::Reference(Box::new(found)));
        match table {
            Table::Products => {
                catalog.product(id).cloned().map(Reference::Product).into_iter().for_each(found);
            }
            Table::Reps => {
                catalog.rep(id).cloned().map(Reference::Rep).into_iter().for_each(found);
            }
            // By customer.
            Table::Agreements => {
                let theirs = catalog.agreements(id).iter().cloned();
                theirs.map(Reference::Agreement).for_each(&mut found);
            }
        }
        self.seal_if_full(symbols);
    }

    fn seal_if_full(&mut self, symbols: &Symbols) {
        if self.entities.bytes() >= BLOCK_BYTES || self.references.len() >= REFERENCES {
            self.seal(symbols);
        }
    }

    fn seal(&mut self, symbols: &Symbols) {
        if let Some(block) = self.entities.seal(symbols) {
            self.wait(BlockKind::Entities, block);
        }
        if !self.references.is_empty() {
            let block = self.encoder.records(&self.references, symbols).1.to_vec();
            self.references.clear();
            self.wait(BlockKind::Catalog, block);
        }
    }

    fn wait(&mut self, kind: BlockKind, block: Vec<u8>) {
        self.waiting_bytes += block.len();
        self.waiting.push_back((kind, block));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::engine::Input;
    use crate::engine::service::replay::compiled;
    use crate::engine::shard::Shard;
    use crate::engine::snapshot::get_block;
    use crate::event::Event;
    use crate::event::Kind;
    use crate::event::reference::Product;
    use crate::journal::entry;
    use crate::journal::entry::Entry;
    use crate::rule::set::RuleSet;
    use crate::time::Span;
    use crate::time::Timestamp;

    const RULES: &str = r#"
groups:
  - name: g
    rules:
      - alert: Quiet
        family: drift
        on: {silence: call, after: "duration('9d')"}
        annotations: {summary: s}
"#;

    const DAY: i64 = 86_400_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::saturating(1_735_689_600_000 + millis)
    }

    fn called(symbols: &Symbols, customer: u32, number: u32, millis: i64) -> Input {
        let event = Event {
            id: number.to_string().as_str().into(),
            source: symbols.intern("t"),
            kind: Kind::Call,
            time: at(millis),
            customer: Some(symbols.intern(&format!("c{customer}"))),
            rep: None,
            territory: None,
            channel: None,
            order: None,
            currency: None,
            lines: std::iter::empty().collect(),
            detail: None,
        };
        let entity =
            EntityId { kind: EntityKind::Customer, id: symbols.intern(&format!("c{customer}")) };
        let (watermark, arrived) = (at(millis - DAY), None);
        Input::Event { entity, event: Box::new(event), watermark, arrived }
    }

    fn product(symbols: &Symbols, number: u32, name: &str) -> Input {
        Input::Reference(Arc::new(Reference::Product(Product {
            id: symbols.intern(&format!("p{number}")),
            name: Some(name.to_owned()),
            category: None,
            brand: None,
            list_price: None,
            unit_cost: None,
            attributes: BTreeMap::new(),
        })))
    }

    /// Entities and products of all pieces, as texts.
    fn held(pieces: impl Iterator<Item = Piece>, symbols: &Symbols) -> BTreeMap<String, String> {
        let mut held = BTreeMap::new();
        let mut note = |key: String, text: String| {
            assert_eq!(held.insert(key.clone(), text), None, "{key} is there twice");
        };
        for piece in pieces {
            match piece {
                Piece::Block(BlockKind::Entities, block) => {
                    for (id, saved, phases) in get_block(&block, symbols).unwrap() {
                        note(format!("{id:?}"), format!("{saved:?} {phases:?}"));
                    }
                }
                Piece::Block(BlockKind::Catalog, block) => {
                    match entry::decode(entry::RECORDS, &block, symbols).unwrap() {
                        Entry::Records(records) => {
                            for record in records {
                                let text = format!("{record:?}");
                                note(text.split("name").next().unwrap().to_owned(), text);
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                Piece::Block(..) | Piece::Done => {}
            }
        }
        held
    }

    fn shard(rules: &Arc<RuleSet>, symbols: &Symbols) -> Shard {
        let (mut shard, mut out) = (Shard::new(Arc::clone(rules), symbols.clone()), Vec::new());
        for number in 0..4_000_u32 {
            let millis = i64::from(number) * 60_000;
            shard.step(&mut called(symbols, number % 1_500, number, millis), &mut out);
            if number % 8 == 0 {
                shard.step(&mut product(symbols, number, "old"), &mut out);
            }
        }
        shard
    }

    fn cut(shard: &mut Shard) -> std::sync::mpsc::Receiver<Piece> {
        let (pieces, from_shard) = sync_channel(1_000);
        shard.step(&mut Input::Save(Some(Cut { pieces, share: (0, 1) })), &mut Vec::new());
        from_shard
    }

    #[test]
    fn what_changes_meanwhile_is_saved_as_it_was_at_the_cut() {
        let symbols = Symbols::default();
        let files = [("a.rules.yaml".to_owned(), RULES.to_owned())];
        let rules = Arc::new(compiled(&files, Span::ZERO, &symbols).unwrap());
        let mut still = shard(&rules, &symbols);
        let pieces = cut(&mut still);
        while still.is_saving() {
            still.save_some();
        }
        let want = held(pieces.into_iter(), &symbols);
        assert_eq!(want.len(), 1_500 + 500);

        let mut moving = shard(&rules, &symbols);
        let pieces = cut(&mut moving);
        let (mut out, mut number, mut steps) = (Vec::new(), 10_000, 0);
        while moving.is_saving() {
            // Old and new customers, products that change and that come, deadlines that pass.
            for _ in 0..40 {
                number += 1;
                let customer = number * 7 % 2_500;
                let millis = 6 * DAY + i64::from(number) * 60_000;
                moving.step(&mut called(&symbols, customer, number, millis), &mut out);
                moving.step(&mut product(&symbols, number * 8 % 6_000, "new"), &mut out);
            }
            moving.step(&mut Input::Watermark(at(i64::from(number) * 100_000)), &mut out);
            moving.save_some();
            steps += 1;
        }
        assert!(steps > 4, "it was over at once");
        assert!(!out.is_empty(), "no deadline has passed");
        let have = held(pieces.into_iter(), &symbols);
        assert_eq!(have.len(), want.len());
        for (key, text) in &want {
            assert_eq!(have.get(key), Some(text), "{key}");
        }
    }
}
