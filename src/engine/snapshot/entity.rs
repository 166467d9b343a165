//! Entities as bytes.
//!
//! ```text
//! block    count │ entity │ entity │ … │ profiles of those that have one, as the journal writes them
//! entity   kind │ symbol │ fields │ clock │ history │ slots │ sets │ where its rules stand
//! ```
//!
//! Symbols are those of the snapshot's own list of names.

use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::life_cycle::Open;
use crate::alert::life_cycle::Phase;
use crate::engine::live::Live;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::journal::entry;
use crate::journal::entry::Encoder;
use crate::journal::entry::Entry;
use crate::journal::entry::EntryError;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;
use crate::money::Currency;
use crate::state::detection::State;
use crate::state::history::SavedHistory;
use crate::state::past::PastAlert;
use crate::state::past::Standing;
use crate::state::saved::Saved;
use crate::time::Timestamp;

/// An entity that was saved, and where its rules stood, by their places in the set of then.
pub type Kept = (EntityId, Saved, Vec<(u16, Phase)>);

/// Entities on their way into a block.
#[derive(Default)]
pub(crate) struct Entities {
    count: usize,
    body: Out,
    profiles: Vec<Record>,
    encoder: Encoder,
}

impl Entities {
    /// Bytes so far, about.
    pub(crate) fn bytes(&self) -> usize {
        // A profile takes about a hundred.
        self.body.bytes().len() + self.profiles.len() * 100
    }

    /// Adds an entity.
    pub(crate) fn add(&mut self, id: EntityId, live: &Live) {
        self.count += 1;
        put_one(&mut self.body, id, live);
        if let Some(profile) = live.entity.profile() {
            let profile = Reference::Customer(profile.clone());
            self.profiles.push(Record::Reference(Box::new(profile)));
        }
    }

    /// Adds an entity that was written by [`put_one`], and its profile.
    pub(crate) fn add_written(&mut self, entity: &[u8], profile: Option<Record>) {
        self.count += 1;
        self.body.raw(entity);
        self.profiles.extend(profile);
    }

    /// The block, if there is anything in it; it is empty afterwards.
    pub(crate) fn seal(&mut self, symbols: &Symbols) -> Option<Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        let mut block = Out::default();
        block.length(self.count);
        block.blob(self.body.bytes());
        let (_, profiles) = self.encoder.records(&self.profiles, symbols);
        block.blob(profiles);
        self.count = 0;
        self.body.clear();
        self.profiles.clear();
        Some(block.into_bytes())
    }
}

/// Reads a block of entities; `slots` are the numbers that each kind has.
pub(crate) fn get_block(payload: &[u8], symbols: &Symbols) -> Result<Vec<Kept>, EntryError> {
    let mut block = In::new(payload);
    let count = block.length()?;
    let mut body = In::new(block.bytes()?);
    let profiles = entry::decode(entry::RECORDS, block.bytes()?, symbols)?;
    block.finish()?;
    let Entry::Records(profiles) = profiles else { return Err(EntryError::Value("profile")) };
    let mut profiles = profiles.into_iter();
    let mut kept = Vec::with_capacity(count);
    for _ in 0..count {
        let (id, mut saved, phases, has_profile) = get_entity(&mut body)?;
        if has_profile {
            let Some(Record::Reference(profile)) = profiles.next() else {
                return Err(EntryError::Value("profile"));
            };
            let Reference::Customer(profile) = *profile else {
                return Err(EntryError::Value("profile"));
            };
            saved.profile = Some(Box::new(profile));
        }
        kept.push((id, saved, phases));
    }
    body.finish()?;
    Ok(kept)
}

/// Reads an entity that was written by [`put_one`].
pub(crate) fn get_one(bytes: &[u8]) -> Result<Kept, EntryError> {
    let mut body = In::new(bytes);
    let (id, saved, phases, _) = get_entity(&mut body)?;
    body.finish()?;
    Ok((id, saved, phases))
}

/// Reads a profile as the journal writes it, as a record; none from no bytes.
pub(crate) fn get_profile(bytes: &[u8], symbols: &Symbols) -> Result<Option<Record>, EntryError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match entry::decode(entry::RECORDS, bytes, symbols)? {
        Entry::Records(mut records) if records.len() == 1 => Ok(records.pop()),
        _ => Err(EntryError::Value("profile")),
    }
}

/// Writes one entity without its profile.
pub(crate) fn put_one(out: &mut Out, id: EntityId, live: &Live) {
    live.entity.saved(|parts| {
        let entity = parts.entity;
        let (bytes, base, customer) = entity.history.raw();
        out.byte(id.kind as u8);
        out.number(u64::from(id.id.number()));
        out.present([
            entity.profile().is_some(),
            entity.currency().is_some(),
            entity.rep.is_some(),
            entity.territory().is_some(),
            !entity.history.is_empty(),
            customer.is_some(),
            parts.served_at > Timestamp::MIN,
            // Since format 3.
            !parts.base.is_empty(),
        ]);
        out.time(entity.clock);
        if let Some(currency) = entity.currency() {
            currency.as_str().bytes().for_each(|letter| out.byte(letter));
        }
        for name in [entity.rep, entity.territory()].into_iter().flatten() {
            out.number(u64::from(name.number()));
        }
        if parts.served_at > Timestamp::MIN {
            out.time(parts.served_at);
        }
        if let Some(customer) = customer {
            out.number(u64::from(customer.number()));
        }
        if !entity.history.is_empty() {
            out.signed(base);
            out.length(entity.history.len());
            out.blob(bytes);
        }
        out.length(parts.slots.len());
        for slot in parts.slots {
            out.signed(*slot);
        }
        out.length(parts.owned.len());
        for (set, name) in parts.owned {
            out.number(u64::from(*set));
            out.number(name.map_or(0, |name| u64::from(name.number())));
        }
        if !parts.base.is_empty() {
            // Nothing of it refuses to be written.
            out.blob(&postcard::to_allocvec(parts.base).unwrap_or_default());
        }
        out.length(entity.past().all().len());
        for alert in entity.past().all() {
            put_past(out, &alert);
        }
    });
    out.length(live.phases().count());
    for (rule, phase) in live.phases() {
        out.number(u64::from(rule));
        put_phase(out, phase);
    }
}

type Read = (EntityId, Saved, Vec<(u16, Phase)>, bool);

fn get_entity(body: &mut In<'_>) -> Result<Read, EntryError> {
    let kind = match body.byte()? {
        0 => EntityKind::Customer,
        1 => EntityKind::Rep,
        2 => EntityKind::Product,
        _ => return Err(EntryError::Value("kind of entity")),
    };
    let id = get_name(body)?;
    let [profile, currency, rep, territory, history, customer, served, base] = body.present()?;
    let clock = body.time()?;
    let currency = if currency { Some(get_currency(body)?) } else { None };
    let rep = if rep { Some(get_name(body)?) } else { None };
    let territory = if territory { Some(get_name(body)?) } else { None };
    let served_at = if served { body.time()? } else { Timestamp::MIN };
    let customer = if customer { Some(get_name(body)?) } else { None };
    let history = if history {
        let base = body.signed()?;
        let count = body.small()?;
        SavedHistory { base, count, customer, bytes: body.bytes()?.to_vec() }
    } else {
        SavedHistory { customer, ..SavedHistory::default() }
    };
    let slots = (0..body.length()?).map(|_| body.signed()).collect::<Result<_, _>>()?;
    let owned = (0..body.length()?).map(|_| Ok((body.short()?, get_name_or_none(body)?)));
    let owned = owned.collect::<Result<_, EntryError>>()?;
    let base = if base { get_base(body.bytes()?)? } else { Vec::new() };
    let past = (0..body.length()?).map(|_| get_past(body)).collect::<Result<_, _>>()?;
    let phases = (0..body.length()?).map(|_| Ok((body.short()?, get_phase(body)?)));
    let phases = phases.collect::<Result<_, EntryError>>()?;
    let served = (rep, territory, served_at);
    let saved = Saved { clock, history, slots, owned, base, past, profile: None, currency, served };
    Ok((EntityId { kind, id }, saved, phases, profile))
}

fn get_base(bytes: &[u8]) -> Result<Vec<State>, EntryError> {
    postcard::from_bytes(bytes).map_err(|_| EntryError::Value("states of detectors"))
}

fn get_name(body: &mut In<'_>) -> Result<Symbol, EntryError> {
    get_name_or_none(body)?.ok_or(EntryError::Value("name"))
}

fn get_name_or_none(body: &mut In<'_>) -> Result<Option<Symbol>, EntryError> {
    Ok(Symbol::from_number(body.small()?))
}

fn get_currency(body: &mut In<'_>) -> Result<Currency, EntryError> {
    let letters = [body.byte()?, body.byte()?, body.byte()?];
    let text = str::from_utf8(&letters).map_err(|_| EntryError::Value("currency"))?;
    Currency::parse(text).map_err(|_| EntryError::Value("currency"))
}

fn put_past(out: &mut Out, alert: &PastAlert) {
    put_id(out, alert.id);
    out.number(u64::from(alert.rule.number()));
    out.number(u64::from(alert.family.number()));
    out.time(alert.opened);
    put_time(out, alert.closed);
    out.byte(alert.state as u8);
    out.byte(u8::from(alert.value.is_some()));
    if let Some(value) = alert.value {
        out.decimal(value);
    }
    out.number(alert.offer.map_or(0, |offer| u64::from(offer.number())));
}

fn get_past(body: &mut In<'_>) -> Result<PastAlert, EntryError> {
    Ok(PastAlert {
        id: get_id(body)?,
        rule: get_name(body)?,
        family: get_name(body)?,
        opened: body.time()?,
        closed: get_time(body)?,
        state: Standing::ALL
            .get(usize::from(body.byte()?))
            .map(|(state, _)| *state)
            .ok_or(EntryError::Value("standing"))?,
        value: if body.byte()? == 0 { None } else { Some(body.decimal()?) },
        offer: get_name_or_none(body)?,
    })
}

fn put_phase(out: &mut Out, phase: &Phase) {
    match phase {
        Phase::Pending { since } => {
            out.byte(0);
            out.time(*since);
        }
        Phase::Open(open) => {
            out.byte(1);
            put_id(out, open.id.bits());
            out.time(open.opened_at);
            put_time(out, open.expires_at);
            put_time(out, open.false_since);
            put_episodes(out, open.episode, open.before);
            put_state(out, &open.state);
        }
        Phase::Closed { id, opened_at, at, episode, before } => {
            out.byte(2);
            put_id(out, id.bits());
            out.time(*opened_at);
            out.time(*at);
            put_episodes(out, *episode, *before);
        }
    }
}

fn get_phase(body: &mut In<'_>) -> Result<Phase, EntryError> {
    Ok(match body.byte()? {
        0 => Phase::Pending { since: body.time()? },
        1 => {
            let (id, opened_at) = (AlertId::from_bits(get_id(body)?), body.time()?);
            let (expires_at, false_since) = (get_time(body)?, get_time(body)?);
            let (episode, before) = get_episodes(body)?;
            let state = get_state(body)?;
            Phase::Open(Box::new(Open {
                id,
                opened_at,
                expires_at,
                false_since,
                episode,
                before,
                state,
            }))
        }
        2 => {
            let id = AlertId::from_bits(get_id(body)?);
            let (opened_at, at) = (body.time()?, body.time()?);
            let (episode, before) = get_episodes(body)?;
            Phase::Closed { id, opened_at, at, episode, before }
        }
        _ => return Err(EntryError::Value("phase")),
    })
}

fn put_id(out: &mut Out, id: u128) {
    out.number(low_half(id));
    out.number(low_half(id >> 64));
}

fn get_id(body: &mut In<'_>) -> Result<u128, EntryError> {
    let (low, high) = (body.number()?, body.number()?);
    Ok(u128::from(low) | u128::from(high) << 64)
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low_half(bits: u128) -> u64 {
    bits as u64
}

fn put_time(out: &mut Out, at: Option<Timestamp>) {
    out.byte(u8::from(at.is_some()));
    if let Some(at) = at {
        out.time(at);
    }
}

fn get_time(body: &mut In<'_>) -> Result<Option<Timestamp>, EntryError> {
    Ok(if body.byte()? == 0 { None } else { Some(body.time()?) })
}

fn put_episodes(out: &mut Out, episode: u64, before: Option<u64>) {
    out.number(episode);
    out.byte(u8::from(before.is_some()));
    if let Some(before) = before {
        out.number(before);
    }
}

fn get_episodes(body: &mut In<'_>) -> Result<(u64, Option<u64>), EntryError> {
    let episode = body.number()?;
    Ok((episode, if body.byte()? == 0 { None } else { Some(body.number()?) }))
}

/// Where an open alert stands; a closed one has no state beside its phase.
fn put_state(out: &mut Out, state: &AlertState) {
    match state {
        AlertState::Pending | AlertState::Firing | AlertState::Closed { .. } => out.byte(0),
        AlertState::Acknowledged { by, at } => {
            out.byte(1);
            out.text(by);
            out.time(*at);
        }
        AlertState::Snoozed { by, until } => {
            out.byte(2);
            out.text(by);
            out.time(*until);
        }
        AlertState::Waiting { by, since } => {
            out.byte(3);
            out.text(by);
            out.time(*since);
        }
    }
}

fn get_state(body: &mut In<'_>) -> Result<AlertState, EntryError> {
    Ok(match body.byte()? {
        0 => AlertState::Firing,
        1 => AlertState::Acknowledged { by: body.text()?.to_owned(), at: body.time()? },
        2 => AlertState::Snoozed { by: body.text()?.to_owned(), until: body.time()? },
        3 => AlertState::Waiting { by: body.text()?.to_owned(), since: body.time()? },
        _ => return Err(EntryError::Value("state")),
    })
}
