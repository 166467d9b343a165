//! The section `[fluvio]` of the configuration: which topics are read and written, and how.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::connector::Connector;
use crate::source::fluvio::tls::Tls;
use crate::source::fluvio::tls::TlsError;

/// Section `[fluvio]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FluvioConfig {
    /// Host and port of the cluster's controller; empty where there is no Fluvio.
    pub endpoint: String,
    /// Topics that are read, each with all its partitions.
    pub topics: Vec<String>,
    /// Which of them has what people do with alerts, written by us and by other programs; empty where it
    /// stays in the journal alone.
    pub feedback_topic: String,
    /// Topic to which refused records go; empty for none.
    pub dead_letters_topic: String,
    /// Where a partition is begun that was never read.
    pub start: Start,
    /// What becomes of a partition whose next records are gone for good.
    pub on_loss: OnLoss,
    /// Bytes of one response.
    pub fetch_bytes: u32,
    /// How often each partition is asked for its end: so soon a broker's silence is noticed.
    pub heartbeat_ms: u64,
    /// How long a broker may take to answer.
    pub timeout_ms: u64,
    /// The longest pause between two attempts to connect.
    pub retry_ms_max: u64,
    /// How long the other partitions wait for one that cannot be read, so that everything is taken
    /// in the order in which it happened; after that they go on, and event time stands still;
    /// while a backlog is read, two minutes at least.
    pub wait_ms: u64,
    /// File with the certificates of those who sign the cluster's (PEM): with it, all goes by TLS.
    pub tls_ca_file: String,
    /// The name in the cluster's certificates; the host that is connected to when empty.
    pub tls_domain: String,
    /// File with our own certificate (PEM), where the cluster asks for one.
    pub tls_cert_file: String,
    /// File with its key (PEM).
    pub tls_key_file: String,
}

/// Where a partition is begun that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At its oldest record.
    Earliest,
    /// Behind its newest record.
    Latest,
}

/// What becomes of a partition whose next records are gone for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// It is not read on, and the server says that it is not ready.
    Stop,
    /// It is read on behind the gap, which is counted and logged.
    Skip,
}

impl Default for FluvioConfig {
    fn default() -> Self {
        let topics =
            ["transactions", "interactions", "customers", "products", "reps", "agreements"];
        Self {
            endpoint: String::new(),
            topics: topics.map(str::to_owned).to_vec(),
            feedback_topic: String::new(),
            dead_letters_topic: String::new(),
            start: Start::Earliest,
            on_loss: OnLoss::Stop,
            fetch_bytes: 256 << 10,
            heartbeat_ms: 500,
            timeout_ms: 5_000,
            retry_ms_max: 5_000,
            wait_ms: 10_000,
            tls_ca_file: String::new(),
            tls_domain: String::new(),
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
        }
    }
}

impl FluvioConfig {
    /// Whether there is a cluster to be used.
    pub fn is_used(&self) -> bool {
        !self.endpoint.is_empty()
    }

    /// The cluster; nothing is asked yet. Fails where a file of TLS is of no use.
    pub fn cluster(&self) -> Result<Cluster, TlsError> {
        let connector = Connector::new(Tls::new(self)?);
        Ok(Cluster::new(&self.endpoint, connector, self.timeout()))
    }

    /// Reads the topic of feedback as one of the topics, also where only its name was written.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if !self.feedback_topic.is_empty() && !self.topics.contains(&self.feedback_topic) {
            self.topics.push(self.feedback_topic.clone());
        }
        self
    }

    /// Whether this topic has what people do with alerts.
    pub fn is_feedback(&self, topic: &str) -> bool {
        !topic.is_empty() && topic == self.feedback_topic
    }

    /// The topics that are used, and for what.
    pub fn uses(&self) -> Vec<(&str, &'static str)> {
        let used = |topic| if self.is_feedback(topic) { "feedback" } else { "read" };
        let read = self.topics.iter().map(|topic| (topic.as_str(), used(topic)));
        let letters = Some(self.dead_letters_topic.as_str()).filter(|topic| !topic.is_empty());
        read.chain(letters.map(|topic| (topic, "dead letters"))).collect()
    }

    /// How often each partition is asked for its end.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.max(10))
    }

    /// How long a broker may take to answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(10))
    }

    /// The longest pause between two attempts to connect.
    pub fn retry_max(&self) -> Duration {
        Duration::from_millis(self.retry_ms_max.max(10))
    }
}
