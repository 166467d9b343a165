//! Which partitions does this process read, when several share the topics?
//!
//! ```text
//! topics keyed by customer   partition p ─► process p mod n        the same number of partitions each
//! topics read whole          every partition ─► every process      products, reps
//! ```
//!
//! Or every process reads everything, and keeps of it the customers, reps and products that are its own:
//! what rules see of reps, of products and of all customers is then what one process sees.
//!
//! Nobody negotiates: a process is told its number, as a `StatefulSet` tells it in the host's name,
//! and what it reads follows. That no two processes of one number speak at the same time is the
//! subject of [`crate::source::fluvio::claim`].

use serde::Deserialize;
use serde::Serialize;

use crate::source::fluvio::cluster::ClusterError;
use crate::source::fluvio::cluster::Map;

/// Where the system keeps the name of the host.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What a process that shares the topics reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Its partitions, and the topics that are read whole.
    #[default]
    Share,
    /// All partitions of all topics.
    Everything,
}

/// Section `[cluster]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// How many processes share the topics; 1 reads everything itself.
    pub processes: u32,
    /// The number of this one, from 0; below 0, the number at the end of the host's name.
    pub ordinal: i32,
    /// What each of them reads.
    pub reads: Extent,
    /// Topics that every process reads whole.
    pub whole_topics: Vec<String>,
    /// The topic of one partition in which processes claim what they read.
    pub control_topic: String,
    /// How long a claim holds without being renewed.
    pub lease_ms: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            processes: 1,
            ordinal: -1,
            reads: Extent::Share,
            whole_topics: ["products", "reps"].map(str::to_owned).to_vec(),
            control_topic: "siaga-control".to_owned(),
            lease_ms: 5_000,
        }
    }
}

/// Why a share cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// No number, neither said nor in the name.
    #[error(
        "which of the {processes} processes is this? set `ordinal` in [cluster]; the host's name, \
         `{host}`, ends with no number"
    )]
    NoOrdinal {
        /// How many there are.
        processes: u32,
        /// The host's name.
        host: String,
    },
    /// A number that no process has.
    #[error(
        "process {ordinal} of {processes}: they are numbered from 0; raise `processes` in [cluster]"
    )]
    Beyond {
        /// The number.
        ordinal: u32,
        /// How many there are.
        processes: u32,
    },
    /// There is nothing to share.
    #[error(
        "[cluster] shares topics between processes: name the cluster with `endpoint` in [fluvio]"
    )]
    NoTopics,
}

/// The part of the topics that one process reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The process, from 0.
    pub ordinal: u32,
    /// How many there are.
    pub processes: u32,
    /// What each of them reads.
    pub extent: Extent,
    /// Topics that are read whole.
    pub whole: Vec<String>,
    /// How many partitions the others had when this process began, once that is known.
    pub begun_with: Option<u32>,
}

impl ClusterConfig {
    /// Whether several processes share the topics.
    pub fn is_used(&self) -> bool {
        self.processes > 1
    }

    /// The share of this process; `None` where it reads everything.
    pub fn share(&self) -> Result<Option<Share>, ShareError> {
        if !self.is_used() {
            return Ok(None);
        }
        let processes = self.processes;
        let ordinal = match u32::try_from(self.ordinal) {
            Ok(ordinal) => ordinal,
            Err(_) => {
                let host = host_name();
                ordinal_of(&host).ok_or(ShareError::NoOrdinal { processes, host })?
            }
        };
        if ordinal >= processes {
            return Err(ShareError::Beyond { ordinal, processes });
        }
        let (extent, whole) = (self.reads, self.whole_topics.clone());
        Ok(Some(Share { ordinal, processes, extent, whole, begun_with: None }))
    }
}

impl Share {
    /// Whether this process reads a partition of a topic.
    pub fn reads(&self, topic: &str, partition: u32) -> bool {
        self.extent == Extent::Everything
            || self.is_whole(topic)
            || partition % self.processes == self.ordinal
    }

    /// Whether every process reads all of a topic.
    pub fn is_whole(&self, topic: &str) -> bool {
        self.whole.iter().any(|name| name == topic)
    }

    /// The number of partitions of the topics that are shared. They all need the same: a customer
    /// whose orders and calls were read by two processes would be two customers.
    pub fn partitions(&self, topics: &[String], map: &Map) -> Result<u32, ClusterError> {
        let mut known: Option<(&String, u32)> = None;
        for topic in topics {
            let found =
                map.partitions(topic).ok_or_else(|| ClusterError::NoTopic(topic.clone()))?;
            let found = u32::try_from(found.len()).unwrap_or(u32::MAX);
            match known {
                _ if self.is_whole(topic) => {}
                None => known = Some((topic, found)),
                Some((_, want)) if want == found => {}
                Some((other, want)) => {
                    let (topic, other) = (topic.clone(), other.clone());
                    return Err(ClusterError::Uneven { topic, found, other, want });
                }
            }
        }
        let count = known.map_or(0, |(_, count)| count);
        if count < self.processes {
            return Err(ClusterError::TooFew { partitions: count, processes: self.processes });
        }
        if let Some(want) = self.begun_with.filter(|want| *want != count) {
            return Err(ClusterError::Divided { found: count, want });
        }
        Ok(count)
    }

    /// The partitions of this process, of so many.
    pub fn owned(&self, partitions: u32) -> Vec<u32> {
        (0..partitions).filter(|partition| partition % self.processes == self.ordinal).collect()
    }
}

/// What the machine, or the pod, is called.
pub fn host_name() -> String {
    std::fs::read_to_string(HOST_NAME).unwrap_or_default().trim().to_owned()
}

/// The number at the end of a name: 2 of `siaga-2`.
fn ordinal_of(host: &str) -> Option<u32> {
    let name = host.split('.').next().unwrap_or(host);
    name.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(processes: u32, ordinal: i32) -> ClusterConfig {
        ClusterConfig { processes, ordinal, ..ClusterConfig::default() }
    }

    #[test]
    fn every_partition_has_one_process_and_whole_topics_have_all() {
        let shares: Vec<Share> =
            (0..3).map(|ordinal| config(3, ordinal).share().unwrap().unwrap()).collect();
        for partition in 0..7 {
            let readers = |topic| shares.iter().filter(|s| s.reads(topic, partition)).count();
            assert_eq!((readers("transactions"), readers("reps")), (1, 3));
        }
        let owned: Vec<Vec<u32>> = shares.iter().map(|share| share.owned(6)).collect();
        assert_eq!(owned, [[0, 3], [1, 4], [2, 5]]);
        let everything = ClusterConfig { reads: Extent::Everything, ..config(3, 1) };
        let share = everything.share().unwrap().unwrap();
        assert!((0..7).all(|partition| share.reads("transactions", partition)));
        assert_eq!(share.owned(6), [1, 4]);
    }

    #[test]
    fn the_number_is_said_or_stands_in_the_name() {
        for (host, want) in [
            ("siaga-2", Some(2)),
            ("siaga-12.siaga.svc.cluster.local", Some(12)),
            ("siaga", None),
            ("siaga-b", None),
            ("", None),
        ] {
            assert_eq!(ordinal_of(host), want, "{host}");
        }
        assert_eq!(config(1, 7).share(), Ok(None), "one process reads everything");
        assert_eq!(config(3, 3).share(), Err(ShareError::Beyond { ordinal: 3, processes: 3 }));
    }
}
