//! More than the engine can take: refused, and nothing that was acknowledged is lost.

use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::port::IngestError;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed;

/// Inputs that may wait.
const WAITING: u64 = 6;

#[test]
fn an_engine_that_stands_still_refuses_and_goes_on_where_it_was() {
    for seed in 1..4 {
        let mut script = script(seed, 200);
        // What somebody does with an alert depends on whether it was told yet.
        script.retain(|step| !matches!(step, Step::Act(..) | Step::Snapshot));
        let want = undisturbed(&script, 1);
        let disk = SimulatedDisk::new(seed);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start_narrow(WAITING, &disk, &told, 2).unwrap();
        // Whoever is to be told is busy: the shards wait for him, and what comes for them.
        let mut busy = Some(told.lock().unwrap());
        let mut refusals = 0;
        for step in &script {
            while let Err(error) = stage.step(step) {
                assert!(matches!(error, IngestError::Overloaded { .. }), "seed {seed}: {error}");
                refusals += 1;
                assert!(refusals < 10_000, "seed {seed}: it does not resume");
                busy.take();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        drop(busy);
        assert!(refusals > 0, "seed {seed}: everything was taken");
        stage.stop();
        let have = told.lock().unwrap().clone();
        assert_eq!(difference(&want, &have), None, "seed {seed}");
        // The journal has what was acknowledged, and nothing that was refused.
        let again: Arc<Mutex<Ledger>> = Arc::default();
        Stage::start(&disk.power_loss(seed), &again, 1).unwrap().stop();
        assert_eq!(difference(&want, &again.lock().unwrap()), None, "seed {seed}, again");
    }
}
