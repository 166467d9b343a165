//! What the records of the journal mean, and how they are written.
//!
//! ```text
//! Records  events, reference data and feedback that were taken in together
//! Tick     event time has come so far
//! Action   what a sales person did
//! Rules    the rules that hold from here on, with their texts
//! Model    what was learned from the past, as bytes of its owner
//! Receipt  a channel took an alert, or did not
//! Setup    what the engine is set up with from here on
//! Read     records from a log, and how far its partitions are read with them
//! Held     event time stands still from here on, or goes on
//! ```
//!
//! **Names.** A [`Symbol`](crate::event::Symbol) is a number of this process. So every entry
//! brings its names with it, each once, and its fields refer to them by their place in that list.
//! An entry needs no other one to be read: replay may begin anywhere, old segments may go, and
//! another process can follow. In a batch of two hundred events the list is a small part of the
//! entry; a single event pays for its own names only.
//!
//! **Decoded, not raw.** The journal holds what was accepted, not what was sent: a change of a
//! mapping or of the decoder never changes the past.
//!
//! **Versions.** The first byte of an entry is the version of its kind; a field is added by a
//! new version, and old ones stay readable. Files of every version that shipped lie in
//! `tests/it/journal/golden` and are read by a test.

pub(crate) mod wire;
mod names;
mod event;
mod reference;

use crate::alert::Action;
use crate::alert::AlertId;
use crate::alert::CloseReason;
use crate::alert::Deed;
use crate::alert::Owner;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Feedback;
use crate::event::Record;
use crate::event::Symbols;
use crate::journal::entry::event::get_event;
use crate::journal::entry::event::put_event;
use crate::journal::entry::names::NamesIn;
use crate::journal::entry::names::NamesOut;
use crate::journal::entry::reference::get_reference;
use crate::journal::entry::reference::put_reference;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;
use crate::source::log::Position;
use crate::time::Span;
use crate::time::Timestamp;

/// What feedback is among records; events are 0, and reference data have the numbers between.
const FEEDBACK: u8 = 6;

/// Version of every kind so far.
const VERSION: u8 = 1;

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Records that were taken in together, in this order.
    Records(Vec<Record>),
    /// Event time has come so far.
    Tick(Timestamp),
    /// What a sales person did.
    Action(ActionEntry),
    /// The rules that hold from here on.
    Rules(RulesEntry),
    /// What was learned from the past.
    Model(ModelEntry),
    /// What became of a delivery.
    Receipt(ReceiptEntry),
    /// What the engine is set up with.
    Setup(SetupEntry),
    /// Records that were taken in together from a log, in this order.
    Read {
        /// The records.
        records: Vec<Record>,
        /// How far the partitions are read that they came from.
        positions: Vec<Position>,
    },
    /// Event time stands still (`true`) because a source is away, or goes on.
    Held(bool),
    /// The program stopped in order.
    Closed,
}

/// What a sales person did with an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionEntry {
    /// Whose alert it is.
    pub entity: EntityId,
    /// Name of the rule.
    pub rule: String,
    /// Which alert.
    pub alert: AlertId,
    /// What was done.
    pub action: Action,
    /// By whom.
    pub by: String,
    /// When, in event time.
    pub at: Timestamp,
}

/// A version of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesEntry {
    /// Hash of the whole set.
    pub hash: u64,
    /// Name and text of every file.
    pub files: Vec<(String, String)>,
}

/// A model that was fitted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// Its name.
    pub name: String,
    /// Event time up to which it has seen events.
    pub fitted_to: Timestamp,
    /// What it is made of, in the form of its owner.
    pub content: Vec<u8>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptEntry {
    /// Which alert.
    pub alert: AlertId,
    /// To which channel.
    pub channel: String,
    /// How many tries it took.
    pub attempts: u32,
    /// When the last one ended, by the wall clock.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}

/// What the engine is set up with from here on, and could not find out from events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupEntry {
    /// What the fingerprints of events start from; a journal has one for life.
    pub secret: u64,
    /// How far the watermark stays behind the newest event.
    pub lateness: Span,
    /// How far back histories are kept at least.
    pub history: Span,
    /// Whether a recorded history, if any, is in: from here on events come from outside.
    pub begun: bool,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Delivered,
    /// The receiver may have taken it.
    Uncertain,
    /// It was given up.
    Dead,
}

/// Why a record of the journal cannot be understood. Its checksum was right, so it was written by
/// another version of the program, or by a program with a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No such kind.
    #[error("kind {0} is not known: the journal was written by a newer program")]
    Kind(u8),
    /// No such version of the kind.
    #[error(
        "version {version} of kind {kind} is not known: the journal was written by a newer \
             program"
    )]
    Version {
        /// The kind.
        kind: u8,
        /// Its version.
        version: u8,
    },
    /// It ends too early.
    #[error("the entry ends too early")]
    Short,
    /// Bytes are left over.
    #[error("the entry goes on behind its end")]
    Long,
    /// A value that cannot be.
    #[error("the entry has an impossible {0}")]
    Value(&'static str),
}

/// The kind of [`Entry::Records`].
pub const RECORDS: u8 = kind::RECORDS;

/// The kinds as the log knows them; 0 is [`crate::journal::record::CLOSED`].
mod kind {
    pub(super) const CLOSED: u8 = crate::journal::record::CLOSED;
    pub(super) const RECORDS: u8 = 1;
    pub(super) const TICK: u8 = 2;
    pub(super) const ACTION: u8 = 3;
    pub(super) const RULES: u8 = 4;
    pub(super) const MODEL: u8 = 5;
    pub(super) const RECEIPT: u8 = 6;
    pub(super) const SETUP: u8 = 7;
    pub(super) const READ: u8 = 8;
    pub(super) const HELD: u8 = 9;
}

/// Writes entries; made to be reused.
#[derive(Debug, Default)]
pub struct Encoder {
    names: NamesOut,
    body: Out,
    whole: Out,
}

impl Encoder {
    /// An entry as bytes, with its kind.
    pub fn encode(&mut self, entry: &Entry, symbols: &Symbols) -> (u8, &[u8]) {
        match entry {
            Entry::Records(records) => return self.records(records, symbols),
            Entry::Read { records, positions } => return self.read(records, positions, symbols),
            Entry::Action(action) => self.action(action),
            Entry::Closed => return (kind::CLOSED, &[]),
            other => {
                self.body.clear();
                put_plain(&mut self.body, other);
            }
        }
        (kind_of(entry), self.finish(symbols))
    }

    /// As [`Encoder::encode`] for [`Entry::Records`], from borrowed records.
    pub fn records(&mut self, records: &[Record], symbols: &Symbols) -> (u8, &[u8]) {
        self.put_records(records);
        (kind::RECORDS, self.finish(symbols))
    }

    /// As [`Encoder::encode`] for [`Entry::Read`], from borrowed records.
    pub fn read(
        &mut self,
        records: &[Record],
        positions: &[Position],
        symbols: &Symbols,
    ) -> (u8, &[u8]) {
        self.put_records(records);
        put_positions(&mut self.body, positions);
        (kind::READ, self.finish(symbols))
    }

    fn put_records(&mut self, records: &[Record]) {
        let Self { names, body, .. } = self;
        body.clear();
        names.clear();
        body.length(records.len());
        let mut before = Timestamp::EPOCH;
        for record in records {
            match record {
                Record::Event(event) => {
                    body.byte(0);
                    put_event(body, names, event, before);
                    before = event.time;
                }
                Record::Reference(reference) => put_reference(body, names, reference),
                Record::Feedback(feedback) => {
                    body.byte(FEEDBACK);
                    let Feedback { alert, entity, rule, deed } = &**feedback;
                    put_deed(
                        body,
                        names,
                        (*entity, rule, *alert),
                        (&deed.action, &deed.by, deed.at),
                    );
                }
            }
        }
    }

    /// The entry that was written last.
    pub fn bytes(&self) -> &[u8] {
        self.whole.bytes()
    }

    fn action(&mut self, entry: &ActionEntry) {
        let Self { names, body, .. } = self;
        body.clear();
        names.clear();
        let ActionEntry { entity, rule, alert, action, by, at } = entry;
        put_deed(body, names, (*entity, rule, *alert), (action, by, *at));
    }

    /// Version, names, body.
    fn finish(&mut self, symbols: &Symbols) -> &[u8] {
        self.whole.clear();
        self.whole.byte(VERSION);
        self.names.write(&mut self.whole, symbols);
        self.whole.append(&self.body);
        self.names.clear();
        self.whole.bytes()
    }
}

/// Reads an entry back; its names get the symbols that they have in this process.
pub fn decode(kind: u8, payload: &[u8], symbols: &Symbols) -> Result<Entry, EntryError> {
    if kind == kind::CLOSED {
        return Ok(Entry::Closed);
    }
    if kind > kind::HELD {
        return Err(EntryError::Kind(kind));
    }
    let mut body = In::new(payload);
    let version = body.byte()?;
    if version != VERSION {
        return Err(EntryError::Version { kind, version });
    }
    let names = NamesIn::read(&mut body, symbols)?;
    let entry = match kind {
        kind::RECORDS => Entry::Records(get_records(&mut body, &names)?),
        kind::ACTION => Entry::Action(get_action_entry(&mut body, &names)?),
        kind::TICK => Entry::Tick(body.time()?),
        kind::RULES => {
            let hash = body.number()?;
            let count = body.length()?;
            let files = (0..count).map(|_| Ok((body.text()?.to_owned(), body.text()?.to_owned())));
            let files = files.collect::<Result<_, EntryError>>()?;
            Entry::Rules(RulesEntry { hash, files })
        }
        kind::MODEL => Entry::Model(ModelEntry {
            name: body.text()?.to_owned(),
            fitted_to: body.time()?,
            content: body.bytes()?.to_vec(),
        }),
        kind::SETUP => Entry::Setup(SetupEntry {
            secret: body.number()?,
            lateness: Span::from_millis(body.signed()?),
            history: Span::from_millis(body.signed()?),
            begun: body.byte()? != 0,
        }),
        kind::READ => Entry::Read {
            records: get_records(&mut body, &names)?,
            positions: get_positions(&mut body)?,
        },
        kind::HELD => Entry::Held(body.byte()? != 0),
        _ => Entry::Receipt(ReceiptEntry {
            alert: get_alert(&mut body)?,
            channel: body.text()?.to_owned(),
            attempts: body.small()?,
            at: body.time()?,
            outcome: match body.byte()? {
                0 => Outcome::Delivered,
                1 => Outcome::Uncertain,
                2 => Outcome::Dead,
                _ => return Err(EntryError::Value("outcome")),
            },
        }),
    };
    body.finish()?;
    Ok(entry)
}

/// The word for a kind, for reports.
pub fn kind_name(kind: u8) -> &'static str {
    match kind {
        kind::CLOSED => "closed",
        kind::RECORDS => "records",
        kind::TICK => "tick",
        kind::ACTION => "action",
        kind::RULES => "rules",
        kind::MODEL => "model",
        kind::RECEIPT => "receipt",
        kind::SETUP => "setup",
        kind::READ => "read",
        kind::HELD => "held",
        _ => "unknown",
    }
}

fn kind_of(entry: &Entry) -> u8 {
    match entry {
        Entry::Closed => kind::CLOSED,
        Entry::Records(_) => kind::RECORDS,
        Entry::Tick(_) => kind::TICK,
        Entry::Action(_) => kind::ACTION,
        Entry::Rules(_) => kind::RULES,
        Entry::Model(_) => kind::MODEL,
        Entry::Receipt(_) => kind::RECEIPT,
        Entry::Setup(_) => kind::SETUP,
        Entry::Read { .. } => kind::READ,
        Entry::Held(_) => kind::HELD,
    }
}

/// Entries without names.
fn put_plain(body: &mut Out, entry: &Entry) {
    match entry {
        Entry::Tick(at) => body.time(*at),
        Entry::Rules(rules) => {
            body.number(rules.hash);
            body.length(rules.files.len());
            for (name, text) in &rules.files {
                body.text(name);
                body.text(text);
            }
        }
        Entry::Model(model) => {
            body.text(&model.name);
            body.time(model.fitted_to);
            body.blob(&model.content);
        }
        Entry::Receipt(receipt) => {
            body.text(&receipt.alert.to_string());
            body.text(&receipt.channel);
            body.number(u64::from(receipt.attempts));
            body.time(receipt.at);
            body.byte(match receipt.outcome {
                Outcome::Delivered => 0,
                Outcome::Uncertain => 1,
                Outcome::Dead => 2,
            });
        }
        Entry::Setup(setup) => {
            body.number(setup.secret);
            body.signed(setup.lateness.millis());
            body.signed(setup.history.millis());
            body.byte(u8::from(setup.begun));
        }
        Entry::Held(held) => body.byte(u8::from(*held)),
        Entry::Records(_) | Entry::Read { .. } | Entry::Action(_) | Entry::Closed => {}
    }
}

/// Writes how far partitions are read.
pub(crate) fn put_positions(body: &mut Out, positions: &[Position]) {
    body.length(positions.len());
    for Position { topic, partition, next } in positions {
        body.text(topic);
        body.number(u64::from(*partition));
        body.signed(*next);
    }
}

/// Reads it.
pub(crate) fn get_positions(body: &mut In<'_>) -> Result<Vec<Position>, EntryError> {
    let count = body.length()?;
    let position = |_| {
        let topic = body.text()?.into();
        Ok(Position { topic, partition: body.small()?, next: body.signed()? })
    };
    (0..count).map(position).collect()
}

/// Whose alert it is, and what was done.
fn put_deed(
    body: &mut Out,
    names: &mut NamesOut,
    (entity, rule, alert): (EntityId, &str, AlertId),
    (action, by, at): (&Action, &str, Timestamp),
) {
    body.byte(entity.kind as u8);
    body.number(names.place(entity.id));
    body.text(rule);
    body.text(&alert.to_string());
    put_action(body, action);
    body.text(by);
    body.time(at);
}

fn put_action(body: &mut Out, action: &Action) {
    match action {
        Action::Acknowledge => body.byte(0),
        Action::Snooze { until } => {
            body.byte(1);
            body.time(*until);
        }
        Action::Reopen => body.byte(2),
        Action::Close { reason, amount: None } => {
            body.byte(3);
            put_reason(body, reason);
        }
        Action::Close { reason, amount: Some(amount) } => {
            body.byte(4);
            put_reason(body, reason);
            body.decimal(*amount);
        }
        Action::Wait => body.byte(5),
        Action::Reassign { owner } => {
            body.byte(6);
            match owner {
                Owner::Queue => body.byte(0),
                Owner::Rep(id) => {
                    body.byte(1);
                    body.text(id);
                }
                Owner::Territory(id) => {
                    body.byte(2);
                    body.text(id);
                }
            }
        }
        Action::Comment { text } => {
            body.byte(7);
            body.text(text);
        }
        Action::Retract { text } => {
            body.byte(8);
            body.text(text);
        }
    }
}

fn put_reason(body: &mut Out, reason: &CloseReason) {
    match reason {
        CloseReason::Resolved => body.byte(0),
        CloseReason::Expired => body.byte(1),
        CloseReason::Won => body.byte(2),
        CloseReason::Lost => body.byte(3),
        CloseReason::Dismissed(why) => {
            body.byte(4);
            body.text(why);
        }
        CloseReason::Withdrawn => body.byte(5),
    }
}

fn get_action(body: &mut In<'_>) -> Result<Action, EntryError> {
    Ok(match body.byte()? {
        0 => Action::Acknowledge,
        1 => Action::Snooze { until: body.time()? },
        2 => Action::Reopen,
        3 => Action::Close { reason: get_reason(body)?, amount: None },
        4 => Action::Close { reason: get_reason(body)?, amount: Some(body.decimal()?) },
        5 => Action::Wait,
        6 => Action::Reassign {
            owner: match body.byte()? {
                0 => Owner::Queue,
                1 => Owner::Rep(body.text()?.to_owned()),
                2 => Owner::Territory(body.text()?.to_owned()),
                _ => return Err(EntryError::Value("owner")),
            },
        },
        7 => Action::Comment { text: body.text()?.to_owned() },
        8 => Action::Retract { text: body.text()?.to_owned() },
        _ => return Err(EntryError::Value("action")),
    })
}

fn get_reason(body: &mut In<'_>) -> Result<CloseReason, EntryError> {
    Ok(match body.byte()? {
        0 => CloseReason::Resolved,
        1 => CloseReason::Expired,
        2 => CloseReason::Won,
        3 => CloseReason::Lost,
        4 => CloseReason::Dismissed(body.text()?.to_owned()),
        5 => CloseReason::Withdrawn,
        _ => return Err(EntryError::Value("reason")),
    })
}

fn get_action_entry(body: &mut In<'_>, names: &NamesIn) -> Result<ActionEntry, EntryError> {
    let kind = match body.byte()? {
        0 => EntityKind::Customer,
        1 => EntityKind::Rep,
        2 => EntityKind::Product,
        _ => return Err(EntryError::Value("kind of entity")),
    };
    Ok(ActionEntry {
        entity: EntityId { kind, id: names.get(body)? },
        rule: body.text()?.to_owned(),
        alert: get_alert(body)?,
        action: get_action(body)?,
        by: body.text()?.to_owned(),
        at: body.time()?,
    })
}

fn get_alert(body: &mut In<'_>) -> Result<AlertId, EntryError> {
    body.text()?.parse().map_err(|_| EntryError::Value("alert id"))
}

fn get_records(body: &mut In<'_>, names: &NamesIn) -> Result<Vec<Record>, EntryError> {
    let count = body.length()?;
    let mut records = Vec::with_capacity(count);
    let mut before = Timestamp::EPOCH;
    for _ in 0..count {
        records.push(match body.byte()? {
            0 => {
                let event = get_event(body, names, before)?;
                before = event.time;
                Record::Event(Box::new(event))
            }
            FEEDBACK => {
                let ActionEntry { entity, rule, alert, action, by, at } =
                    get_action_entry(body, names)?;
                let (rule, deed) = (rule.into(), Deed { action, by, at });
                Record::Feedback(Box::new(Feedback { alert, entity, rule, deed }))
            }
            variant => Record::Reference(Box::new(get_reference(body, names, variant)?)),
        });
    }
    Ok(records)
}
