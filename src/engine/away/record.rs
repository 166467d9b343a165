//! A customer as it lies on disk.
//!
//! ```text
//! record   checksum 4 │ length 4 │ name 4 │ set of rules 1 │ later timer │ next look at windows
//!          │ length, the entity as a snapshot has it │ its profile as the journal has it
//! ```
//!
//! The checksum covers what follows it, and where the record lies.

use crate::engine::away::Place;
use crate::engine::live::Live;
use crate::engine::snapshot::get_one;
use crate::engine::snapshot::get_profile;
use crate::engine::snapshot::put_one;
use crate::event::EntityId;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::journal::entry::Encoder;
use crate::journal::entry::EntryError;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;
use crate::rule::set::RuleSet;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::window::Upkeep;
use crate::time::Timestamp;

/// Bytes of the checksum; with the length; with the name.
const CHECKSUM: usize = 4;
const FRAME: usize = 8;
pub(super) const HEAD: usize = 12;

/// Records on their way to the disk.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where they will lie, as if the batch lay at the beginning of a file.
    places: Vec<(Symbol, Place)>,
    out: Out,
    encoder: Encoder,
}

/// A record that was read.
pub(crate) struct Stored<'a> {
    laid_out: u8,
    later: Timestamp,
    stirs_at: Timestamp,
    entity: &'a [u8],
    profile: &'a [u8],
    symbols: &'a Symbols,
}

impl Batch {
    /// Records in it.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All of them, one behind the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it; its memory stays for the next one.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Adds a customer as it is.
    pub(crate) fn add(&mut self, id: EntityId, live: &Live, symbols: &Symbols) {
        let out = &mut self.out;
        out.clear();
        out.byte(live.entity.laid_out);
        out.time(live.later);
        out.time(live.entity.stirs_at());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; FRAME]);
        self.bytes.extend_from_slice(&id.id.number().to_le_bytes());
        self.bytes.extend_from_slice(out.bytes());
        out.clear();
        put_one(out, id, live);
        let mut entity = Out::default();
        entity.blob(out.bytes());
        self.bytes.extend_from_slice(entity.bytes());
        if let Some(profile) = live.entity.profile() {
            let profile = Reference::Customer(profile.clone());
            let profile = [Record::Reference(Box::new(profile))];
            self.bytes.extend_from_slice(self.encoder.records(&profile, symbols).1);
        }
        self.end(id.id, start, (live.entity.laid_out, live.timer));
    }

    /// Adds a record that was read, as it is.
    pub(super) fn copy(&mut self, name: Symbol, place: Place, record: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.end(name, start, (place.laid_out, place.timer));
    }

    fn end(&mut self, name: Symbol, start: usize, (laid_out, timer): (u8, Timestamp)) {
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (offset, length) = (number(start), number(self.bytes.len() - start));
        let body = number(self.bytes.len() - start - FRAME);
        if let Some(frame) = self.bytes.get_mut(start + CHECKSUM..start + FRAME) {
            frame.copy_from_slice(&body.to_le_bytes());
        }
        self.places.push((name, Place { segment: 0, offset, length, laid_out, timer }));
    }

    /// Puts the checksums in, once it is known where the batch will lie; where its records will.
    pub(super) fn seal(&mut self, segment: u32, at: u32) -> Vec<(Symbol, Place)> {
        let mut places = self.places.clone();
        for (_, place) in &mut places {
            let start = place.offset as usize;
            let end = start + place.length as usize;
            (place.segment, place.offset) = (segment, at + place.offset);
            if let Some(record) = self.bytes.get_mut(start..end) {
                let sum = checksum(record, segment, place.offset);
                record[..CHECKSUM].copy_from_slice(&sum.to_le_bytes());
            }
        }
        places
    }
}

/// The customer and the length of a record that begins with these bytes; none where nothing was
/// written.
pub(super) fn peek(head: [u8; HEAD]) -> Option<(Symbol, u32)> {
    let name = Symbol::from_number(word(&head, FRAME))?;
    Some((name, word(&head, CHECKSUM).checked_add(u32::try_from(FRAME).ok()?)?))
}

/// Whether these bytes are the record of this customer that was written there.
pub(super) fn is_right(record: &[u8], name: Symbol, place: Place) -> bool {
    record.len() >= HEAD
        && word(record, FRAME) == name.number()
        && word(record, 0) == checksum(record, place.segment, place.offset)
}

/// A number of four bytes; 0 where there are none.
fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

fn checksum(record: &[u8], segment: u32, offset: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(segment);
    hasher.update(&offset.to_le_bytes());
    hasher.update(record.get(CHECKSUM..).unwrap_or_default());
    hasher.finalize()
}

impl<'a> Stored<'a> {
    /// Reads a record whose checksum is right.
    pub(super) fn parse(record: &'a [u8], symbols: &'a Symbols) -> Result<Self, EntryError> {
        let mut body = In::new(record.get(HEAD..).unwrap_or_default());
        let (laid_out, later, stirs_at) = (body.byte()?, body.time()?, body.time()?);
        let (entity, profile) = (body.bytes()?, body.rest());
        Ok(Self { laid_out, later, stirs_at, entity, profile, symbols })
    }

    /// The entity as a snapshot has it, and its profile as a record.
    pub(crate) fn as_saved(&self) -> Result<(&'a [u8], Option<Record>), EntryError> {
        Ok((self.entity, get_profile(self.profile, self.symbols)?))
    }

    /// The customer as it was, by the set of rules that it is laid out by.
    pub(crate) fn live(
        &self,
        timer: Timestamp,
        rules: &RuleSet,
        catalog: &Catalog,
    ) -> Result<Live, EntryError> {
        let (id, mut saved, phases) = get_one(self.entity)?;
        if let Some(Record::Reference(profile)) = get_profile(self.profile, self.symbols)?
            && let Reference::Customer(profile) = *profile
        {
            saved.profile = Some(Box::new(profile));
        }
        let mut live = Live::new(rules, id.kind, self.laid_out);
        live.entity = Entity::restored(saved);
        live.entity.laid_out = self.laid_out;
        let (plan, program, symbols) = (rules.plan(id.kind), &rules.program, self.symbols);
        live.entity.follow_again(Upkeep { plan, program, symbols, catalog });
        live.entity.stir_at(self.stirs_at);
        for (place, phase) in phases {
            live.put(rules, place, Some(phase));
        }
        (live.timer, live.later) = (timer, self.later);
        Ok(live)
    }
}
