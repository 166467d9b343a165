//! A small shop that the learner watches: what it counts, and what is made of it.

use super::*;
use crate::alert::AlertId;
use crate::event::Detail;
use crate::event::Symbols;
use crate::event::reference::Customer;
use crate::event::reference::Rep;
use crate::model::fitting;
use crate::state::models::Models;
use crate::state::models::affinity::Meeting;

fn day(number: u32) -> Timestamp {
    Timestamp::saturating(i64::from(number) * Span::DAY.millis())
}

fn event(symbols: &Symbols, kind: Kind, customer: u32, at: Timestamp) -> Event {
    Event {
        id: "e".into(),
        source: symbols.intern("test"),
        kind,
        time: at,
        customer: Some(symbols.intern(&format!("c{customer}"))),
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: SmallVec::new(),
        detail: None,
    }
}

/// An order of one of each category; each costs 10 and brings in 4.
fn order(symbols: &Symbols, customer: u32, at: Timestamp, categories: &[&str]) -> Event {
    let line = |category: &&str| crate::event::Line {
        category: Some(symbols.intern(category)),
        quantity: Decimal::from_micros(Decimal::SCALE),
        net: Some(Decimal::from_micros(10 * Decimal::SCALE)),
        cost: Some(Decimal::from_micros(6 * Decimal::SCALE)),
        ..crate::event::Line::default()
    };
    let lines = categories.iter().map(line).collect();
    Event { lines, ..event(symbols, Kind::Order, customer, at) }
}

/// Customers of two segments; every other one buys Safety with Welding, a few buy Paint alone.
pub(in crate::model) fn shop(symbols: &Symbols, customers: u32) -> Learner {
    let mut learner = Learner::default();
    for number in 0..customers {
        let segment = if number % 3 == 0 { "trade" } else { "industry" };
        let customer = Customer {
            id: symbols.intern(&format!("c{number}")),
            name: None,
            kind: None,
            segment: Some(symbols.intern(segment)),
            tier: None,
            territory: None,
            owner: None,
            consent_marketing: None,
            attributes: BTreeMap::new(),
        };
        learner.reference(&Reference::Customer(customer));
    }
    for round in 0..9 {
        for number in 0..customers {
            let at = day(1_000 + 20 * round + number % 7 + number * round % 5);
            let basket: &[&str] = match number % 4 {
                0 | 1 => &["Welding", "Safety", "Gas"],
                2 => &["Welding", "Gas"],
                _ => &["Paint"],
            };
            // Some are there once only.
            if round == 0 || number % 5 > 0 {
                learner.event(&order(symbols, number, at, basket));
            }
        }
    }
    learner
}

#[test]
fn a_shop_teaches_what_goes_together_and_what_it_is_worth() {
    let symbols = Symbols::default();
    let learner = shop(&symbols, 300);
    let models = fitting::fit(&learner.survey(), &Models::default());
    assert_eq!((models.version, models.customers), (1, 300));
    let name = |text: &str| symbols.intern(text);
    let welding = models.affinity.context([name("Welding")]);
    let found = models.affinity.best(Meeting::Basket, &welding, |_| true, 5);
    let categories: Vec<Symbol> = found.iter().map(|offer| offer.category).collect();
    // Paint was never met with welding.
    assert_eq!(categories.len(), 2);
    assert!(categories.contains(&name("Safety")) && categories.contains(&name("Gas")));
    let safety = found.iter().find(|offer| offer.category == name("Safety")).unwrap();
    assert_eq!((safety.buyers, safety.peers, safety.because), (150, 225, name("Welding")));
    // Watched for less than a year: what was spent so far, 90 of the regular ones.
    assert!((safety.net - 90.0).abs() < 1e-3 && (safety.profit.unwrap() - 36.0).abs() < 1e-3);
    let all = &models.all;
    assert!(all.population != crate::state::detector::rhythm::Population::START);
    assert!((all.population.gap_median_days - 20.0).abs() < 3.0, "{all:?}");
    // Every order leaves 40 %: there is no spread, and some is assumed.
    assert!((all.margin_deviation - 0.5).abs() < 1e-9, "{all:?}");
    let trade = models.segment(Some(name("trade")));
    assert_eq!((trade.customers, all.customers), (100, 300));
    assert!(trade.net.quantile(1.0).unwrap() >= 270.0, "{:?}", trade.net);
}

#[test]
fn the_same_counts_give_the_same_bits() {
    let symbols = Symbols::default();
    let survey = shop(&symbols, 200).survey();
    assert_eq!(survey, shop(&symbols, 200).survey());
    let first = fitting::fit(&survey, &Models::default());
    assert_eq!(first, fitting::fit(&survey, &Models::default()));
    assert_eq!(fitting::fit(&survey, &first).version, 2);
}

#[test]
fn from_a_handful_of_customers_nothing_is_concluded() {
    let symbols = Symbols::default();
    let models = fitting::fit(&shop(&symbols, 8).survey(), &Models::default());
    let start = Models::default();
    assert_eq!(models.all.population, start.all.population);
    assert_eq!(models.all.season, start.all.season);
    assert!(models.segments.is_empty());
    let welding = models.affinity.context([symbols.intern("Welding")]);
    assert_eq!(models.affinity.best(Meeting::Owner, &welding, |_| true, 5), []);
    let nothing = fitting::fit(&Learner::default().survey(), &start);
    assert_eq!(nothing.all, start.all);
}

#[test]
fn what_people_say_of_alerts_is_counted_once_and_taken_back_when_they_reopen() {
    let mut learner = Learner::default();
    let close = |reason| Action::Close { reason, amount: None };
    let id = |number: &str| AlertId::new("R", "customer", number, "e");
    learner.action("R", id("1"), &close(CloseReason::Won));
    learner.action("R", id("2"), &close(CloseReason::Lost));
    learner.action("R", id("3"), &close(CloseReason::Dismissed("no need".to_owned())));
    learner.action("R", id("4"), &close(CloseReason::Expired));
    learner.action("R", id("1"), &Action::Acknowledge);
    assert_eq!(learner.survey().outcomes["R"], Outcomes { won: 1, lost: 2 });
    learner.action("R", id("1"), &Action::Reopen);
    learner.action("R", id("1"), &Action::Reopen);
    assert_eq!(learner.survey().outcomes["R"], Outcomes { won: 0, lost: 2 });
}

#[test]
fn a_finished_quota_period_draws_the_curve_of_the_team() {
    let symbols = Symbols::default();
    let mut learner = Learner::default();
    let rep = symbols.intern("r1");
    let quota =
        |from, to| Quota { from: day(from), to: day(to), amount: Decimal::ZERO, currency: None };
    let quotas = vec![quota(100, 200), quota(200, 300)];
    let (name, title, manager, seniority) = (None, None, None, None);
    let rep_data = Rep {
        id: rep,
        name,
        title,
        manager,
        territories: Vec::new(),
        seniority,
        quotas,
        tenures: Vec::new(),
    };
    learner.reference(&Reference::Rep(rep_data));
    for at in [101, 190, 191, 192, 205] {
        let sale = order(&symbols, 1, day(at), &["Welding"]);
        learner.event(&Event { rep: Some(rep), ..sale });
    }
    let team = learner.survey().team;
    assert_eq!(team.periods, 1);
    assert!((team.share_by(0.5) - 0.25).abs() < 1e-12 && (team.share_by(1.0) - 1.0).abs() < 1e-12);
    assert!((team.order_size.unwrap() - 10.0).abs() < 1e-12);
}

#[test]
fn calls_and_quotes_are_counted_for_what_they_take_and_bring() {
    let symbols = Symbols::default();
    let mut learner = Learner::default();
    let call = event(&symbols, Kind::Call, 1, day(1));
    let timed = Detail {
        duration_s: Some(Decimal::from_micros(300 * Decimal::SCALE)),
        ..Detail::default()
    };
    learner.event(&Event { detail: Some(Box::new(timed)), ..call.clone() });
    learner.event(&call);
    learner.event(&event(&symbols, Kind::QuoteAccepted, 1, day(2)));
    learner.event(&event(&symbols, Kind::QuoteExpired, 1, day(3)));
    let survey = learner.survey();
    let calls = survey.activities["call"];
    assert_eq!((calls.number, calls.timed, calls.minutes), (2.0, 1.0, 5.0));
    assert_eq!((survey.team.conversion.won, survey.team.conversion.lost), (1, 1));
}
