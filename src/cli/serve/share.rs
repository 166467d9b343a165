//! One of several processes: what is its share, is the folder its own, and may it speak?
//!
//! ```text
//! [cluster] ─► share ─► the folder's mark ─► the topics' partitions ─► claim ─► speaks, or waits
//!                         another share: refused                         └─► lost: the program ends
//! ```
//!
//! The state of a share is in its folder: a replacement goes on with the folder of the process that
//! it replaces. In an empty one it reads the topics from their oldest records.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::anyhow;
use anyhow::bail;
use serde::Deserialize;
use serde::Serialize;

use crate::cli::serve::Running;
use crate::config::Config;
use crate::delivery::courier::Permit;
use crate::engine::sequence::own::Own;
use crate::engine::service::Service;
use crate::event::EntityKind;
use crate::metrics::Metrics;
use crate::rule::file::Mode;
use crate::rule::set::RuleSet;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::holding::Holding;
use crate::source::fluvio::holding::Parts;
use crate::source::fluvio::holding::Permission;
use crate::source::fluvio::holding::Standing;
use crate::source::fluvio::share::ClusterConfig;
use crate::source::fluvio::share::Extent;
use crate::source::fluvio::share::Share;
use crate::source::fluvio::share::ShareError;
use crate::source::fluvio::share::host_name;

/// The file in the folder of everything that says whose it is.
const MARK: &str = "share.json";

/// How soon the cluster is asked again for its topics.
const AGAIN: Duration = Duration::from_secs(1);

/// The shortest lease: renewals have to reach the topic within it.
const LEASE_MIN: Duration = Duration::from_millis(200);

/// Whose a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    ordinal: u32,
    processes: u32,
    partitions: u32,
    /// What it was filled from.
    #[serde(default)]
    reads: Extent,
}

/// A process that shares the topics with others.
pub(super) struct Shared {
    share: Share,
    fluvio: FluvioConfig,
    cluster: ClusterConfig,
    folder: PathBuf,
    mark: Option<Mark>,
    permission: Arc<Permission>,
}

impl Shared {
    /// What the configuration says; `None` for a process that reads everything. Refuses a folder
    /// that is another share's.
    pub(super) fn new(
        config: &Config,
        folder: &Path,
        history: &[PathBuf],
    ) -> anyhow::Result<Option<Self>> {
        let mark = Mark::read(folder)?;
        let Some(share) = config.cluster.share()? else {
            if let Some(mark) = mark {
                let Mark { ordinal, processes, .. } = mark;
                bail!(
                    "{} is the folder of process {ordinal} of {processes}: say so in [cluster], or \
                     begin in an empty folder",
                    folder.display()
                );
            }
            return Ok(None);
        };
        if !config.fluvio.is_used() {
            return Err(ShareError::NoTopics.into());
        }
        if !history.is_empty() {
            bail!("--history holds everybody's events: write them to the topics, by their keys");
        }
        if let Some(mark) = mark
            && (mark.ordinal, mark.processes) != (share.ordinal, share.processes)
        {
            bail!(
                "{} is the folder of process {} of {}, and this is process {} of {}: begin in an \
                 empty folder, and the topics are read from their oldest records",
                folder.display(),
                mark.ordinal,
                mark.processes,
                share.ordinal,
                share.processes
            );
        }
        if mark.is_some_and(|mark| mark.reads != share.extent) {
            bail!(
                "{} was filled by a process with another `reads` in [cluster]: begin in an empty \
                 folder, and the topics are read from their oldest records",
                folder.display()
            );
        }
        let (fluvio, cluster) = (config.fluvio.clone(), config.cluster.clone());
        let (folder, permission) = (folder.to_owned(), Arc::default());
        Ok(Some(Self { share, fluvio, cluster, folder, mark, permission }))
    }

    /// Whether this process sees the events of other processes' customers as well.
    pub(super) fn sees_everything(&self) -> bool {
        self.share.extent == Extent::Everything
    }

    /// Which entities of what its folder holds are its own; `None` where all are, or the folder is
    /// new.
    pub(super) fn own(&self) -> Option<Own> {
        self.mark.and_then(|mark| own(&self.share, mark.partitions))
    }

    /// Whether this process may speak.
    pub(super) fn permit(&self) -> Permit {
        let permission = Arc::clone(&self.permission);
        Arc::new(move || permission.holds())
    }

    /// Waits for the topics, and begins to claim. The folder is the share's from here on.
    pub(super) fn begin(
        self,
        service: &Arc<Service>,
        metrics: &Arc<Metrics>,
        running: &Running,
    ) -> anyhow::Result<(Share, Holding)> {
        service.take_from_logs_only();
        service.set_silence(Some("the topics are not known yet".to_owned()));
        let Self { mut share, fluvio, cluster, folder, mark, permission } = self;
        share.begun_with = mark.map(|mark| mark.partitions);
        let partitions = partitions(&share, &fluvio, service)?;
        share.begun_with = Some(partitions);
        if let Some(own) = own(&share, partitions) {
            service.keep_own(own);
        }
        if mark.is_none() {
            if service.taken() > 0 {
                bail!(
                    "{} holds the customers of a process that read everything: begin in an empty \
                     folder, and the topics are read from their oldest records",
                    folder.display()
                );
            }
            let (ordinal, processes) = (share.ordinal, share.processes);
            Mark { ordinal, processes, partitions, reads: share.extent }
                .write(&folder)
                .with_context(|| format!("cannot mark the folder {}", folder.display()))?;
        }
        let read = |topic: &&String| !share.is_whole(topic);
        let topics: Vec<String> = fluvio.topics.iter().filter(read).cloned().collect();
        let (lags, told, running) = (Arc::clone(metrics), Arc::clone(service), running.clone());
        let holding = Holding::start(Parts {
            topic: cluster.control_topic,
            lease: Duration::from_millis(cluster.lease_ms).max(LEASE_MIN),
            process: format!("{} ({} of {})", host_name(), share.ordinal, share.processes),
            partitions: share.owned(partitions),
            share: share.clone(),
            permission,
            behind: Box::new(move |partition| {
                let number = partition.to_string();
                let lag = |topic: &String| {
                    lags.source_lag_records.with_label_values(&[topic.as_str(), &number]).get()
                };
                topics.iter().map(lag).sum()
            }),
            report: Box::new(move |standing| stand(standing, &told, &running)),
            config: fluvio,
        })?;
        Ok((share, holding))
    }
}

/// The entities of a process that sees others' as well.
fn own(share: &Share, partitions: u32) -> Option<Own> {
    let everything = share.extent == Extent::Everything;
    everything.then(|| Own::new((share.ordinal, share.processes), partitions))
}

/// What follows from how it stands with the claim.
fn stand(standing: &Standing, service: &Service, running: &Running) {
    match standing {
        Standing::Waits(reason) => {
            tracing::warn!(reason, "nothing is sent");
            service.set_silence(Some(format!("nothing is sent: {reason}")));
        }
        Standing::Holds => {
            tracing::info!("the claim holds: this process speaks for its partitions");
            service.set_silence(None);
        }
        Standing::Lost(reason) => {
            service.set_silence(Some(reason.clone()));
            running.raise(anyhow!("{reason}: this process has been replaced, and ends"));
        }
    }
}

/// The number of partitions of the shared topics; asks until it is told.
fn partitions(share: &Share, fluvio: &FluvioConfig, service: &Service) -> anyhow::Result<u32> {
    let cluster = fluvio.cluster()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut told = String::new();
    loop {
        let map = runtime.block_on(cluster.map());
        match map.and_then(|map| share.partitions(&fluvio.topics, &map)) {
            Ok(partitions) => return Ok(partitions),
            Err(error) => {
                let trouble = error.to_string();
                if trouble != told {
                    tracing::warn!(%error, "nothing can be read yet");
                    service.set_silence(Some(trouble.clone()));
                    told = trouble;
                }
            }
        }
        std::thread::sleep(AGAIN);
    }
}

/// Refuses rules that this process cannot follow; warns of those that see its share alone.
pub(super) fn check(rules: &RuleSet) -> anyhow::Result<()> {
    fits(rules).map_err(|reason| anyhow!(reason))?;
    if rules.learns() {
        tracing::warn!(
            "what rules read of other customers is learned from this process's share of them"
        );
    }
    Ok(())
}

/// Whether a process with some of the customers can follow these rules; why not.
pub(in crate::cli) fn fits(rules: &RuleSet) -> Result<(), String> {
    let other = |kind| kind != EntityKind::Customer;
    let found = rules.rules.iter().filter(|rule| rule.mode != Mode::Off && other(rule.entity));
    let names: Vec<&str> = found.map(|rule| &*rule.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(format!(
        "one of several processes does not see all customers of a rep, or all buyers of a product: \
         for {} set `reads = \"everything\"` in [cluster]",
        names.join(", ")
    ))
}

impl Mark {
    fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(MARK);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is damaged: restore it", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn write(self, folder: &Path) -> io::Result<()> {
        let new = folder.join("share.json.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()?;
        fs::rename(&new, folder.join(MARK))?;
        fs::File::open(folder)?.sync_all()
    }
}
