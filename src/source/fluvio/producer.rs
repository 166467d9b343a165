//! How is a record written so that we know what became of it?
//!
//! ```text
//! key ─► partition ─► its leader ─► one request, one answer ─┬─► the offset
//!                                                            ├─► surely not written: try again
//!                                                            └─► perhaps written: send it again
//! ```
//!
//! The client's own producer queues, retries for minutes and forgets a batch when its connection
//! breaks. Here a request fails at once and says how; whoever sends keeps what is to be sent, and
//! receivers know repeats by their ids. Requests for one partition follow each other, so they are
//! written in the order in which they were sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fluvio::Isolation;
use fluvio::dataplane::Encoder as _;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::record::Batch;
use fluvio::dataplane::record::ProducerBatchHeader as _;
use fluvio::dataplane::record::RawRecords;
use fluvio::dataplane::record::Record;
use fluvio::dataplane::record::RecordSet;
use fluvio_spu_schema::produce::DefaultPartitionRequest;
use fluvio_spu_schema::produce::DefaultProduceRequest;
use fluvio_spu_schema::produce::DefaultTopicRequest;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::source::fluvio::cluster::Broker;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::partition;
use crate::time;

/// How long a broker may take to write a record: its followers may be slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes records; one at a time to each partition.
pub struct Producer {
    cluster: Cluster,
    /// A connection for each partition, made when it is first needed.
    partitions: Mutex<HashMap<(String, u32), Connection>>,
}

/// The connection of a partition, while there is one; whoever uses it holds the lock.
type Connection = Arc<Mutex<Option<Broker>>>;

/// What became of a record that has no answer that it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProduceError {
    /// It was not written.
    #[error("not written: {0}")]
    NotWritten(String),
    /// It may have been written.
    #[error("perhaps written: {0}")]
    Uncertain(String),
    /// It will not be written, however often it is sent.
    #[error("refused: {0}")]
    Refused(String),
}

impl Producer {
    /// Writes to this cluster; nothing is asked yet.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, partitions: Mutex::default() }
    }

    /// Writes values of one key, all or none, behind each other; the offset of the first.
    ///
    /// Fails at once; what to do then is the caller's, see [`ProduceError`].
    pub async fn send(
        &self,
        topic: &str,
        key: &str,
        values: &[Vec<u8>],
    ) -> Result<i64, ProduceError> {
        let not_written =
            |error: &dyn std::fmt::Display| ProduceError::NotWritten(error.to_string());
        let map = self.cluster.last_map().await.map_err(|error| not_written(&error))?;
        let count = map.partitions(topic).map_or(0, |partitions| partitions.len());
        let number = partition::of_key(key.as_bytes(), u32::try_from(count).unwrap_or(0));
        let address = map.leader(topic, number).map_err(|error| not_written(&error))?;
        let place = (topic.to_owned(), number);
        let slot = Arc::clone(self.partitions.lock().await.entry(place).or_default());
        let mut connection = slot.lock().await;
        // A connection is taken out while it is in use: whatever breaks off, breaks it.
        let broker = match connection.take().filter(|broker| !broker.serial.is_stale()) {
            Some(broker) => broker,
            None => self.cluster.broker(address).await.map_err(|error| not_written(&error))?,
        };
        let request = request(topic, number, batch(key, values)?);
        let answer = timeout(PATIENCE, broker.serial.send_receive(request)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(ProduceError::Uncertain(error.to_string())),
            Err(_) => return Err(ProduceError::Uncertain("no answer in time".to_owned())),
        };
        let Some(done) = answer.find_partition_response(topic, number) else {
            return Err(ProduceError::Uncertain("the answer is about another record".to_owned()));
        };
        match &done.error_code {
            ErrorCode::None => {
                *connection = Some(broker);
                Ok(done.base_offset)
            }
            code @ (ErrorCode::MessageTooLarge | ErrorCode::PermissionDenied) => {
                Err(ProduceError::Refused(code.to_string()))
            }
            // Written by the leader, and not heard of by its followers in time.
            code @ ErrorCode::RequestTimedOut { .. } => {
                Err(ProduceError::Uncertain(code.to_string()))
            }
            code => Err(ProduceError::NotWritten(code.to_string())),
        }
    }
}

fn batch(key: &str, values: &[Vec<u8>]) -> Result<Batch<RawRecords>, ProduceError> {
    let records: Vec<Record> =
        values.iter().map(|value| Record::new_key_value(key, value.clone())).collect();
    let whole: Batch = Batch::from(records);
    let mut bytes = Vec::new();
    let encoded = whole.records().encode(&mut bytes, 0);
    encoded.map_err(|error| ProduceError::Refused(error.to_string()))?;
    let mut batch = Batch::<RawRecords>::new();
    batch.header = whole.header.clone();
    batch.batch_len = whole.batch_len;
    let now = time::now().millis();
    batch.header.set_first_timestamp(now);
    batch.header.set_max_time_stamp(now);
    *batch.mut_records() = RawRecords(bytes.into());
    Ok(batch)
}

fn request(topic: &str, partition: u32, batch: Batch<RawRecords>) -> DefaultProduceRequest {
    let records = RecordSet { batches: vec![batch] };
    let partition = DefaultPartitionRequest { partition_index: partition, records };
    let topic = DefaultTopicRequest {
        name: topic.to_owned(),
        partitions: vec![partition],
        ..DefaultTopicRequest::default()
    };
    DefaultProduceRequest {
        // Answered once it is committed: what is read by those who read committed records.
        isolation: Isolation::ReadCommitted,
        timeout: PATIENCE,
        topics: vec![topic],
        ..DefaultProduceRequest::default()
    }
}
