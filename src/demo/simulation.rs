//! What happens next? A simulation of discrete events: the earliest plan is carried out, which
//! gives one line and makes new plans.
//!
//! ```text
//!           ┌──────── plans, by time ◄──────────────────────────────┐
//!           ▼                                                       │
//! earliest plan ─┬─ order       ─► line  + next order, its call or quote, maybe a return
//!                ├─ contact     ─► line  + next contact, the end of a call, a quote's outcome
//!                ├─ mailing     ─► line  + next mailing, maybe a response
//!                └─ all others  ─► line
//! ```
//!
//! Memory is a few plans per customer, however long the stream. Each customer draws from its own
//! stream of chance, so customers do not disturb each other.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::demo::Settings;
use crate::demo::calendar::WorkSpan;
use crate::demo::calendar::WorkTime;
use crate::demo::conduct;
use crate::demo::conduct::Exchange;
use crate::demo::episode::EpisodeKind;
use crate::demo::line;
use crate::demo::line::Goods;
use crate::demo::line::Interaction;
use crate::demo::line::Scene;
use crate::demo::random::Random;
use crate::demo::random::Stream;
use crate::demo::world::Customer;
use crate::demo::world::Rep;
use crate::demo::world::World;
use crate::time::Timestamp;

/// The running world.
#[derive(Debug)]
pub(super) struct Simulation {
    world: World,
    /// Each customer's own chance, by its place.
    chances: Vec<Random>,
    plans: BinaryHeap<Reverse<Planned>>,
    /// First instant after the stream.
    end: WorkTime,
    planned: u64,
    events: u64,
    orders: u64,
}

/// A plan of a customer, and when it is due.
#[derive(Debug)]
struct Planned {
    at: WorkTime,
    /// Plans for the same second are carried out as they were made.
    number: u64,
    customer: usize,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    /// The next order by the customer's rhythm.
    Order { channel: &'static str, first: bool },
    /// Customer and rep get in touch, about whatever comes up.
    Contact,
    /// A campaign's message goes out.
    Mailing { campaign: u32 },
    /// Goods come back.
    Return(Box<Goods>),
    /// Something that is settled already.
    Said(Box<Interaction>),
}

/// Days between two mailings.
const MAILING_DAYS: f64 = 56.0;

impl Simulation {
    pub(super) fn new(settings: &Settings) -> Self {
        let world = World::new(settings);
        let chances = (0..world.customers.len())
            .map(|index| Random::new(settings.seed, Stream::Conduct, index))
            .collect();
        let mut simulation = Self {
            world,
            chances,
            plans: BinaryHeap::new(),
            end: WorkTime::at(settings.end()),
            planned: 0,
            events: 0,
            orders: 0,
        };
        for customer in 0..simulation.world.customers.len() {
            simulation.begin(customer, WorkTime::at(settings.start));
        }
        simulation
    }

    /// The first plans of a customer, and those that its episodes bring.
    fn begin(&mut self, index: usize, start: WorkTime) {
        let (customer, random) = (&self.world.customers[index], &mut self.chances[index]);
        let mut plans = Vec::new();
        let first = start + WorkSpan::days(random.between(0.0, customer.gap_days));
        plans.push((first, Plan::Order { channel: "rep", first: true }));
        let contact = start + WorkSpan::days(conduct::days_to_contact(random));
        plans.push((contact, Plan::Contact));
        if customer.consent_marketing {
            let mailing = start + WorkSpan::days(random.between(20.0, 25.0));
            plans.push((mailing, Plan::Mailing { campaign: 1 }));
        }
        for episode in &customer.episodes {
            match (episode.kind, episode.category) {
                (EpisodeKind::ComplementMissing, Some(category)) => {
                    plans.extend(said(episode.from, conduct::call_about(category, random)));
                }
                // Every second silence announces itself.
                (EpisodeKind::Silence, _) if random.chance(0.5) => {
                    let before = WorkSpan::days(random.between(2.0, 9.0)).back();
                    let complaint = conduct::complaint(customer, -80, random);
                    plans.push((episode.from + before, Plan::Said(Box::new(complaint))));
                }
                _ => {}
            }
        }
        self.plan(index, plans);
    }

    fn plan(&mut self, customer: usize, plans: Vec<(WorkTime, Plan)>) {
        for (at, plan) in plans.into_iter().filter(|(at, _)| *at < self.end) {
            self.planned += 1;
            self.plans.push(Reverse(Planned { at, number: self.planned, customer, plan }));
        }
    }

    /// Carries out one plan; some give no line, but only further plans.
    fn carry_out(&mut self, planned: Planned) -> Option<(Timestamp, String)> {
        let Planned { at, customer: index, plan, .. } = planned;
        let random = &mut self.chances[index];
        let customer = &self.world.customers[index];
        let rep = &self.world.reps[customer.rep];
        let scene = Scene { event: self.events + 1, at: at.instant(), customer, rep };
        let mut plans = Vec::new();
        let line = match plan {
            Plan::Order { channel, first } => {
                self.orders += 1;
                let catalogue = &self.world.catalogue;
                let lines = conduct::order_lines(customer, catalogue, at, first, random);
                let order = Goods { word: "order", order: self.orders, channel, lines };
                if let Some(back) = conduct::returned(&order, random) {
                    let after = WorkSpan::days(random.between(2.0, 12.0));
                    plans.push((at + after, Plan::Return(Box::new(back))));
                }
                plans.extend(next_order(customer, rep, at, self.planned, random));
                Some(line::goods(scene, &order, catalogue))
            }
            Plan::Contact => {
                plans.extend(said(at, conduct::contact(customer, at, self.planned, random)));
                let next = at + WorkSpan::days(conduct::days_to_contact(random));
                plans.push((next, Plan::Contact));
                None
            }
            Plan::Mailing { campaign } => {
                if let Some((after, response)) = conduct::response(campaign, random) {
                    plans.push((at + after, Plan::Said(Box::new(response))));
                }
                let next = at + WorkSpan::days(MAILING_DAYS);
                plans.push((next, Plan::Mailing { campaign: campaign + 1 }));
                Some(line::interaction(scene, &conduct::mailing(campaign)))
            }
            Plan::Return(back) => Some(line::goods(scene, &back, &self.world.catalogue)),
            Plan::Said(interaction) => Some(line::interaction(scene, &interaction)),
        };
        self.events += u64::from(line.is_some());
        self.plan(index, plans);
        line.map(|line| (at.instant(), line))
    }
}

impl Iterator for Simulation {
    type Item = (Timestamp, String);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Reverse(planned) = self.plans.pop()?;
            if let Some(line) = self.carry_out(planned) {
                return Some(line);
            }
        }
    }
}

/// The customer's next order, and the call or the quote that it begins with.
fn next_order(
    customer: &Customer,
    rep: &Rep,
    at: WorkTime,
    quote: u64,
    random: &mut Random,
) -> Vec<(WorkTime, Plan)> {
    let next = conduct::next_order(customer, rep, at, random);
    let order = |channel| (next, Plan::Order { channel, first: false });
    let (before, exchange) = match random.weighted([0.2, 0.15, 0.35, 0.3].into_iter()) {
        0 => {
            let before = WorkSpan::minutes(random.whole(20, 60));
            (before, conduct::ordinary_call(customer, next, random))
        }
        1 => {
            let before = WorkSpan::days(random.between(1.0, 4.0));
            (before, conduct::won_quote(customer, before, quote, random))
        }
        2 => return vec![order("web")],
        _ => return vec![order("rep")],
    };
    let begun = next + before.back();
    let mut plans = vec![order("phone")];
    // An order that follows at once leaves no time to talk.
    if at < begun {
        plans.extend(said(begun, exchange));
    }
    plans
}

/// An exchange that begins at this time, as plans.
fn said(at: WorkTime, exchange: Exchange) -> impl Iterator<Item = (WorkTime, Plan)> {
    exchange.into_iter().map(move |(after, said)| (at + after, Plan::Said(Box::new(said))))
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
