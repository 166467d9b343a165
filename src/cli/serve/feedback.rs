//! What people do with alerts goes to a topic first, where there is one for it.
//!
//! ```text
//! a click ─► topic, by the customer's key ─► read as all records are ─► journal, engine
//! ```
//!
//! So it is where all processes look for what has happened, and whoever reads the topics anew reads it,
//! too. Without an answer of the broker nothing was done, or it was and is seen a moment later.

use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::engine::port::IngestError;
use crate::engine::service::Service;
use crate::event::Feedback;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::producer::ProduceError;
use crate::source::fluvio::producer::Producer;

/// Writes; its runtime may be dropped anywhere.
struct Writer {
    producer: Producer,
    topic: String,
    runtime: Option<Runtime>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets the service write to the topic of feedback, if there is one.
pub(super) fn write_through(config: &FluvioConfig, service: &Arc<Service>) -> anyhow::Result<()> {
    if config.feedback_topic.is_empty() {
        return Ok(());
    }
    let (producer, topic) = (Producer::new(config.cluster()?), config.feedback_topic.clone());
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("feedback")
        .enable_all()
        .build()?;
    let writer = Writer { producer, topic, runtime: Some(runtime) };
    service.act_through(Box::new(move |feedback, entity| writer.write(feedback, entity)));
    Ok(())
}

impl Writer {
    fn write(&self, feedback: &Feedback, entity: &str) -> Result<(), IngestError> {
        let Some(runtime) = &self.runtime else { return Err(IngestError::Stopped) };
        let values = [feedback.encode(entity)];
        match runtime.block_on(self.producer.send(&self.topic, entity, &values)) {
            Ok(_) => Ok(()),
            Err(ProduceError::Refused(reason)) => Err(IngestError::Refused(reason)),
            Err(error) => Err(IngestError::Away(format!("the topic `{}`: {error}", self.topic))),
        }
    }
}
