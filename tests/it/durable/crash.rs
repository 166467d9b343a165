//! Kill and power loss at any operation of the disk: acknowledged stays, and the alerts are those
//! of a run that nothing happened to.

use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::simulated::SimulatedDisk;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed;

/// Crashes in a run of the tests; `SIAGA_ENGINE_CRASHES` asks for more.
const CRASHES: usize = 300;

fn crashes_wanted() -> usize {
    std::env::var("SIAGA_ENGINE_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(CRASHES)
}

/// Goes on with a script from this step on, which may have been taken before the crash.
fn go_on(disk: &SimulatedDisk, told: &Arc<Mutex<Ledger>>, steps: &[Step]) -> Result<(), String> {
    let stage = Stage::start(disk, told, 1)?;
    for step in steps {
        stage.step(step).map_err(|error| error.to_string())?;
    }
    stage.stop();
    Ok(())
}

#[test]
fn a_power_loss_at_any_operation_changes_no_alert() {
    let (mut crashes, mut seed) = (0, 0);
    while crashes < crashes_wanted() {
        seed += 1;
        let script = script(seed, 60);
        let want = undisturbed(&script, 1);
        let disk = SimulatedDisk::new(seed);
        disk.record();
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, 1).unwrap();
        // After so many operations, so many steps were acknowledged and so much was told.
        let mut known = vec![(disk.recorded(), 0, Ledger::default())];
        for (done, step) in script.iter().enumerate() {
            stage.step(step).unwrap();
            known.push((disk.recorded(), done + 1, told.lock().unwrap().clone()));
        }
        stage.stop();
        let mut operations = usize::try_from(seed).unwrap() % 7;
        while operations <= disk.recorded() {
            let before = known.iter().rev().find(|(recorded, ..)| *recorded <= operations);
            let (_, acknowledged, kept) =
                before.cloned().unwrap_or_else(|| (0, 0, Ledger::default()));
            let after = disk.crashed(operations, seed << 20 | operations as u64).unwrap();
            let again = Arc::new(Mutex::new(kept));
            let place = format!("seed {seed}, operation {operations}, {acknowledged} steps");
            go_on(&after, &again, &script[acknowledged..])
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let have = again.lock().unwrap();
            if let Some(difference) = difference(&want, &have) {
                panic!("{place}: {difference}");
            }
            crashes += 1;
            operations += 7;
        }
    }
    println!("{crashes} crashes in {seed} runs");
}
