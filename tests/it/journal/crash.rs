//! A power loss after every operation of the disk, and another one while the first is recovered.

use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;

use crate::journal::run::check;
use crate::journal::run::commit;
use crate::journal::run::known_at;
use crate::journal::run::open;
use crate::journal::run::run;

/// Crashes in a run of the tests; `SIAGA_CRASHES` asks for more.
const CRASHES: usize = 20_000;

/// What a power loss may leave of one state of the disk, tried so often.
const LOSSES: u64 = 4;

fn crashes_wanted() -> usize {
    std::env::var("SIAGA_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(CRASHES)
}

/// Runs with these faults, and crashes after every operation; how many crashes, or the first that
/// broke a promise.
fn crash_everywhere(seed: u64, faults: &Faults) -> Result<usize, String> {
    let disk = SimulatedDisk::new(seed);
    disk.set_faults(faults.clone());
    disk.record();
    let run = run(&disk, seed);
    if let Some(error) = run.error {
        return Err(format!("seed {seed}: {error}"));
    }
    let mut crashes = 0;
    for operations in 0..=disk.recorded() {
        let known = known_at(&run.known, operations);
        for loss in 0..LOSSES {
            let loss = seed << 32 | (operations as u64) << 8 | loss;
            let told =
                |what: &str| format!("seed {seed}, operation {operations}, loss {loss}, {what}");
            let after = disk.crashed(operations, loss).unwrap();
            after.set_faults(faults.clone());
            let again = loss.is_multiple_of(16);
            if again {
                after.record();
            }
            let next = check(&after, known, run.appended).map_err(|e| told(&e))?;
            crashes += 1;
            if !again {
                continue;
            }
            for step in 0..=after.recorded() {
                let twice = after.crashed(step, loss ^ 1).unwrap();
                check(&twice, known, run.appended)
                    .map_err(|e| told(&format!("then step {step} of recovery: {e}")))?;
                crashes += 1;
            }
            // What recovery has shown counts from now on, and so does what comes behind it.
            let mut log = open(&after).map_err(|e| told(&e.to_string()))?;
            let mut known = known;
            known.acknowledged = commit(&mut log, 3).map_err(|e| told(&e.to_string()))?;
            assert_eq!(known.acknowledged, next.plus(3));
            drop(log);
            check(&after.power_loss(loss), known, known.acknowledged)
                .map_err(|e| told(&format!("then committed again: {e}")))?;
            crashes += 1;
        }
    }
    Ok(crashes)
}

#[test]
fn what_was_acknowledged_outlasts_a_crash_at_every_operation() {
    let (mut crashes, mut seed, wanted) = (0, 0, crashes_wanted());
    while crashes < wanted {
        seed += 1;
        crashes += crash_everywhere(seed, &Faults::default()).unwrap();
    }
    println!("{crashes} crashes in {seed} runs");
}

#[test]
fn a_disk_that_moves_few_bytes_at_a_time_is_used_rightly() {
    let short = Faults { short: true, ..Faults::default() };
    crash_everywhere(3, &short).unwrap();
}

#[test]
fn a_disk_that_does_not_sync_is_noticed() {
    for faults in [
        Faults { ignore_file_syncs: true, ..Faults::default() },
        Faults { ignore_folder_syncs: true, ..Faults::default() },
    ] {
        let found = (1..20).find_map(|seed| crash_everywhere(seed, &faults).err());
        assert!(found.is_some(), "{faults:?} broke no promise: the tests are blind");
    }
}
