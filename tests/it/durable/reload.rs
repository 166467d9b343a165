//! Other rules at a random moment, and the power goes: what runs afterwards is the old set or the new
//! one, whole, and the alerts are those of a run that nothing happened to.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::port::IngestError;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::Stage;
use crate::journal::run::Numbers;

/// Changes of rules with a crash in a run of the tests; `SIAGA_RELOADS` asks for more.
const SEQUENCES: u64 = 60;

/// What is done, and done again where no answer came.
enum Deed {
    Step(Step),
    Adopt(String),
}

/// Rules that nobody has thought of: which, at which bounds, in which order, by whom, how.
fn rules(numbers: &mut Numbers) -> String {
    let mut all = "groups:\n  - name: g\n    rules:\n".to_owned();
    let (first, count) = (numbers.below(5), 1 + numbers.below(5));
    for place in first..first + count {
        let bound = 100 + 50 * numbers.below(10);
        let days = 3 + numbers.below(30);
        let entity = if numbers.below(5) == 0 { "rep" } else { "customer" };
        let mode = if numbers.below(6) == 0 { "shadow" } else { "live" };
        let (name, rest) = match place % 5 {
            0 => (
                "Big",
                format!(
                    "on: [order]\n        when: orders.last('{days}d').sum(o, o.net) >= {bound}.0\n        cooldown: {days}d"
                ),
            ),
            1 => (
                "Quiet",
                format!(
                    "on: {{silence: order, after: \"duration('{days}d')\"}}\n        when: size(orders.last('60d')) >= 2"
                ),
            ),
            2 => (
                "Daily",
                format!(
                    "on: {{every: 1d, at: \"12:00\"}}\n        when: size(orders.last('{days}d')) >= 3\n        expires_after: 20h"
                ),
            ),
            3 => (
                "New",
                format!(
                    "on: [order]\n        when: lines.last('{days}d').exists(l, l.category == 'tools') && !lines.exists(l, l.category == 'gloves')\n        expires_after: {days}d"
                ),
            ),
            _ => (
                "Held",
                format!(
                    "on: [order]\n        when: size(orders.last('{days}d')) >= 2\n        for: 1d\n        keep_firing_for: 2d"
                ),
            ),
        };
        let entity = if name == "Daily" || name == "Quiet" { "customer" } else { entity };
        write!(
            all,
            "      - alert: {name}\n        family: trend\n        entity: {entity}\n        mode: {mode}\n        {rest}\n        annotations: {{summary: \"{{{{ size(orders) }}}} of {bound}\"}}\n"
        )
        .unwrap();
    }
    all
}

/// A script whose changes of rules are random ones; nobody acts, since `script` knows the rules.
fn deeds(seed: u64) -> Vec<Deed> {
    let mut numbers = Numbers(seed ^ 0x5eed);
    let mut all = vec![Deed::Adopt(rules(&mut numbers))];
    for step in script(seed, 40).into_iter().skip(1) {
        match step {
            Step::Act(..) | Step::Rules(_) => all.push(Deed::Adopt(rules(&mut numbers))),
            step => all.push(Deed::Step(step)),
        }
    }
    all.push(Deed::Adopt(rules(&mut numbers)));
    all
}

fn act(stage: &Stage, deed: &Deed) -> Result<(), IngestError> {
    match deed {
        Deed::Step(step) => stage.step(step),
        Deed::Adopt(rules) => stage.adopt(rules),
    }
}

fn running(stage: &Stage) -> String {
    stage.service.rule_set().files.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn a_crash_in_a_change_of_rules_leaves_the_old_ones_or_the_new_ones() {
    let wanted = std::env::var("SIAGA_RELOADS").ok().and_then(|n| n.parse().ok());
    let (mut olds, mut news) = (0, 0);
    for seed in 1..=wanted.unwrap_or(SEQUENCES) {
        let deeds = deeds(seed);
        let disk = SimulatedDisk::new(seed);
        disk.record();
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let shards = if seed.is_multiple_of(8) { 2 } else { 1 };
        let stage = Stage::start(&disk, &told, shards).unwrap();
        let mut known = vec![(disk.recorded(), Ledger::default())];
        for deed in &deeds {
            act(&stage, deed).unwrap();
            stage.service.drain().unwrap();
            known.push((disk.recorded(), told.lock().unwrap().clone()));
        }
        stage.stop();
        let want = told.lock().unwrap().clone();
        // Somewhere in one of the changes.
        let mut numbers = Numbers(seed ^ 0xdead);
        let changes: Vec<usize> =
            (1..deeds.len()).filter(|place| matches!(deeds[*place], Deed::Adopt(_))).collect();
        let place = changes[usize::try_from(numbers.below(changes.len() as u64)).unwrap()];
        let (before, after) = (known[place].0, known[place + 1].0);
        let operations =
            before + usize::try_from(numbers.below((after - before) as u64 + 1)).unwrap();
        let lost = disk.crashed(operations, seed).unwrap();
        let again = Arc::new(Mutex::new(known[place].1.clone()));
        let stage = Stage::start(&lost, &again, shards).unwrap();
        let old = deeds[..place].iter().rev().find_map(|deed| match deed {
            Deed::Adopt(rules) => Some(rules),
            Deed::Step(_) => None,
        });
        let Deed::Adopt(new) = &deeds[place] else { unreachable!() };
        let here = running(&stage);
        assert!(Some(&here) == old || here == *new, "seed {seed}: neither old nor new:\n{here}");
        if here == *new {
            news += 1;
        } else {
            olds += 1;
        }
        for deed in &deeds[place..] {
            act(&stage, deed).unwrap();
        }
        stage.stop();
        let have = again.lock().unwrap();
        assert_eq!(difference(&want, &have), None, "seed {seed}, operation {operations}");
    }
    eprintln!("{olds} crashes left the old rules, {news} the new ones");
    assert!(olds > 0 && news > 0, "{olds} old, {news} new");
}
