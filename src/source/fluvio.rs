//! Fluvio: how do the records of its topics get here?
//!
//! ```text
//! controller ─► topics and partitions ─┐
//!                                      ▼
//! broker ═══ a connection each ═══► reader ─► decode ─► lane ─► merge ─► Taker
//! ```
//!
//! Every partition has a reader of its own, see [`reader`]; what becomes of the partitions
//! together is the subject of [`crate::source::log`]. Nothing is read before every topic of the
//! configuration exists: whoever wants its records does not want alerts made without them.

pub mod batch;
pub mod cluster;
pub mod share;
pub mod claim;
pub mod holding;
pub mod config;
pub mod connector;
pub mod letters;
pub mod partition;
pub mod producer;
pub mod tls;
mod reader;
mod tail;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::event::Symbols;
use crate::event::decode::Decoder;
use crate::event::mapping::Mapping;
use crate::event::mapping::RecordKind;
use crate::metrics::Metrics;
use crate::source::fluvio::cluster::ClusterError;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::reader::Reader;
use crate::source::fluvio::reader::Shared;
use crate::source::fluvio::share::Share;
use crate::source::log::Health;
use crate::source::log::Position;
use crate::source::log::Taker;
use crate::source::log::lanes;
use crate::source::log::lanes::Lanes;
use crate::source::log::merge;

/// How often the topics are looked at for partitions that were added.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Threads that read and decode.
const READING_THREADS: usize = 2;

/// What a source needs beside its configuration.
pub struct Parts {
    /// How the fields of records map to ours.
    pub mapping: Arc<Mapping>,
    /// The engine's names.
    pub symbols: Symbols,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How far the partitions were read before; those that are not named begin anew.
    pub positions: Vec<Position>,
    /// Whether event time stands still already, since an earlier source: it does until everything
    /// that was missed has been read.
    pub held: bool,
    /// Which partitions are read, where several processes share them; all without.
    pub share: Option<Share>,
    /// Who takes what is read.
    pub taker: Arc<dyn Taker>,
}

/// A source that runs; it stops when it is dropped.
pub struct FluvioSource {
    lanes: Arc<Lanes>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl FluvioSource {
    /// Starts to read, in the background: that the cluster is away is no error. Fails where a file
    /// of TLS is of no use.
    pub fn start(config: FluvioConfig, parts: Parts) -> io::Result<Self> {
        let lanes = Arc::new(Lanes::new(!parts.held));
        let patience = Duration::from_millis(config.wait_ms);
        let (stop, stopped) = watch::channel(false);
        let Parts { mapping, symbols, metrics, positions, held, share, taker } = parts;
        let cluster = config.cluster().map_err(io::Error::other)?;
        let shared =
            Arc::new(Shared { cluster, lanes: Arc::clone(&lanes), config, symbols, metrics });
        let known = positions.into_iter().map(|p| ((p.topic, p.partition), p.next)).collect();
        let readers = Readers { shared, mapping, known, share, taker: Arc::clone(&taker) };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(READING_THREADS)
            .thread_name("fluvio")
            .enable_all()
            .build()?;
        let reading = std::thread::Builder::new().name("fluvio".to_owned()).spawn(move || {
            runtime.block_on(readers.run(stopped));
            runtime.shutdown_background();
        })?;
        let merged = Arc::clone(&lanes);
        let merging = std::thread::Builder::new()
            .name("merge".to_owned())
            .spawn(move || merge::run(&merged, &*taker, patience, held))?;
        Ok(Self { lanes, stop, threads: vec![reading, merging] })
    }

    /// Stops to read, and waits for what is on its way.
    pub fn stop(&mut self) {
        let _ = self.stop.send(true);
        self.lanes.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the Fluvio source broke off");
            }
        }
    }
}

impl Drop for FluvioSource {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the readers, and adds some where partitions were added.
struct Readers {
    shared: Arc<Shared>,
    mapping: Arc<Mapping>,
    known: BTreeMap<(Arc<str>, u32), i64>,
    share: Option<Share>,
    taker: Arc<dyn Taker>,
}

impl Readers {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let stop = async move { drop(stopped.wait_for(|stop| *stop).await) };
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = stop => {}
            () = self.read() => {}
            () = measure(&shared) => {}
        }
    }

    async fn read(self) {
        let (mut begun, mut tasks) = (BTreeSet::new(), JoinSet::new());
        let mut attempt = 0;
        loop {
            match self.missing(&begun).await {
                Ok(missing) => {
                    let (late, mut added) = (!begun.is_empty(), Vec::new());
                    for (topic, partition) in missing {
                        if late {
                            tracing::warn!(
                                topic = &*topic,
                                partition,
                                "a partition was added: keys have moved between partitions"
                            );
                        }
                        let next = self.known.get(&(Arc::clone(&topic), partition)).copied();
                        let lane = self.shared.lanes.add(&topic, partition, next);
                        added.push((lane, Arc::clone(&topic), partition));
                        begun.insert((topic, partition));
                    }
                    // Only when all lanes are there: what nobody knows of, nobody waits for.
                    for lane in added {
                        self.begin(lane, &mut tasks);
                    }
                }
                // Once there are readers, they tell of their troubles themselves.
                Err(error) if begun.is_empty() => {
                    tracing::warn!(%error, "nothing can be read yet");
                    let trouble = Some(error.to_string());
                    self.taker.report(Health { trouble, ..Health::default() });
                }
                Err(error @ (ClusterError::Uneven { .. } | ClusterError::Divided { .. })) => {
                    tracing::error!(%error, "no partition is added");
                }
                Err(_) => {}
            }
            let most = self.shared.config.retry_max();
            let pause = if begun.is_empty() { lanes::pause(0, attempt, most) } else { LOOK_AGAIN };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// The partitions of our topics that nobody reads yet.
    async fn missing(
        &self,
        begun: &BTreeSet<(Arc<str>, u32)>,
    ) -> Result<Vec<(Arc<str>, u32)>, ClusterError> {
        let map = self.shared.cluster.map().await?;
        if let Some(share) = &self.share {
            share.partitions(&self.shared.config.topics, &map)?;
        }
        let mut found = Vec::new();
        for name in &self.shared.config.topics {
            let topic: Arc<str> = Arc::from(name.as_str());
            let partitions =
                map.partitions(name).ok_or_else(|| ClusterError::NoTopic(name.clone()))?;
            found.extend(partitions.into_iter().map(|number| (Arc::clone(&topic), number)));
        }
        let ours = |(topic, partition): &(Arc<str>, u32)| {
            self.share.as_ref().is_none_or(|share| share.reads(topic, *partition))
        };
        found.retain(|place| ours(place) && !begun.contains(place));
        Ok(found)
    }

    fn begin(&self, lane: (usize, Arc<str>, u32), tasks: &mut JoinSet<()>) {
        let (lane, topic, partition) = lane;
        let (shared, mapping) = (Arc::clone(&self.shared), Arc::clone(&self.mapping));
        tasks.spawn(async move {
            loop {
                let source = shared.symbols.intern(&topic);
                let decoder = Decoder::new(Arc::clone(&mapping), source)
                    .with_hint(RecordKind::from_name(&topic));
                let reader = Reader::new(&shared, (lane, &topic, partition), decoder);
                // The client may panic over bytes that no broker should send.
                let Err(broken) = tokio::spawn(reader.run()).await;
                if broken.is_cancelled() {
                    return;
                }
                tracing::error!(topic = &*topic, partition, %broken, "a reader broke off");
                shared.lanes.down(lane, "the reader broke off; it begins again".to_owned());
                tokio::time::sleep(shared.config.retry_max()).await;
            }
        });
    }
}

/// Brings the figures of the partitions up to date, once a second.
async fn measure(shared: &Shared) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        for (topic, partition, lag, up) in shared.lanes.lags() {
            let labels = [&*topic, &partition.to_string()];
            shared.metrics.source_lag_records.with_label_values(&labels).set(lag);
            shared.metrics.source_up.with_label_values(&labels).set(i64::from(up));
        }
    }
}
