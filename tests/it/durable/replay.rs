//! A replay of the journal tells the same, byte by byte.

use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::simulated::SimulatedDisk;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed;

#[test]
fn a_script_makes_alerts_of_every_rule() {
    let mut rules: Vec<String> = (1..6)
        .flat_map(|seed| undisturbed(&script(seed, 120), 1).order)
        .map(|(_, rule, _)| rule)
        .collect();
    rules.sort();
    rules.dedup();
    assert_eq!(rules, ["Big", "Daily", "New", "OfRep", "Quiet"]);
}

#[test]
fn a_replay_tells_the_same_alerts_for_any_number_of_shards() {
    for seed in 1..6 {
        // Behind a snapshot a replay tells what came after it.
        let mut script = script(seed, 120);
        script.retain(|step| !matches!(step, Step::Snapshot));
        let disk = SimulatedDisk::new(seed);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, 1).unwrap();
        for step in &script {
            stage.step(step).unwrap();
        }
        stage.stop();
        let first = told.lock().unwrap().clone();
        for shards in [1, 3] {
            let again = Arc::default();
            Stage::start(&disk.restarted(), &again, shards).unwrap().stop();
            let again = again.lock().unwrap().clone();
            assert_eq!(difference(&first, &again), None, "seed {seed}, {shards} shards");
        }
    }
}
