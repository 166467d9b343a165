//! The end of a topic of one partition: everything that was written, up to a place that is known.
//!
//! ```text
//! read(None)       ─► up to the end as the broker tells it now
//! read(Some(9))    ─► up to record 8, ours, with all that others wrote before it
//! ```
//!
//! Unlike [`crate::source::fluvio::reader`], whoever reads here wants the order of a few small
//! records, and no lane, no merge and no journal.

use std::time::Duration;

use fluvio::Isolation;
use fluvio::dataplane::api::Request as _;
use fluvio_socket::AsyncResponse;
use fluvio_spu_schema::server::stream_fetch::DefaultStreamFetchRequest;
use fluvio_spu_schema::server::update_offset::OffsetUpdate;
use fluvio_spu_schema::server::update_offset::UpdateOffsetsRequest;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use crate::source::fluvio::batch;
use crate::source::fluvio::cluster::Broker;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::reader::ReadError;
use crate::source::fluvio::reader::bounds;

/// Bytes of one response.
const FETCH_BYTES: i32 = 1 << 20;

/// A topic that is read up to its end, again and again.
pub(crate) struct Tail {
    cluster: Cluster,
    topic: String,
    patience: Duration,
    /// Offset of the next record; none before the first contact.
    next: Option<i64>,
    open: Option<Open>,
}

/// A connection, and what it brings.
struct Open {
    broker: Broker,
    stream: AsyncResponse<DefaultStreamFetchRequest>,
}

impl Tail {
    /// Begins at the oldest record; nothing is asked yet. Nobody may be silent for longer than
    /// `patience`.
    pub(crate) fn new(cluster: Cluster, topic: &str, patience: Duration) -> Self {
        Self { cluster, topic: topic.to_owned(), patience, next: None, open: None }
    }

    /// Gives every record behind those that were read to `take`, with its offset: up to `until`, or
    /// up to the end of now. What an error leaves unread comes with the next call.
    pub(crate) async fn read(
        &mut self,
        until: Option<i64>,
        take: &mut (dyn FnMut(i64, &[u8]) + Send),
    ) -> Result<(), ReadError> {
        // A connection that is given up midway, by an error or by the caller, is not used again.
        let open = match self.open.take() {
            Some(open) if !open.broker.serial.is_stale() => open,
            _ => self.connect().await?,
        };
        self.open = Some(self.follow(open, until, take).await?);
        Ok(())
    }

    async fn connect(&mut self) -> Result<Open, ReadError> {
        let address = self.cluster.leader(&self.topic, 0).await?;
        let mut broker = self.cluster.broker(&address).await?;
        let found = bounds(&broker.serial, &self.topic, 0, self.patience).await?;
        // What retention took meanwhile is not missed: later records say what still holds.
        let next = self.next.unwrap_or(found.first).max(found.first);
        self.next = Some(next);
        let mut request = DefaultStreamFetchRequest::default();
        request.topic.clone_from(&self.topic);
        request.fetch_offset = next;
        request.max_bytes = FETCH_BYTES;
        request.isolation = Isolation::ReadCommitted;
        let version = broker.serial.lookup_version::<DefaultStreamFetchRequest>();
        let version = version.unwrap_or(DefaultStreamFetchRequest::DEFAULT_API_VERSION);
        let opening = broker.stream.create_stream_with_version(request, version);
        let stream = timeout(self.patience, opening).await;
        let stream = stream.map_err(|_| ReadError::Silent(self.patience))??;
        Ok(Open { broker, stream })
    }

    async fn follow(
        &mut self,
        mut open: Open,
        until: Option<i64>,
        take: &mut (dyn FnMut(i64, &[u8]) + Send),
    ) -> Result<Open, ReadError> {
        let serial = &open.broker.serial;
        let until = match until {
            Some(until) => until,
            None => bounds(serial, &self.topic, 0, self.patience).await?.end,
        };
        let mut next = self.next.unwrap_or_default();
        while next < until {
            let response = timeout(self.patience, open.stream.next()).await;
            let response = response.map_err(|_| ReadError::Silent(self.patience))?;
            let response = response.ok_or(ReadError::Closed)??;
            let partition = response.partition;
            if partition.error_code.is_error() {
                return Err(ReadError::Refused(partition.error_code));
            }
            let before = next;
            for batch in partition.records.batches.iter().filter(|b| batch::is_whole(b)) {
                let (begins, ends) = (batch.base_offset, batch.computed_last_offset());
                if ends <= next {
                    continue;
                }
                match batch::unpacked(batch) {
                    Ok(bytes) => match batch::entries(&bytes, begins, batch.records_len()) {
                        Ok(entries) => {
                            let new = entries.iter().filter(|entry| entry.offset >= next);
                            new.for_each(|entry| take(entry.offset, entry.value));
                        }
                        Err(error) => tracing::warn!(at = begins, %error, "a batch is left out"),
                    },
                    Err(error) => tracing::warn!(at = begins, %error, "a batch is left out"),
                }
                next = ends;
                self.next = Some(next);
            }
            if next == before {
                return Err(ReadError::Stalled(next));
            }
            let update = OffsetUpdate { offset: next, session_id: response.stream_id };
            serial.send_receive(UpdateOffsetsRequest::new(vec![update])).await?;
        }
        Ok(open)
    }
}
