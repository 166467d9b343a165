//! Why did a rule fire for this customer at that time, or why did it not?
//!
//! ```text
//! records ─► the one order ─► those of the asked entities ─► shard ─► every evaluation is seen
//!                                                                       │ the last one up to T
//!                                                                       ▼
//!             what the life cycle made of it ◄── moment: every sub-expression with its value
//! ```
//!
//! The history is replayed through the engine itself. What is explained is the very evaluation
//! that was made, at the moment at which it was made; where there was none, the rule is asked as
//! things stood, and the explanation says so. Any number of questions are answered in one replay.

pub mod behind;
pub mod moment;
pub mod suppose;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rapidhash::fast::RandomState;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::life_cycle;
use crate::alert::life_cycle::Observation;
use crate::alert::life_cycle::Phase;
use crate::alert::life_cycle::Step;
use crate::engine::Input;
use crate::engine::Output;
use crate::engine::explain::moment::Moment;
use crate::engine::explain::suppose::Supposition;
use crate::engine::look::Look;
use crate::engine::look::Observer;
use crate::engine::sequence::Sequencer;
use crate::engine::shard::Shard;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Record;
use crate::event::Symbols;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::program::FUEL;
use crate::state::program::Items;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::value::Fault;
use crate::time::Span;
use crate::time::Timestamp;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Name of the rule.
    pub rule: String,
    /// The id of the customer, rep or product.
    pub entity: String,
    /// The instant: the last evaluation up to it, by the entity's clock, is explained.
    pub at: Timestamp,
    /// Only an evaluation that this event set off, where several share an instant.
    pub event: Option<String>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The question.
    pub question: Question,
    /// Whose history the rule looks at.
    pub kind: EntityKind,
    /// Why there was an alert, or none.
    pub verdict: Verdict,
    /// The evaluation; none for an entity that is not known at all.
    pub moment: Option<Arc<Moment>>,
    /// What makes the rule look, and when that last happened.
    pub trigger: TriggerSeen,
    /// The rule's alerts for the entity up to the instant, oldest first.
    pub alerts: Vec<Told>,
    /// How many evaluations there were up to the instant.
    pub looks: u64,
    /// Events of the entity up to the instant.
    pub events: u64,
}

/// Why there was an alert, or none.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// This evaluation opened an alert.
    Fired,
    /// The condition holds, and the alert that tells so is open already.
    Open {
        /// Since when.
        since: Timestamp,
    },
    /// The condition holds, but not for as long as `for` asks.
    Pending {
        /// Since when it holds.
        since: Timestamp,
        /// Until when it has to.
        until: Timestamp,
    },
    /// The condition holds, but the rule is quiet after its last alert.
    Cooldown {
        /// When that closed.
        closed: Timestamp,
        /// Until when it is quiet.
        until: Timestamp,
    },
    /// The condition holds, but the episode has had its alert.
    Told,
    /// The condition is false.
    False,
    /// The condition has no value.
    NoValue(Fault),
    /// Nothing made the rule look.
    NeverLooked,
    /// There is no event of such an entity.
    Unknown,
}

/// What makes a rule look, and when that last happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TriggerSeen {
    /// The kinds of events that set it off, or arm it.
    pub kinds: Vec<&'static str>,
    /// The last such event: its id, its kind and its time.
    pub last: Option<(String, &'static str, Timestamp)>,
    /// The deadline for which a silence or a schedule is armed.
    pub armed: Option<Timestamp>,
}

/// An alert of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub id: AlertId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Its line in the inbox.
    pub summary: String,
    /// When it closed, and why.
    pub closed: Option<(Timestamp, &'static str)>,
}

/// Why a question makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No such rule.
    #[error("there is no rule `{name}`: {}", did_you_mean(.near.as_deref()))]
    Rule {
        /// The name.
        name: String,
        /// One that is written much the same.
        near: Option<String>,
    },
    /// A supposition that cannot be made.
    #[error(transparent)]
    Suppose(#[from] suppose::SupposeError),
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(
        || "`siaga rules check` names those there are".to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

/// A rule and an entity.
type Pair = (u16, EntityId);

/// Answers questions from one replay.
pub struct Explainer {
    rules: Arc<RuleSet>,
    symbols: Symbols,
    sequencer: Sequencer,
    shard: Shard,
    watched: HashMap<EntityId, Vec<usize>, RandomState>,
    asked: Vec<Asked>,
    seen: Arc<Mutex<Seen>>,
    outputs: Vec<Output>,
    alerts: HashMap<Pair, Vec<Opened>, RandomState>,
    /// Whose alert it is.
    open: HashMap<AlertId, Pair, RandomState>,
}

/// A question on its way.
struct Asked {
    question: Question,
    pair: Pair,
    /// How things stood when its instant had passed.
    stood: Option<Stood>,
}

#[derive(Default)]
struct Stood {
    trigger: TriggerSeen,
    events: u64,
    /// What the rule would have said; only where it never looked.
    moment: Option<Arc<Moment>>,
}

/// What the observer notes.
struct Seen {
    rules: Arc<RuleSet>,
    suppositions: Vec<Supposition>,
    by_pair: HashMap<Pair, Vec<Wanted>, RandomState>,
}

/// What is wanted of a pair, and the last evaluation that fits.
struct Wanted {
    place: usize,
    at: Timestamp,
    event: Option<String>,
    looks: u64,
    found: Option<(Arc<Moment>, Verdict)>,
}

struct Opened {
    told: Told,
    /// Where it is closed, counted by event time.
    last: Timestamp,
}

impl Explainer {
    /// Prepares the answers; `rules` were compiled with `symbols`. With `suppositions` each moment
    /// is evaluated a second time, as if they were so; they are of the one rule that is asked.
    ///
    /// A rule whose mode is off does not run: to explain it, pass it as [`awake`] makes it.
    pub fn start(
        rules: &Arc<RuleSet>,
        symbols: &Symbols,
        questions: &[Question],
        suppositions: Vec<Supposition>,
        lateness: Span,
    ) -> Result<Self, QuestionError> {
        let mut asked = Vec::with_capacity(questions.len());
        let mut watched: HashMap<EntityId, Vec<usize>, RandomState> = HashMap::default();
        let mut by_pair: HashMap<Pair, Vec<Wanted>, RandomState> = HashMap::default();
        for (place, question) in questions.iter().enumerate() {
            let rule = rule_place(rules, &question.rule)?;
            let kind = rules.rules[usize::from(rule)].entity;
            let entity = EntityId { kind, id: symbols.intern(&question.entity) };
            let Question { at, event, .. } = question.clone();
            watched.entry(entity).or_default().push(place);
            let wanted = Wanted { place, at, event, looks: 0, found: None };
            by_pair.entry((rule, entity)).or_default().push(wanted);
            asked.push(Asked { question: question.clone(), pair: (rule, entity), stood: None });
        }
        let seen = Seen { rules: Arc::clone(rules), suppositions, by_pair };
        let seen = Arc::new(Mutex::new(seen));
        let notes = Arc::clone(&seen);
        let observer: Arc<Observer> =
            Arc::new(move |look: &Look<'_>, scope: &Scope<'_>| notes.lock().note(look, scope));
        Ok(Self {
            rules: Arc::clone(rules),
            symbols: symbols.clone(),
            sequencer: Sequencer::new(rules, symbols, 1, lateness),
            shard: Shard::new(Arc::clone(rules), symbols.clone()).observed(observer),
            watched,
            asked,
            seen,
            outputs: Vec::new(),
            alerts: HashMap::default(),
            open: HashMap::default(),
        })
    }

    /// Takes a record in; those of other entities cost next to nothing.
    pub fn take(&mut self, record: Record) {
        let Self { sequencer, shard, watched, asked, outputs, rules, symbols, seen, .. } = self;
        let mut send = |_: usize, mut input: Input| match &input {
            Input::Event { entity, event, .. } => {
                let Some(places) = watched.get(entity) else { return };
                for &place in places {
                    let asked = &mut asked[place];
                    if asked.stood.is_none() && asked.question.at < event.time {
                        let seen = seen.lock();
                        asked.stood = Some(stood(shard, (rules, symbols), asked.pair, &seen));
                    }
                }
                shard.step(&mut input, outputs);
            }
            // Of customers that nobody asked for, no reference data are kept either.
            Input::Reference(reference) => {
                if let crate::event::Reference::Customer(customer) = &**reference {
                    let id = EntityId { kind: EntityKind::Customer, id: customer.id };
                    if !watched.contains_key(&id) {
                        return;
                    }
                }
                shard.step(&mut input, outputs);
            }
            _ => {
                shard.step(&mut input, outputs);
            }
        };
        sequencer.take(record, (None, None), &mut send);
        self.collect();
    }

    /// Lets time pass to the last instant that is asked for, and answers.
    pub fn finish(mut self) -> Vec<Explanation> {
        if let Some(last) = self.asked.iter().map(|asked| asked.question.at).max() {
            let watermark = self.sequencer.watermark().max(last);
            self.shard.step(&mut Input::Watermark(watermark), &mut self.outputs);
            self.collect();
        }
        let mut seen = self.seen.lock();
        let mut answers = Vec::with_capacity(self.asked.len());
        for (place, asked) in self.asked.iter_mut().enumerate() {
            let stood = asked.stood.take().unwrap_or_else(|| {
                stood(&self.shard, (&self.rules, &self.symbols), asked.pair, &seen)
            });
            let wanted = seen.by_pair.get_mut(&asked.pair);
            let wanted = wanted.and_then(|all| all.iter_mut().find(|w| w.place == place));
            let (looks, found) = match wanted {
                Some(wanted) => (wanted.looks, wanted.found.take()),
                None => (0, None),
            };
            let (moment, verdict) = match found {
                Some((moment, verdict)) => (Some(moment), verdict),
                None if stood.events == 0 => (stood.moment, Verdict::Unknown),
                None => (stood.moment, Verdict::NeverLooked),
            };
            let at = asked.question.at;
            let alerts = self.alerts.get(&asked.pair).into_iter().flatten();
            let alerts = alerts.filter(|opened| opened.told.opened_at <= at);
            let alerts = alerts.map(|opened| Told {
                closed: opened.told.closed.filter(|_| opened.last <= at),
                ..opened.told.clone()
            });
            answers.push(Explanation {
                question: asked.question.clone(),
                kind: asked.pair.1.kind,
                verdict,
                moment,
                trigger: stood.trigger,
                alerts: alerts.collect(),
                looks,
                events: stood.events,
            });
        }
        answers
    }

    /// Notes the alerts of the pairs that are asked for.
    fn collect(&mut self) {
        for output in self.outputs.drain(..) {
            match output {
                Output::Opened { alert, .. } => {
                    let Some(rule) = self.rules.place(&alert.rule) else { continue };
                    let id = self.symbols.intern(&alert.entity_id);
                    let pair = (rule, EntityId { kind: alert.entity_kind, id });
                    let opened = Opened { told: told(&alert), last: alert.opened_at };
                    self.open.insert(alert.id, pair);
                    self.alerts.entry(pair).or_default().push(opened);
                }
                Output::Changed { id, state: AlertState::Closed { at, reason }, .. } => {
                    let Some(pair) = self.open.remove(&id) else { continue };
                    let all = self.alerts.get_mut(&pair).into_iter().flatten();
                    if let Some(open) = all.rev().find(|opened| opened.told.id == id) {
                        open.told.closed = Some((at, closing(&reason)));
                        open.last = at;
                    }
                }
                Output::Changed { .. } | Output::Acted { .. } | Output::Duty(_) => {}
            }
        }
    }
}

fn told(alert: &Alert) -> Told {
    // A message that is over as soon as it is told closes without a word.
    let over = alert.expires_at == Some(alert.opened_at);
    Told {
        id: alert.id,
        opened_at: alert.opened_at,
        summary: alert.summary.clone(),
        closed: over.then_some((alert.opened_at, "expired")),
    }
}

fn closing(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Resolved => "resolved",
        CloseReason::Expired => "expired",
        CloseReason::Withdrawn => "withdrawn",
        CloseReason::Won => "won",
        CloseReason::Lost => "lost",
        CloseReason::Dismissed(_) => "dismissed",
    }
}

/// The place of a rule, or what its name was meant to be.
pub fn rule_place(rules: &RuleSet, name: &str) -> Result<u16, QuestionError> {
    rules.place(name).ok_or_else(|| QuestionError::Rule {
        name: name.to_owned(),
        near: crate::rule::diagnostic::suggest(name, rules.rules.iter().map(|rule| &*rule.name))
            .map(ToString::to_string),
    })
}

/// The same rules, with this one running even if its mode is off.
#[must_use]
pub fn awake(mut rules: RuleSet, place: u16) -> RuleSet {
    if let Some(rule) = rules.rules.get_mut(usize::from(place)) {
        rule.mode = crate::rule::file::Mode::Live;
    }
    RuleSet::new(rules.rules, rules.program, rules.plans)
}

impl Seen {
    fn note(&mut self, look: &Look<'_>, scope: &Scope<'_>) {
        let Self { rules, suppositions, by_pair } = self;
        let Some(wanted) = by_pair.get_mut(&(look.rule, look.entity)) else { return };
        let rule = &rules.rules[usize::from(look.rule)];
        let mut moment = None;
        for wanted in wanted.iter_mut().filter(|wanted| scope.now <= wanted.at) {
            wanted.looks += 1;
            let event = scope.event.map(|event| event.id.as_str());
            if wanted.event.is_some() && wanted.event.as_deref() != event {
                continue;
            }
            let found = moment.get_or_insert_with(|| {
                let moment = Moment::new(rule, suppositions, (look.deadline, look.phase), scope);
                let verdict = verdict(rule, look, &moment);
                (Arc::new(moment), verdict)
            });
            wanted.found = Some(found.clone());
        }
    }
}

/// What the life cycle makes of an evaluation, in words.
fn verdict(rule: &Rule, look: &Look<'_>, moment: &Moment) -> Verdict {
    let holds = match (look.holds, look.deadline, look.phase) {
        (Ok(holds), ..) => holds,
        // Without an event a condition over one cannot be asked again: what was pending has held.
        (Err(_), Some(_), Some(Phase::Pending { .. })) => true,
        (Err(fault), ..) => return Verdict::NoValue(fault),
    };
    if !holds {
        return Verdict::False;
    }
    standing(rule, look.phase, moment.observation(holds))
}

/// Whether a condition that holds opens an alert, and what else keeps it from that.
pub fn standing(rule: &Rule, before: Option<&Phase>, seen: Observation) -> Verdict {
    let timing = rule.timing;
    let mut phase = before.cloned();
    match life_cycle::observe(&mut phase, timing, seen) {
        Step::Open | Step::Renew(..) => return Verdict::Fired,
        Step::Nothing | Step::Close(..) => {}
    }
    match phase {
        Some(Phase::Pending { since }) => Verdict::Pending { since, until: since + timing.hold },
        Some(Phase::Open(open)) => Verdict::Open { since: open.opened_at },
        Some(Phase::Closed { at, .. }) => {
            let moment = timing.expires == Some(Span::ZERO);
            let until = at + timing.cooldown;
            if (if moment { seen.at } else { seen.now }) < until {
                Verdict::Cooldown { closed: at, until }
            } else {
                Verdict::Told
            }
        }
        None => Verdict::False,
    }
}

/// How things stand for a rule and an entity at this point of the replay.
fn stood(
    shard: &Shard,
    (rules, symbols): (&RuleSet, &Symbols),
    (place, id): Pair,
    seen: &Seen,
) -> Stood {
    let rule = &rules.rules[usize::from(place)];
    let kinds = match rule.trigger {
        Trigger::Events(kinds) | Trigger::Silence { kinds, .. } => Some(kinds),
        Trigger::Every { .. } => None,
    };
    let names = crate::event::Kind::ALL.iter();
    let names = names.filter(|(kind, _)| kinds.is_some_and(|kinds| kinds.holds(*kind)));
    let kind_names = names.map(|(_, name)| *name).collect();
    let entities = shard.entities();
    let Some(live) = entities.map.get(&id) else {
        let trigger = TriggerSeen { kinds: kind_names, last: None, armed: None };
        return Stood { trigger, ..Stood::default() };
    };
    let history = &live.entity.history;
    let mut newest = history.back_from(history.end());
    let last = newest.find(|entry| kinds.is_some_and(|kinds| kinds.holds(entry.kind())));
    let last = last.map(|entry| (entry.id_text().to_string(), entry.kind().name(), entry.time()));
    let armed = live.armed(rules, place);
    let events = history.from(0).count() as u64;
    let looked = seen.by_pair.get(&(place, id)).into_iter().flatten().any(|w| w.found.is_some());
    let moment = (!looked && events > 0).then(|| {
        let scope = Scope {
            program: &rules.program,
            plan: rules.plan(id.kind),
            entity: Some(&live.entity),
            id: Some(id.id),
            event: None,
            now: live.entity.clock,
            catalog: shard.catalog(),
            symbols,
            walked: None,
            texts: &mut Texts::default(),
            lets: &mut [],
            let_nodes: &rule.part_nodes,
            fuel: FUEL,
            items: &mut Items::default(),
        };
        Arc::new(Moment::new(rule, &seen.suppositions, (None, live.phase(place)), &scope))
    });
    let trigger = TriggerSeen { kinds: kind_names, last, armed };
    Stood { trigger, events, moment }
}
