//! How do refused records reach a topic? Behind their file, which has all of them.
//!
//! ```text
//! DeadLetters ─► file
//!            └─► ║queue║ ─► one thread ─► topic, keyed by source      full: counted, in the file only
//! ```
//!
//! A letter that the cluster does not take is sent again until it does, in order; so while the
//! program runs it is there at least once.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::source::dead_letter::Forward;
use crate::source::dead_letter::Letters;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::producer::ProduceError;
use crate::source::fluvio::producer::Producer;
use crate::source::log::lanes;

/// Letters that wait to be sent.
const WAITING_MAX: usize = 4_096;

/// Letters that are sent in one go.
const BATCH: usize = 256;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Starts to send letters to a topic; it ends when the last [`Letters`] is dropped.
fn start(cluster: Cluster, topic: String) -> io::Result<Letters> {
    let (letters, waiting) = std::sync::mpsc::sync_channel(WAITING_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("letters".to_owned()).spawn(move || {
        runtime.block_on(send(&Producer::new(cluster), &topic, &waiting));
    })?;
    Ok(letters)
}

/// Nothing else runs on this runtime, so that waiting for letters may block it.
async fn send(producer: &Producer, topic: &str, waiting: &Receiver<Forward>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| waiting.recv().ok()) {
        let (key, mut lines) = (first.source, vec![first.line]);
        while lines.len() < BATCH
            && let Ok(letter) = waiting.try_recv()
        {
            if letter.source != key {
                next = Some(letter);
                break;
            }
            lines.push(letter.line);
        }
        let mut attempt = 0;
        while let Err(error) = producer.send(topic, &key, &lines).await {
            tracing::warn!(topic, %error, letters = lines.len(), "dead letters wait");
            if matches!(error, ProduceError::Refused(_)) {
                break;
            }
            tokio::time::sleep(lanes::pause(0, attempt, PAUSE_MAX)).await;
            attempt += 1;
        }
    }
}

impl FluvioConfig {
    /// The way to the topic of the dead letters, if there is one.
    pub fn letters(&self) -> io::Result<Option<Letters>> {
        if !self.is_used() || self.dead_letters_topic.is_empty() {
            return Ok(None);
        }
        let cluster = self.cluster().map_err(io::Error::other)?;
        start(cluster, self.dead_letters_topic.clone()).map(Some)
    }
}
