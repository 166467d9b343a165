//! The one order: repeats are dropped, event time is followed, and each record is sent to the
//! shards that it concerns.
//!
//! ```text
//! record ─► seen already? ─► watermark = newest time − lateness ─► customer's shard   those that are
//!                │                                             ├─► rep's shard       this process's;
//!                ▼                                             └─► products' shards  where rules
//!             counted                                                                look at them
//! ```

pub mod own;
mod recent;

use std::sync::Arc;
use std::time::Instant;

use rapidhash::v3::RapidSecrets;
use smallvec::SmallVec;

use crate::alert::Action;
use crate::alert::AlertId;
use crate::engine::ActionInput;
use crate::engine::Input;
use crate::engine::entities::NEAR;
use crate::engine::learning::Learning;
use crate::engine::sequence::own::Own;
use crate::engine::sequence::recent::Fingerprint;
use crate::engine::sequence::recent::Recent;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::model::report::Version;
use crate::rule::set::RuleSet;
use crate::state::models::Models;
use crate::time::Span;
use crate::time::Timestamp;

/// The state of the one order.
pub struct Sequencer {
    symbols: Symbols,
    lateness: Span,
    shards: usize,
    reps: bool,
    products: bool,
    /// The entities of this process, where others have the rest.
    own: Option<Own>,
    recent: Recent,
    newest: Timestamp,
    watermark: Timestamp,
    /// Whether the watermark stands still.
    held: bool,
    /// What is learned meanwhile, once rules ask for it.
    learning: Option<Learning>,
    /// What was done so far.
    pub tally: Tally,
}

/// What the sequencer did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events taken in.
    pub events: u64,
    /// The same by kind, in the order of [`Kind::ALL`].
    pub kinds: [u64; Kind::ALL.len()],
    /// Records of reference data taken in.
    pub references: u64,
    /// Repeats dropped.
    pub duplicates: u64,
    /// Events of nobody: no customer, and no rule looks at their rep or products.
    pub unowned: u64,
    /// Versions of the models that took effect.
    pub refits: u64,
}

/// What a sequencer has to know to go on where another one stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The newest event time seen, or the latest tick.
    pub newest: Timestamp,
    /// How far event time had come.
    pub watermark: Timestamp,
    /// Whether it stood still.
    pub held: bool,
    /// What was done.
    pub tally: Tally,
    /// Fingerprints of the latest events, the oldest first.
    pub recent: Vec<u64>,
}

impl Sequencer {
    /// One for so many shards; timers wait until event time has passed them by `lateness`, and at
    /// the least until the instant is over: another event of the same millisecond may follow.
    pub fn new(rules: &RuleSet, symbols: &Symbols, shards: usize, lateness: Span) -> Self {
        Self {
            symbols: symbols.clone(),
            lateness: lateness.max(Span::from_millis(1)),
            shards: shards.max(1),
            reps: rules.looks_at(EntityKind::Rep),
            products: rules.looks_at(EntityKind::Product),
            own: None,
            recent: Recent::new(RapidSecrets::random()),
            newest: Timestamp::MIN,
            watermark: Timestamp::MIN,
            held: false,
            learning: rules.learns().then(|| Learning::new(Arc::default())),
            tally: Tally::default(),
        }
    }

    /// Sets it up as its journal says; before the first event, or where only the lateness changes.
    pub fn set_up(&mut self, secret: u64, lateness: Span) {
        self.lateness = lateness.max(Span::from_millis(1));
        let secrets = RapidSecrets::seed(secret);
        if self.recent.secrets != secrets {
            self.recent = Recent::new(secrets);
        }
    }

    /// Other processes have the other entities: their events are learned from, and go no further.
    /// Before the first event.
    pub fn keep_own(&mut self, own: Own) {
        self.own = Some(own);
    }

    fn is_own(&mut self, id: Symbol) -> bool {
        self.own.as_mut().is_none_or(|own| own.has(id, &self.symbols))
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            newest: self.newest,
            watermark: self.watermark,
            held: self.held,
            tally: self.tally,
            recent: self.recent.fingerprints(),
        }
    }

    /// Goes on where another one stood that was set up alike.
    pub fn resume(&mut self, standing: &Standing) {
        self.newest = standing.newest;
        self.watermark = standing.watermark;
        self.held = standing.held;
        self.tally = standing.tally;
        self.recent.remember(&standing.recent);
    }

    /// Other rules from here on, sent to every shard. Reps and products see events from here on
    /// if a rule looks at them.
    pub fn adopt(&mut self, rules: &Arc<RuleSet>, send: &mut impl FnMut(usize, Input)) {
        self.reps = rules.looks_at(EntityKind::Rep);
        self.products = rules.looks_at(EntityKind::Product);
        if self.learning.is_none() && rules.learns() {
            self.learning = Some(Learning::new(Arc::default()));
        }
        let watermark = self.watermark;
        for shard in 0..self.shards {
            send(shard, Input::Rules { rules: Arc::clone(rules), watermark });
        }
    }

    /// Starts from what was learned elsewhere, and goes on learning from there if rules ask for it.
    pub fn learned(&mut self, models: &Arc<Models>, send: &mut impl FnMut(usize, Input)) {
        self.learning = Some(Learning::new(Arc::clone(models)));
        self.tell(models, send);
    }

    /// Learns from records that no rule gets to see; what was learned by them takes effect at once.
    pub fn teach(&mut self, records: &[Record], send: &mut impl FnMut(usize, Input)) {
        let Some(learning) = self.learning.as_mut().filter(|_| !records.is_empty()) else { return };
        for record in records {
            match record {
                Record::Event(event) => learning.learner.event(event),
                Record::Reference(reference) => learning.learner.reference(reference),
                Record::Feedback(_) => {}
            }
        }
        let models = learning.conclude();
        self.tell(&models, send);
    }

    fn tell(&self, models: &Arc<Models>, send: &mut impl FnMut(usize, Input)) {
        let watermark = self.watermark;
        for shard in 0..self.shards {
            send(shard, Input::Models { models: Arc::clone(models), watermark });
        }
    }

    /// Tells every shard once more what holds, if anything was learned.
    pub fn tell_again(&self, send: &mut impl FnMut(usize, Input)) {
        if let Some(models) = self.models() {
            self.tell(models, send);
        }
    }

    /// What was learned, in the version that holds; none where no rule asks for any.
    pub fn models(&self) -> Option<&Arc<Models>> {
        self.learning.as_ref().map(Learning::models)
    }

    /// All that is being learned, as of here.
    pub fn learning(&self) -> Option<&Learning> {
        self.learning.as_ref()
    }

    /// Goes on learning where another one stood.
    pub fn learn_on(&mut self, learning: Learning) {
        self.learning = Some(learning);
    }

    /// The versions of it so far, the newest last.
    pub fn versions(&self) -> &[Version] {
        self.learning.as_ref().map_or(&[], Learning::versions)
    }

    /// Takes in what a sales person did with an alert of a rule.
    pub fn act(&mut self, rule: &str, alert: AlertId, action: &Action) {
        if let Some(learning) = &mut self.learning {
            learning.learner.action(rule, alert, action);
        }
    }

    /// How far event time has come.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The newest event time seen, or the latest tick.
    pub fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Brings what the next records need near the processor. Gives what each of them is known by,
    /// as far as that is to be seen by now.
    pub(crate) fn touch(&self, records: &[Record]) -> SmallVec<[Option<Fingerprint>; NEAR]> {
        let known = |record: &Record| match record {
            Record::Event(event) => self.recent.touch(event),
            Record::Reference(_) | Record::Feedback(_) => None,
        };
        records.iter().map(known).collect()
    }

    /// Sends a record on its way; tells whether it was new. What it is known by is worked out where
    /// [`Sequencer::touch`] has not told.
    pub fn take(
        &mut self,
        record: Record,
        (known, arrived): (Option<Fingerprint>, Option<Instant>),
        send: &mut impl FnMut(usize, Input),
    ) -> bool {
        match record {
            Record::Reference(reference) => {
                self.reference(reference, send);
                true
            }
            Record::Event(event) => self.event(event, (known, arrived), send),
            Record::Feedback(feedback) => {
                self.heed((*feedback).into(), send);
                true
            }
        }
    }

    /// Takes in what came of an alert, from a log that has it for all processes.
    fn heed(&mut self, did: ActionInput, send: &mut impl FnMut(usize, Input)) {
        self.act(&did.rule, did.alert, &did.action);
        if self.is_own(did.entity.id) {
            send(self.shard_of(did.entity.id), Input::Feedback(did));
        }
    }

    fn reference(&mut self, reference: Box<Reference>, send: &mut impl FnMut(usize, Input)) {
        self.tally.references += 1;
        if let Some(learning) = &mut self.learning {
            learning.learner.reference(&reference);
        }
        let reference: Arc<Reference> = Arc::from(reference);
        if let Reference::Customer(customer) = &*reference {
            if self.is_own(customer.id) {
                send(self.shard_of(customer.id), Input::Reference(reference));
            }
            return;
        }
        for shard in 0..self.shards {
            send(shard, Input::Reference(Arc::clone(&reference)));
        }
    }

    fn event(
        &mut self,
        event: Box<Event>,
        (known, arrived): (Option<Fingerprint>, Option<Instant>),
        send: &mut impl FnMut(usize, Input),
    ) -> bool {
        if self.recent.seen(&event, known, &self.symbols) {
            self.tally.duplicates += 1;
            return false;
        }
        self.tally.events += 1;
        self.tally.kinds[event.kind as usize] += 1;
        self.learn(&event, send);
        let watermark = self.watermark;
        self.newest = self.newest.max(event.time);
        self.follow();
        let mut sent = false;
        if let (true, Some(rep)) = (self.reps, event.rep) {
            if self.is_own(rep) {
                let entity = EntityId { kind: EntityKind::Rep, id: rep };
                let event = event.clone();
                send(self.shard_of(rep), Input::Event { entity, event, watermark, arrived });
            }
            sent = true;
        }
        if self.products {
            sent |= self.tell_products(&event, (watermark, arrived), send);
        }
        match event.customer {
            Some(id) if self.is_own(id) => {
                let entity = EntityId { kind: EntityKind::Customer, id };
                send(self.shard_of(id), Input::Event { entity, event, watermark, arrived });
            }
            None if !sent => self.tally.unowned += 1,
            _ => {}
        }
        true
    }

    /// Counts the event, after what is learned by its time has taken effect.
    fn learn(&mut self, event: &Event, send: &mut impl FnMut(usize, Input)) {
        let Some(learning) = &mut self.learning else { return };
        let adopted = learning.reach(self.newest.max(event.time));
        learning.learner.event(event);
        if let Some(models) = adopted {
            self.tally.refits += 1;
            self.tell(&models, send);
        }
    }

    /// Each product sees the event with its own lines only.
    fn tell_products(
        &mut self,
        event: &Event,
        (watermark, arrived): (Timestamp, Option<Instant>),
        send: &mut impl FnMut(usize, Input),
    ) -> bool {
        let mut products: SmallVec<[Symbol; 8]> =
            event.lines.iter().filter_map(|line| line.product).collect();
        products.extend(event.detail.as_deref().and_then(|detail| detail.product));
        products.sort_unstable();
        products.dedup();
        for &id in &products {
            if !self.is_own(id) {
                continue;
            }
            let mut own = event.clone();
            own.lines.retain(|line| line.product == Some(id));
            let entity = EntityId { kind: EntityKind::Product, id };
            let event = Box::new(own);
            send(self.shard_of(id), Input::Event { entity, event, watermark, arrived });
        }
        !products.is_empty()
    }

    /// A tick of the clock: event time has come so far even if nothing happened.
    pub fn tick(&mut self, now: Timestamp) {
        if !self.held {
            self.newest = self.newest.max(now);
            self.follow();
        }
    }

    /// Lets the watermark stand still while a source is away, and follow again when it is back:
    /// what nobody could hear of is no silence.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
        self.follow();
    }

    /// Whether event time stands still.
    pub fn is_held(&self) -> bool {
        self.held
    }

    fn follow(&mut self) {
        if !self.held {
            self.watermark = self.watermark.max(self.newest - self.lateness);
        }
    }

    /// The shard of an entity.
    pub fn shard_of(&self, id: Symbol) -> usize {
        // Symbols are numbered in the order of first sight: neighbours go to different shards.
        id.number() as usize % self.shards
    }
}
