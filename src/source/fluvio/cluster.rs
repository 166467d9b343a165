//! What does the cluster have? Topics, their partitions, and who leads each of them.
//!
//! ```text
//! controller (SC) ── topics, partitions, brokers (SPU) ──► Map ──► leader of (topic, partition)
//! ```
//!
//! A connection that outlives a restart of the controller never hears of new topics, so each
//! question is asked on a new one. The answer is kept for a moment, for all who ask at the same
//! time, and as long as the controller is away. That there is no answer is told to those who waited
//! for it: whoever comes later asks anew.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use fluvio::Fluvio;
use fluvio::FluvioAdmin;
use fluvio::FluvioClusterConfig;
use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::CleanupPolicy;
use fluvio::metadata::topic::SegmentBasedPolicy;
use fluvio::metadata::topic::TopicSpec;
use fluvio_socket::ClientConfig;
use fluvio_socket::MultiplexerSocket;
use fluvio_socket::SharedMultiplexerSocket;
use fluvio_socket::SocketError;
use fluvio_socket::StreamSocket;
use fluvio_socket::VersionedSerialSocket;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::source::fluvio::connector::Connector;
use crate::time;

/// How long an answer of the controller holds.
const FRESH: Duration = Duration::from_millis(500);

/// The controller of a cluster, and the way to its brokers.
pub struct Cluster {
    endpoint: String,
    connector: Connector,
    /// How long anything may take that is answered at once.
    patience: Duration,
    known: Mutex<Known>,
}

/// The latest answer of the controller.
#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    map: Option<Arc<Map>>,
    /// Why the latest question has no answer.
    error: Option<ClusterError>,
}

/// What the controller knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// The broker that leads each partition, by topic; `None` while nobody does.
    topics: BTreeMap<String, BTreeMap<u32, Option<String>>>,
}

/// A topic that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Into how many parts its records are divided.
    pub partitions: u32,
    /// How many brokers keep each of them.
    pub replication: u32,
    /// How long records are kept at least; the cluster's own rule without it.
    pub retention: Option<Duration>,
}

/// Why the cluster did not answer as hoped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// Nobody answers there.
    #[error("the Fluvio cluster at {endpoint} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        endpoint: String,
        /// What the system or the client says.
        reason: String,
    },
    /// Somebody answers and says no.
    #[error("the Fluvio cluster at {endpoint} refuses: {reason}")]
    Refused {
        /// Its address.
        endpoint: String,
        /// What it says.
        reason: String,
    },
    /// No such topic.
    #[error("the topic `{0}` does not exist: make it with `siaga topics create`")]
    NoTopic(String),
    /// No such partition.
    #[error("the topic `{topic}` has no partition {partition}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
    },
    /// Nobody leads the partition.
    #[error("partition {partition} of `{topic}` has no leader: is its broker running?")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
    },
    /// Topics that processes share are divided differently.
    #[error(
        "`{topic}` has {found} partitions and `{other}` {want}: topics that processes share need \
         the same number, and the same keys; name those without in `whole_topics` of [cluster]"
    )]
    Uneven {
        /// One of them.
        topic: String,
        /// How many it has.
        found: u32,
        /// Another.
        other: String,
        /// How many that has.
        want: u32,
    },
    /// Keys have moved between processes.
    #[error(
        "the shared topics have {found} partitions, and had {want}: customers have moved between \
         processes; let each begin in an empty folder"
    )]
    Divided {
        /// How many there are.
        found: u32,
        /// How many there were.
        want: u32,
    },
    /// A process would have nothing to read.
    #[error(
        "{partitions} partitions are too few for {processes} processes: lower `processes` in \
         [cluster], or make topics with more"
    )]
    TooFew {
        /// How many there are.
        partitions: u32,
        /// Who is to share them.
        processes: u32,
    },
}

/// A connection to a broker.
pub(crate) struct Broker {
    /// For requests with one answer.
    pub(crate) serial: VersionedSerialSocket,
    /// For requests whose answers go on.
    pub(crate) stream: StreamSocket,
    /// Kept, so that dropping the broker hangs up.
    _socket: SharedMultiplexerSocket,
}

impl Cluster {
    /// The cluster whose controller listens at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &str, connector: Connector, patience: Duration) -> Self {
        let endpoint = endpoint.to_owned();
        Self { endpoint, connector, patience, known: Mutex::default() }
    }

    /// What there is, as of half a second ago at most.
    pub async fn map(&self) -> Result<Arc<Map>, ClusterError> {
        let came = time::steady();
        let mut known = self.known.lock().await;
        let is_fresh = known.asked.is_some_and(|asked| match known.error {
            None => time::steady().saturating_duration_since(asked) < FRESH,
            Some(_) => came < asked,
        });
        if !is_fresh {
            match self.ask().await {
                Ok(map) => (known.map, known.error) = (Some(Arc::new(map)), None),
                Err(error) => known.error = Some(error),
            }
            known.asked = Some(time::steady());
        }
        match (&known.error, &known.map) {
            (None, Some(map)) => Ok(Arc::clone(map)),
            (Some(error), _) => Err(error.clone()),
            (None, None) => Err(self.unreachable(&"never asked")),
        }
    }

    /// What there is, or was when the controller last answered.
    pub async fn last_map(&self) -> Result<Arc<Map>, ClusterError> {
        match self.map().await {
            Ok(map) => Ok(map),
            Err(error) => self.known.lock().await.map.clone().ok_or(error),
        }
    }

    /// The address of the broker that leads a partition; the last one known while the controller
    /// is away.
    pub async fn leader(&self, topic: &str, partition: u32) -> Result<String, ClusterError> {
        self.last_map().await?.leader(topic, partition).map(str::to_owned)
    }

    /// Makes the topic; tells whether it was missing.
    pub async fn create(&self, topic: &NewTopic) -> Result<bool, ClusterError> {
        if self.map().await?.partitions(&topic.name).is_some() {
            return Ok(false);
        }
        let mut spec = TopicSpec::new_computed(topic.partitions, topic.replication, None);
        if let Some(retention) = topic.retention {
            let seconds = u32::try_from(retention.as_secs()).unwrap_or(u32::MAX);
            let policy = SegmentBasedPolicy { time_in_seconds: seconds };
            spec.set_cleanup_policy(CleanupPolicy::Segment(policy));
        }
        let admin = self.admin().await?;
        let created = timeout(self.patience, admin.create(topic.name.clone(), false, spec)).await;
        self.known.lock().await.asked = None;
        match created {
            Ok(Ok(())) => Ok(true),
            // Somebody else was faster.
            Ok(Err(error)) if error.to_string().contains("already exists") => Ok(false),
            Ok(Err(error)) => Err(self.refused(&error)),
            Err(_) => Err(self.unreachable(&"no answer in time")),
        }
    }

    /// Connects to the broker at this address.
    pub(crate) async fn broker(&self, address: &str) -> Result<Broker, SocketError> {
        let mut config = ClientConfig::new(address, Box::new(self.connector.clone()), false);
        config.set_client_id("siaga");
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        let connection = timeout(self.patience, config.connect()).await.map_err(late)??;
        let (socket, config, versions) = connection.split();
        let socket = MultiplexerSocket::shared(socket);
        let mut stream = StreamSocket::new(config, Arc::clone(&socket), versions);
        let serial = stream.create_serial_socket().await;
        Ok(Broker { serial, stream, _socket: socket })
    }

    async fn admin(&self) -> Result<FluvioAdmin, ClusterError> {
        let config = FluvioClusterConfig::new(&self.endpoint);
        let connecting = Fluvio::connect_with_connector(Box::new(self.connector.clone()), &config);
        match timeout(self.patience, connecting).await {
            Ok(Ok(client)) => Ok(client.admin().await),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(self.unreachable(&"no answer in time")),
        }
    }

    async fn ask(&self) -> Result<Map, ClusterError> {
        let admin = self.admin().await?;
        let asking = async {
            anyhow::Ok((admin.all::<PartitionSpec>().await?, admin.all::<SpuSpec>().await?))
        };
        let (partitions, brokers) = match timeout(self.patience, asking).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(self.refused(&error)),
            Err(_) => return Err(self.unreachable(&"no answer in time")),
        };
        let address = |id| {
            let broker = brokers.iter().find(|broker| broker.spec.id == id)?;
            let port = &broker.spec.public_endpoint;
            Some(format!("{}:{}", port.host()?, port.port))
        };
        let mut map = Map::default();
        for partition in partitions {
            // The name of a partition is its topic, a hyphen and its number.
            let Some((topic, number)) = partition.name.rsplit_once('-') else { continue };
            let Ok(number) = number.parse() else { continue };
            let leader = address(partition.spec.leader);
            map.topics.entry(topic.to_owned()).or_default().insert(number, leader);
        }
        Ok(map)
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> ClusterError {
        ClusterError::Unreachable { endpoint: self.endpoint.clone(), reason: reason.to_string() }
    }

    fn refused(&self, reason: &dyn std::fmt::Display) -> ClusterError {
        ClusterError::Refused { endpoint: self.endpoint.clone(), reason: reason.to_string() }
    }
}

impl Map {
    /// The topics and how many partitions each has.
    pub fn topics(&self) -> impl Iterator<Item = (&str, usize)> {
        self.topics.iter().map(|(topic, partitions)| (topic.as_str(), partitions.len()))
    }

    /// The partitions of a topic; `None` if there is no such topic.
    pub fn partitions(&self, topic: &str) -> Option<Vec<u32>> {
        self.topics.get(topic).map(|partitions| partitions.keys().copied().collect())
    }

    /// The address of the broker that leads a partition.
    pub fn leader(&self, topic: &str, partition: u32) -> Result<&str, ClusterError> {
        let partitions =
            self.topics.get(topic).ok_or_else(|| ClusterError::NoTopic(topic.to_owned()))?;
        let topic = || topic.to_owned();
        let leader = partitions
            .get(&partition)
            .ok_or_else(|| ClusterError::NoPartition { topic: topic(), partition })?;
        leader.as_deref().ok_or_else(|| ClusterError::NoLeader { topic: topic(), partition })
    }
}
