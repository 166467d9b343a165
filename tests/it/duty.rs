//! Who looks after a customer: is it told when, and only when, somebody else does?

use std::collections::BTreeMap;

use siaga::alert::Owner;
use siaga::engine::Duty;
use siaga::event::Record;
use siaga::event::Reference;
use siaga::event::Symbols;
use siaga::event::reference::Customer;
use siaga::event::reference::Rep;

use crate::scene::BEGIN;
use crate::scene::Play;
use crate::scene::order;
use crate::scene::rule_set;

const HOUR: i64 = 3_600_000;

const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: Any
        family: trend
        on: [order]
        when: event.net > 0.0
        expires_after: 1d
        annotations: {summary: s}
";

/// One step: reference data, or an order at an hour; owner or rep, and territory, empty for none.
#[derive(Debug, Clone, Copy)]
enum Step {
    Profile(&'static str, &'static str),
    Order(i64, &'static str, &'static str),
}

use Step::Order;
use Step::Profile;

/// Tells what came out as `owner@hour`.
fn duties(steps: &[Step]) -> Vec<String> {
    let symbols = Symbols::default();
    let mut play = Play::new(&rule_set(RULES, &symbols), &symbols, 1, 0);
    let named = |name: &str| (!name.is_empty()).then(|| symbols.intern(name));
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Profile(owner, territory) => {
                let customer = Customer {
                    id: symbols.intern("c"),
                    name: None,
                    kind: None,
                    segment: None,
                    tier: None,
                    territory: named(territory),
                    owner: named(owner),
                    consent_marketing: None,
                    attributes: BTreeMap::new(),
                };
                let reference = Box::new(Reference::Customer(customer));
                play.engine.take([Record::Reference(reference)], None).unwrap();
            }
            Order(hour, rep, territory) => {
                let mut event = order(&symbols, "c", &number.to_string(), hour * HOUR, 10);
                event.rep = named(rep);
                event.territory = named(territory);
                play.take(event);
            }
        }
    }
    let told = play.duties().into_iter().map(|duty| match duty {
        Duty::Customer { id, owner, at } => {
            assert_eq!(id, "c");
            format!("{}@{}", owner.key(), (at.millis() - BEGIN) / HOUR)
        }
        Duty::Rep { .. } => unreachable!("{duty:?}"),
    });
    told.collect()
}

#[test]
fn a_customer_is_handed_over_once_somebody_else_looks_after_it() {
    for (what, steps, want) in [
        ("the first to look after it", &[Profile("r1", ""), Order(1, "", "")][..], &[][..]),
        ("nothing happened yet", &[Profile("r1", ""), Profile("r2", "")], &[]),
        ("the first order", &[Order(1, "r1", "")], &[]),
        (
            "other reference data",
            &[Profile("r1", ""), Order(1, "", ""), Profile("r2", "")],
            &["rep:r2@1"],
        ),
        ("the same again", &[Profile("r1", ""), Order(1, "", ""), Profile("r1", "North")], &[]),
        (
            "no longer anybody",
            &[Profile("r1", ""), Order(1, "", ""), Profile("", "")],
            &["queue@1"],
        ),
        ("a territory", &[Order(1, "", "North"), Order(2, "", "South")], &["territory:South@2"]),
        (
            "a rep where there was a territory",
            &[Order(1, "", "North"), Order(2, "r1", "North")],
            &["rep:r1@2"],
        ),
        (
            "who served it last",
            &[Order(1, "r1", ""), Order(2, "r2", ""), Order(3, "r2", "")],
            &["rep:r2@2"],
        ),
        (
            "reference data go before who served it",
            &[Profile("r1", ""), Order(1, "", ""), Order(2, "r2", "")],
            &[],
        ),
        (
            "an order that comes late served it before",
            &[Order(1, "r1", ""), Order(3, "r2", ""), Order(2, "r3", "")],
            &["rep:r2@3"],
        ),
        (
            "and back",
            &[Order(1, "r1", ""), Order(2, "r2", ""), Order(3, "r1", "")],
            &["rep:r2@2", "rep:r1@3"],
        ),
    ] {
        assert_eq!(duties(steps), want, "{what}");
    }
}

#[test]
fn a_rep_is_told_of_with_manager_and_territories() {
    let symbols = Symbols::default();
    let mut play = Play::new(&rule_set(RULES, &symbols), &symbols, 1, 0);
    let rep = Rep {
        id: symbols.intern("r1"),
        name: Some("Rep 01".to_owned()),
        title: None,
        manager: Some(symbols.intern("m1")),
        territories: vec![symbols.intern("North"), symbols.intern("East")],
        seniority: Some(symbols.intern("senior")),
        quotas: Vec::new(),
        tenures: Vec::new(),
    };
    play.engine.take([Record::Reference(Box::new(Reference::Rep(rep)))], None).unwrap();
    let territories = vec!["North".to_owned(), "East".to_owned()];
    let (id, name, manager) = ("r1".to_owned(), Some("Rep 01".to_owned()), Some("m1".to_owned()));
    let seniority = Some("senior".to_owned());
    assert_eq!(play.duties(), [Duty::Rep { id, name, manager, territories, seniority }]);
}

#[test]
fn an_owner_s_word_leads_back_to_the_owner() {
    for owner in
        [Owner::Rep("r:1".to_owned()), Owner::Territory("North East".to_owned()), Owner::Queue]
    {
        assert_eq!(Owner::from_key(&owner.key()), owner);
    }
}
