//! Who of a shard's customers is in memory: those that something happened to lately, as many as
//! there is room for.
//!
//! ```text
//! inputs ─► those they need are brought back ─► steps ─► what they take now ─► too much?
//!                                                             the longest idle go, a batch at a time
//! ```
//!
//! What a customer comes to does not depend on where it was meanwhile: it comes back as it was, and
//! the wheel keeps its deadline. Reps and products are few, and stay.

use std::io;
use std::sync::Arc;

use crate::engine::Input;
use crate::engine::away::Away;
use crate::engine::away::AwayError;
use crate::engine::away::Batch;
use crate::engine::away::Place;
use crate::engine::away::Room;
use crate::engine::entities::Entities;
use crate::engine::shard::Shard;
use crate::engine::shard::changeover::Changeover;
use crate::engine::shard::idle::Order;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::time::Span;
use crate::time::Timestamp;

/// What a customer takes beside its own bytes: its places in the tables, and what the allocator
/// keeps of each piece.
const BESIDE: usize = 96;

/// Customers that go at a time, beyond those that have come with a snapshot.
const MOVED_MAX: usize = 256;

/// Customers that stay although they are idle, because a timer of theirs is due soon, at a time.
const SPARED_MAX: usize = 64;

/// What is soon.
const SOON: Span = Span::from_millis(60_000);

/// How often the disk is left alone after it took nobody, at first and at last.
const PAUSES: (u32, u32) = (16, 16_384);

/// Which customers are in memory.
pub(super) struct Residence {
    away: Arc<Away>,
    /// The shard's number, and how many there are.
    share: (u32, u32),
    order: Order,
    batch: Batch,
    /// How far event time has come.
    passed: Timestamp,
    /// Times that the disk is left alone still, and after the next failure.
    pauses: (u32, u32),
    /// Customers that came with a snapshot: nothing waits for a shard that is being loaded.
    is_loading: bool,
}

impl Residence {
    /// Nobody yet.
    fn new(away: Arc<Away>, share: (u32, u32)) -> Self {
        Self {
            away,
            share,
            order: Order::default(),
            batch: Batch::default(),
            passed: Timestamp::MIN,
            pauses: (0, PAUSES.0),
            is_loading: false,
        }
    }

    /// The number of a customer of this shard, whose names are its share of all.
    fn number(&self, id: EntityId) -> Option<u32> {
        let (number, (mine, shards)) = (id.id.number(), self.share);
        let is_mine = id.kind == EntityKind::Customer && number % shards == mine;
        is_mine.then(|| number / shards)
    }

    /// The customer of a number.
    fn customer(&self, number: u32) -> Option<EntityId> {
        let id = Symbol::from_number(number * self.share.1 + self.share.0)?;
        Some(EntityId { kind: EntityKind::Customer, id })
    }

    /// A customer has come with a snapshot.
    pub(super) fn came(&mut self, id: EntityId, bytes: usize) {
        if let Some(number) = self.number(id) {
            self.order.warm(number, bytes + BESIDE);
            self.is_loading = true;
        }
    }

    /// A customer is gone, who was in memory.
    pub(super) fn left(&mut self, id: EntityId) {
        if let Some(number) = self.number(id) {
            self.order.unlink(number);
        }
    }

    /// Notes to whom something has happened, and what they take now.
    fn note(&mut self, inputs: &[Input], entities: &Entities) {
        for input in inputs {
            let id = match input {
                Input::Event { entity, .. } => *entity,
                Input::Reference(reference) => match &**reference {
                    Reference::Customer(customer) => {
                        EntityId { kind: EntityKind::Customer, id: customer.id }
                    }
                    _ => continue,
                },
                Input::Watermark(to) => {
                    self.passed = *to;
                    continue;
                }
                _ => continue,
            };
            if let (Some(number), Some(live)) = (self.number(id), entities.map.get(&id)) {
                self.order.warm(number, live.bytes() + BESIDE);
            }
        }
    }

    /// Moves those to disk who were idle for the longest, until the others have room.
    fn relieve(&mut self, entities: &Entities, symbols: &Symbols) {
        if self.pauses.0 > 0 {
            self.pauses.0 -= 1;
            return;
        }
        while self.order.bytes() > self.away.bytes_max() {
            if let Err(error) = self.move_some(entities, symbols) {
                self.pauses = (self.pauses.1, (self.pauses.1 * 2).min(PAUSES.1));
                self.away.refused();
                tracing::warn!(
                    %error,
                    "no customer can be moved to disk: all stay in memory, above the bound"
                );
                return;
            }
            self.pauses.1 = PAUSES.0;
            if !self.is_loading {
                break;
            }
        }
        self.is_loading = false;
        if let Err(error) = self.away.tidy(&mut self.batch) {
            tracing::debug!(%error, "the files of moved customers are not tidied");
        }
    }

    fn move_some(&mut self, entities: &Entities, symbols: &Symbols) -> io::Result<()> {
        self.batch.clear();
        let soon = self.passed + SOON;
        let (mut spared, mut moved) = (0, Vec::new());
        while self.order.bytes() > self.away.bytes_max() && moved.len() < MOVED_MAX {
            let Some(number) = self.order.coldest() else { break };
            let Some(id) = self.customer(number) else { break };
            let Some(live) = entities.map.get(&id) else {
                self.order.unlink(number);
                continue;
            };
            if live.timer <= soon && spared < SPARED_MAX {
                spared += 1;
                self.order.warm(number, live.bytes() + BESIDE);
                continue;
            }
            self.batch.add(id, &live, symbols);
            moved.push((id, number, self.order.leave(number)));
        }
        if let Err(error) = self.away.put(&mut self.batch) {
            for (_, number, bytes) in moved.into_iter().rev() {
                self.order.cool(number, bytes);
            }
            return Err(error);
        }
        for (id, ..) in moved {
            entities.map.remove(&id);
        }
        Ok(())
    }
}

impl Shard {
    /// Keeps as many customers in memory as have room; the others lie on disk. `share` is the
    /// shard's number, and how many there are. To be called before anything happens.
    ///
    /// Such a shard takes its inputs by [`Shard::steps`].
    #[must_use]
    pub fn within(mut self, room: &Room, share: (usize, usize)) -> Self {
        let away = Arc::new(Away::new(room, share, self.symbols.clone()));
        self.entities = Arc::new(Entities::within(Arc::clone(&self.rules), Arc::clone(&away)));
        let of = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let residence = Residence::new(away, (of(share.0), of(share.1).max(1)));
        self.residence = Some(Box::new(residence));
        self
    }

    /// Whether a customer is lost to this process: nothing that it says of it would be right.
    pub fn has_failed(&self) -> bool {
        self.residence.as_ref().is_some_and(|residence| residence.away.failure().is_some())
    }

    /// Behind some inputs: notes what they have done, and makes room.
    pub(super) fn settle(&mut self, inputs: &[Input]) {
        if let Some(residence) = &mut self.residence {
            residence.note(inputs, &self.entities);
            self.relieve();
        }
    }

    /// Moves customers to disk that have no room.
    pub(super) fn relieve(&mut self) {
        if let Some(residence) = &mut self.residence
            && residence.away.failure().is_none()
        {
            residence.relieve(&self.entities, &self.symbols);
            residence.away.note(residence.order.bytes());
        }
    }

    /// Something is about to happen to an entity: it is brought back if it is on disk. `false`:
    /// nothing can be done any more.
    pub(super) fn bring_back(&mut self, id: EntityId) -> bool {
        self.bring_back_if(id, |_| true)
    }

    /// As [`Shard::bring_back`], before it changes over to other rules: unless it has.
    pub(super) fn bring_back_old(&mut self, id: EntityId) -> bool {
        let laid_out = self.laid_out;
        self.bring_back_if(id, |place| place.laid_out != laid_out)
    }

    /// As [`Shard::bring_back`], for a timer: unless it was replaced by another.
    pub(super) fn bring_back_due(&mut self, id: EntityId, at: Timestamp) -> bool {
        let laid_out = self.laid_out;
        self.bring_back_if(id, |place| place.timer == at || place.laid_out != laid_out)
    }

    fn bring_back_if(&mut self, id: EntityId, wanted: impl FnOnce(&Place) -> bool) -> bool {
        let Some(residence) = &mut self.residence else { return true };
        if residence.away.failure().is_some() {
            return false;
        }
        let number = residence.number(id).filter(|number| residence.order.is_away(*number));
        let Some(number) = number else { return true };
        let place = residence.away.place(id.id);
        if place.as_ref().is_some_and(|place| !wanted(place)) {
            return true;
        }
        let old = self.changeover.as_ref().map(Changeover::old);
        let (rules, catalog) = (&self.rules, &self.catalog);
        let back = place.ok_or(AwayError::Gone).and_then(|place| {
            let rules = if place.laid_out == self.laid_out { rules } else { old.unwrap_or(rules) };
            residence.away.read((id.id, place), |it| it.live(place.timer, rules, catalog))
        });
        match back {
            Ok(live) => {
                residence.order.cool(number, live.bytes() + BESIDE);
                self.entities.map.insert(id, Box::new(live));
                residence.away.forget(id.id);
                true
            }
            Err(error) => {
                residence.away.fail(&error);
                self.saving = None;
                false
            }
        }
    }
}
