//! Who may speak for which partition? Whoever claimed it last, in the order of one topic.
//!
//! ```text
//! control topic (one partition)
//!   7  A takes 1, 4                     ─► A, epoch 7
//!   8  A renews, epoch 7                ─► A was there
//!   9  B takes 1, 4                     ─► B, epoch 9: from here on A is nobody
//!  10  A renews, epoch 7                ─► void
//!  11  B leaves, epoch 9                ─► free: who comes next needs not wait
//! ```
//!
//! The epoch of a claim is the offset of the record that made it. The log gives each offset once and
//! in order, so there is nothing to agree on: everybody who reads up to the same place knows the same.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

/// A record of the control topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// One run of the program; nobody else has it.
    pub instance: String,
    /// The host, for people.
    pub process: String,
    /// Its number.
    pub ordinal: u32,
    /// Of how many.
    pub processes: u32,
    /// The claim that this renews, or gives up; none where it makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Whether it is given up.
    #[serde(default)]
    pub leaves: bool,
    /// The partitions, each with the records that its process has still to read.
    pub partitions: BTreeMap<u32, i64>,
    /// When it was written by the clock of its writer, in ms since 1970; for people.
    pub at: i64,
}

/// The latest claim on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Where it was made.
    pub epoch: i64,
    /// The latest record of its holder, without the partitions.
    pub by: Claim,
    /// Records of the partition that its holder has still to read.
    pub behind: i64,
    /// When that was read here.
    pub seen: Instant,
}

/// The latest claims, as far as the topic has been read.
#[derive(Debug, Clone, Default)]
pub struct Table {
    held: BTreeMap<u32, Held>,
}

impl Table {
    /// Reads the record at an offset; whether it took a partition from somebody who had not left.
    pub fn read(&mut self, offset: i64, claim: &Claim, now: Instant) -> bool {
        let epoch = claim.epoch.unwrap_or(offset);
        let by = Claim { partitions: BTreeMap::new(), ..claim.clone() };
        let mut displaces = false;
        for (partition, behind) in &claim.partitions {
            let before = self.held.get(partition);
            // A renewal whose claim is not known: retention took what was before it.
            if before.is_some_and(|before| before.epoch > epoch) {
                continue;
            }
            displaces |= before
                .is_some_and(|before| before.by.instance != claim.instance && !before.by.leaves);
            let held = Held { epoch, by: by.clone(), behind: *behind, seen: now };
            self.held.insert(*partition, held);
        }
        displaces
    }

    /// Whether this claim is the latest on all of these partitions.
    pub fn is_held(&self, partitions: &[u32], epoch: i64) -> bool {
        partitions
            .iter()
            .all(|partition| self.held.get(partition).is_some_and(|held| held.epoch == epoch))
    }

    /// Somebody else than `instance` who holds one of these partitions.
    pub fn other(&self, partitions: &[u32], instance: &str) -> Option<(u32, &Held)> {
        let mut held = partitions.iter().filter_map(|p| Some((*p, self.held.get(p)?)));
        held.find(|(_, held)| held.by.instance != instance && !held.by.leaves)
    }

    /// As [`Table::other`], of those who were heard of within the lease.
    pub fn rival(
        &self,
        partitions: &[u32],
        instance: &str,
        lease: Duration,
        now: Instant,
    ) -> Option<(u32, &Held)> {
        let mut held = partitions.iter().filter_map(|p| Some((*p, self.held.get(p)?)));
        held.find(|(_, held)| {
            let lives = now.saturating_duration_since(held.seen) < lease;
            held.by.instance != instance && !held.by.leaves && lives
        })
    }

    /// Every partition that was ever claimed, with its latest claim.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.held.iter().map(|(partition, held)| (*partition, held))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(instance: &str, epoch: Option<i64>, partitions: &[u32]) -> Claim {
        Claim {
            instance: instance.to_owned(),
            process: String::new(),
            ordinal: 0,
            processes: 1,
            epoch,
            leaves: false,
            partitions: partitions.iter().map(|partition| (*partition, 0)).collect(),
            at: 0,
        }
    }

    #[test]
    fn the_last_who_takes_holds_and_who_was_overtaken_cannot_renew() {
        let (now, mut table) = (crate::time::steady(), Table::default());
        assert!(!table.read(7, &claim("a", None, &[1, 4]), now), "nobody was there");
        assert!(table.is_held(&[1, 4], 7));
        assert!(table.read(9, &claim("b", None, &[4, 5]), now), "a had 4");
        assert!(!table.read(10, &claim("a", Some(7), &[1, 4]), now));
        assert!(!table.is_held(&[1, 4], 7) && table.is_held(&[1], 7) && table.is_held(&[4, 5], 9));
        let leaves = Claim { leaves: true, ..claim("b", Some(9), &[4, 5]) };
        assert!(!table.read(11, &leaves, now));
        assert_eq!(table.other(&[4, 5], "c"), None, "b has left");
        assert!(!table.read(12, &claim("c", None, &[4]), now), "nobody is displaced");
    }

    #[test]
    fn somebody_lives_who_was_heard_of_within_the_lease() {
        let (now, mut table) = (crate::time::steady(), Table::default());
        table.read(0, &claim("a", None, &[1]), now);
        let lease = Duration::from_secs(5);
        let rival = |table: &Table, seconds| {
            table.rival(&[1], "b", lease, now + Duration::from_secs(seconds)).is_some()
        };
        assert!(rival(&table, 4) && !rival(&table, 5));
        table.read(1, &claim("a", Some(0), &[1]), now + Duration::from_secs(4));
        assert!(rival(&table, 8) && !rival(&table, 9));
        assert_eq!(table.rival(&[1], "a", lease, now), None, "nobody is a rival of itself");
    }

    #[test]
    fn a_renewal_stands_for_a_claim_that_retention_took() {
        let (now, mut table) = (crate::time::steady(), Table::default());
        table.read(90, &claim("a", Some(7), &[1]), now);
        assert!(table.is_held(&[1], 7));
        let text = serde_json::to_string(&claim("a", Some(7), &[1])).unwrap();
        assert_eq!(serde_json::from_str::<Claim>(&text).unwrap(), claim("a", Some(7), &[1]));
    }

    proptest! {
        /// Whatever is written by whom: at each place of the log at most one claim holds a partition,
        /// and one that does not hold it any more never does again.
        #[test]
        fn what_is_lost_is_lost(records in proptest::collection::vec((0_u8..4, 0_u32..3, any::<bool>()), 1..60)) {
            let now = crate::time::steady();
            let (mut table, mut epochs, mut lost) = (Table::default(), [None; 4], Vec::new());
            for (offset, (who, partition, takes)) in records.iter().enumerate() {
                let offset = i64::try_from(offset).unwrap();
                let place = usize::from(*who);
                let epoch = if *takes { None } else { epochs[place] };
                if epoch.is_none() {
                    lost.extend(epochs[place].map(|epoch| (*partition, epoch)));
                    epochs[place] = Some(offset);
                }
                table.read(offset, &claim(&who.to_string(), epoch, &[*partition]), now);
                for other in epochs.iter().flatten() {
                    let holds = table.is_held(&[*partition], *other);
                    prop_assert!(!(holds && lost.contains(&(*partition, *other))));
                    if !holds && *other < offset {
                        let newer = table.all().any(|(p, held)| p == *partition && held.epoch > *other);
                        if newer {
                            lost.push((*partition, *other));
                        }
                    }
                }
            }
        }
    }
}
