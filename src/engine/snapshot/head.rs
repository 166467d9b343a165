//! Where the one order stood at the cut, and by which rules.

use std::sync::OnceLock;

use crate::engine::sequence::Standing;
use crate::engine::sequence::Tally;
use crate::engine::shard::budget::Budget;
use crate::engine::shard::budget::Clock;
use crate::engine::snapshot::Place;
use crate::engine::tally::Resting;
use crate::event::EntityKind;
use crate::journal::JournalId;
use crate::journal::Position;
use crate::journal::entry::EntryError;
use crate::journal::entry::SetupEntry;
use crate::journal::entry::get_positions;
use crate::journal::entry::put_positions;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::program::Running;
use crate::state::refill::Carried;
use crate::state::saved::HISTORY_FORM;
use crate::state::saved::Layout;
use crate::state::window::AggregateKind;
use crate::state::window::Unit;
use crate::time::Span;
use crate::time::Timestamp;

const KINDS: [EntityKind; 3] = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];

/// What a snapshot says before its entities.
#[derive(Debug, Clone)]
pub struct Head {
    /// Where it was cut.
    pub place: Place,
    /// Where the one order stood.
    pub standing: Standing,
    /// Whether models are learned. Before format 3 they are learned again from the journal.
    pub learns: bool,
    /// The files of the rules.
    pub files: Vec<(String, String)>,
    /// How far back histories were kept.
    pub history: Span,
    /// The rules' names in the order of the set, each with the slot of its deadline, if it has one.
    pub rules: Vec<(String, Option<u16>)>,
    /// How each kind of entity was laid out.
    pub layouts: [Layout; 3],
    /// What entities take over by the rules that run now; none for a kind that is laid out alike.
    carried: OnceLock<[Option<Carried>; 3]>,
}

/// How it stands with the rules of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleStates {
    /// Those that rest or are about to.
    pub states: Vec<RuleState>,
    /// Which of how many shards. Before format 5 that was not said.
    pub share: Option<(u32, u32)>,
    /// How far its events had come.
    pub(crate) clock: Clock,
    /// What each rule had saved, by its place in the set.
    pub(crate) budgets: Vec<Budget>,
}

impl RuleStates {
    /// Whether a shard goes on with it: each with its own, unless there are more of them now, or
    /// fewer.
    pub(crate) fn concerns(&self, shard: usize, shards: usize) -> bool {
        let is = |a: u32, b: usize| usize::try_from(a) == Ok(b);
        self.share.is_none_or(|(number, count)| is(number, shard) || !is(count, shards))
    }
}

/// A rule that rests, or failed when it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleState {
    /// Its place in the set.
    pub rule: u16,
    /// How often it took too many steps.
    pub exhausted: u8,
    /// Why it is not asked any more, if it is not.
    pub resting: Option<Resting>,
}

impl Head {
    /// Of a cut.
    pub fn new(place: Place, (standing, learns): (Standing, bool), set: &RuleSet) -> Self {
        let slot = |trigger: &Trigger| match trigger {
            Trigger::Silence { slot, .. } | Trigger::Every { slot, .. } => Some(*slot),
            Trigger::Events(_) => None,
        };
        let rules = set.rules.iter().map(|rule| (rule.name.to_string(), slot(&rule.trigger)));
        Self {
            place,
            standing,
            learns,
            files: set.files.to_vec(),
            history: set.history,
            rules: rules.collect(),
            layouts: KINDS.map(|kind| Layout::of(set.plan(kind), &set.program)),
            carried: OnceLock::new(),
        }
    }

    /// What an entity of this kind takes over by these rules, which are those of the snapshot as
    /// this program compiles them; none where its numbers mean what they meant.
    pub(crate) fn carried(&self, rules: &RuleSet, kind: EntityKind) -> Option<&Carried> {
        let all = self.carried.get_or_init(|| {
            KINDS.map(|kind| {
                let (layout, plan) = (&self.layouts[kind as usize], rules.plan(kind));
                let alike = layout.id == Layout::of(plan, &rules.program).id;
                (!alike).then(|| layout.carried(plan, &rules.program))
            })
        });
        all[kind as usize].as_ref()
    }

    /// Whether the entities lie as this program lays them out.
    pub fn is_alike(&self, rules: &RuleSet) -> bool {
        KINDS.iter().all(|kind| self.carried(rules, *kind).is_none())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.byte(HISTORY_FORM);
        let Place { journal, position, setup, read } = &self.place;
        out.blob(&journal.number().to_le_bytes());
        out.number(position.number());
        out.number(setup.secret);
        out.signed(setup.lateness.millis());
        out.signed(setup.history.millis());
        out.byte(u8::from(setup.begun));
        let Standing { newest, watermark, held, tally, recent } = &self.standing;
        out.time(*newest);
        out.time(*watermark);
        for count in [tally.events, tally.references, tally.duplicates, tally.unowned] {
            out.number(count);
        }
        let recent: Vec<u8> = recent.iter().flat_map(|known| known.to_le_bytes()).collect();
        out.blob(&recent);
        out.byte(u8::from(self.learns));
        out.length(self.files.len());
        for (name, text) in &self.files {
            out.text(name);
            out.text(text);
        }
        out.signed(self.history.millis());
        out.length(self.rules.len());
        for (name, slot) in &self.rules {
            out.text(name);
            out.number(slot.map_or(0, |slot| u64::from(slot) + 1));
        }
        for layout in &self.layouts {
            put_layout(&mut out, layout);
        }
        // Since format 2.
        put_positions(&mut out, read);
        out.byte(u8::from(*held));
        // Since format 3.
        for layout in &self.layouts {
            put_keys(&mut out, &layout.followed);
        }
        out.into_bytes()
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Self, EntryError> {
        let mut body = In::new(payload);
        if !(1..=HISTORY_FORM).contains(&body.byte()?) {
            return Err(EntryError::Value("form of histories"));
        }
        let journal = body.bytes()?.try_into().map_err(|_| EntryError::Value("journal"))?;
        let mut place = Place {
            journal: JournalId::new(u128::from_le_bytes(journal)),
            position: Position::new(body.number()?),
            setup: SetupEntry {
                secret: body.number()?,
                lateness: Span::from_millis(body.signed()?),
                history: Span::from_millis(body.signed()?),
                begun: body.byte()? != 0,
            },
            read: Vec::new(),
        };
        let (newest, watermark) = (body.time()?, body.time()?);
        let tally = Tally {
            events: body.number()?,
            references: body.number()?,
            duplicates: body.number()?,
            unowned: body.number()?,
            ..Tally::default()
        };
        let (recent, rest) = body.bytes()?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(EntryError::Value("list of the latest events"));
        }
        let recent = recent.iter().map(|known| u64::from_le_bytes(*known)).collect();
        let learns = body.byte()? != 0;
        let files = (0..body.length()?)
            .map(|_| Ok((body.text()?.to_owned(), body.text()?.to_owned())))
            .collect::<Result<_, EntryError>>()?;
        let history = Span::from_millis(body.signed()?);
        let rules = (0..body.length()?)
            .map(|_| {
                let name = body.text()?.to_owned();
                let slot = body.number()?.checked_sub(1);
                let slot = slot.map(u16::try_from).transpose();
                Ok((name, slot.map_err(|_| EntryError::Value("slot"))?))
            })
            .collect::<Result<_, EntryError>>()?;
        let mut layouts = [get_layout(&mut body)?, get_layout(&mut body)?, get_layout(&mut body)?];
        let mut held = false;
        // The head of format 1 ends here: no log was read.
        if !body.is_empty() {
            place.read = get_positions(&mut body)?;
            held = body.byte()? != 0;
        }
        // That of format 2 ends here: nothing was kept of forgotten histories.
        if !body.is_empty() {
            for layout in &mut layouts {
                layout.followed = get_keys(&mut body)?;
            }
        }
        body.finish()?;
        let standing = Standing { newest, watermark, held, tally, recent };
        let carried = OnceLock::new();
        Ok(Self { place, standing, learns, files, history, rules, layouts, carried })
    }
}

fn put_layout(out: &mut Out, layout: &Layout) {
    out.number(layout.id);
    out.length(layout.ever.len());
    for (key, running) in &layout.ever {
        out.number(*key);
        for number in [running.place, running.slot, running.flags] {
            out.number(u64::from(number));
        }
        out.byte(running.kind as u8);
        out.byte(running.unit as u8);
    }
    put_keys(out, &layout.sets);
}

fn put_keys(out: &mut Out, keys: &[u64]) {
    out.length(keys.len());
    for key in keys {
        out.number(*key);
    }
}

fn get_keys(body: &mut In<'_>) -> Result<Vec<u64>, EntryError> {
    (0..body.length()?).map(|_| body.number()).collect()
}

fn get_layout(body: &mut In<'_>) -> Result<Layout, EntryError> {
    let id = body.number()?;
    let ever = (0..body.length()?)
        .map(|_| {
            let key = body.number()?;
            let (place, slot, flags) = (body.short()?, body.short()?, body.short()?);
            let kind = match body.byte()? {
                0 => AggregateKind::Count,
                1 => AggregateKind::Sum,
                2 => AggregateKind::Min,
                3 => AggregateKind::Max,
                _ => return Err(EntryError::Value("running value")),
            };
            let unit = match body.byte()? {
                0 => Unit::Int,
                1 => Unit::Number,
                2 => Unit::Money,
                3 => Unit::Time,
                _ => return Err(EntryError::Value("unit")),
            };
            Ok((key, Running { place, slot, flags, kind, unit }))
        })
        .collect::<Result<_, EntryError>>()?;
    let sets = get_keys(body)?;
    Ok(Layout { id, ever, sets, followed: Vec::new() })
}

/// How it stands with the rules of a shard, as a block.
pub(crate) fn put_rules(rules: &RuleStates) -> Vec<u8> {
    let mut out = Out::default();
    out.length(rules.states.len());
    for RuleState { rule, exhausted, resting } in &rules.states {
        out.number(u64::from(*rule));
        out.byte(*exhausted);
        out.byte(match resting {
            None => 0,
            Some(Resting::Exhausted) => 1,
            Some(Resting::Broken) => 2,
        });
    }
    // Since format 5.
    if let Some((number, count)) = rules.share {
        out.number(number.into());
        out.number(count.into());
        put_instant(&mut out, rules.clock.before);
        put_instant(&mut out, rules.clock.now);
        out.length(rules.budgets.len());
        for Budget { saved, at } in &rules.budgets {
            out.number(*saved);
            put_instant(&mut out, *at);
        }
    }
    out.into_bytes()
}

/// Reads such a block.
pub(crate) fn get_rules(payload: &[u8]) -> Result<RuleStates, EntryError> {
    let mut body = In::new(payload);
    let states = (0..body.length()?)
        .map(|_| {
            let (rule, exhausted) = (body.short()?, body.byte()?);
            let resting = match body.byte()? {
                0 => None,
                1 => Some(Resting::Exhausted),
                2 => Some(Resting::Broken),
                _ => return Err(EntryError::Value("state of a rule")),
            };
            Ok(RuleState { rule, exhausted, resting })
        })
        .collect::<Result<_, EntryError>>()?;
    let mut rules = RuleStates { states, ..RuleStates::default() };
    // The block of format 4 ends here: nobody saved anything.
    if !body.is_empty() {
        let share = |number: u64| u32::try_from(number).map_err(|_| EntryError::Value("shard"));
        rules.share = Some((share(body.number()?)?, share(body.number()?)?));
        rules.clock = Clock { before: get_instant(&mut body)?, now: get_instant(&mut body)? };
        rules.budgets = (0..body.length()?)
            .map(|_| Ok(Budget { saved: body.number()?, at: get_instant(&mut body)? }))
            .collect::<Result<_, EntryError>>()?;
    }
    body.finish()?;
    Ok(rules)
}

fn put_instant(out: &mut Out, at: Option<Timestamp>) {
    out.byte(u8::from(at.is_some()));
    if let Some(at) = at {
        out.time(at);
    }
}

fn get_instant(body: &mut In<'_>) -> Result<Option<Timestamp>, EntryError> {
    Ok(if body.byte()? == 0 { None } else { Some(body.time()?) })
}
