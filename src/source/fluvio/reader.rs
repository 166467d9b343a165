//! One partition: how is it read without losing a record unnoticed?
//!
//! ```text
//! leader? ─► connect ─► bounds ─► stream from `next` ─► whole batches ─► lane ─► acknowledge
//!    ▲                    │                                  │                     │
//!    │ pause              └─ evicted, beyond the end         └─ gap, cut, silence  └─ the next one
//!    └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! The client's own streams lose records when the broker cuts a batch at the end of a response,
//! and when they connect again by themselves. Here each partition has its own connection; only a
//! whole batch that begins where the last one ended is taken, and anything else ends the
//! connection. The next one begins at the first record that was not taken.
//!
//! Beside the stream the partition is asked for its end again and again: that tells a broker that
//! is silent from one that has nothing to say, and how far behind we are.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use fluvio::Isolation;
use fluvio::dataplane::api::Request as _;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::record::Batch;
use fluvio::dataplane::record::RawRecords;
use fluvio::dataplane::record::ReplicaKey;
use fluvio_socket::AsyncResponse;
use fluvio_socket::SocketError;
use fluvio_socket::VersionedSerialSocket;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;
use fluvio_spu_schema::server::stream_fetch::DefaultStreamFetchRequest;
use fluvio_spu_schema::server::stream_fetch::DefaultStreamFetchResponse;
use fluvio_spu_schema::server::update_offset::OffsetUpdate;
use fluvio_spu_schema::server::update_offset::UpdateOffsetsRequest;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use crate::event::Feedback;
use crate::event::Record;
use crate::event::Symbols;
use crate::event::decode::Decoder;
use crate::event::decode::Refusal;
use crate::event::symbol::Writer;
use crate::metrics::Metrics;
use crate::source::Refused;
use crate::source::excerpt;
use crate::source::fluvio::batch;
use crate::source::fluvio::batch::BatchError;
use crate::source::fluvio::batch::Entry;
use crate::source::fluvio::cluster::Broker;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::cluster::ClusterError;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::config::OnLoss;
use crate::source::fluvio::config::Start;
use crate::source::log::lanes;
use crate::source::log::lanes::Lanes;
use crate::source::log::lanes::Portion;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// The largest response that is asked for when a batch does not fit into less.
const FETCH_BYTES_MAX: u32 = 64 << 20;

/// Records that are decoded before the names are free again for who else needs them.
const DECODED_AT_ONCE: usize = 16;

/// How far ahead of the wall clock an event may lie: one from next year would let every silence
/// of every customer pass at once.
const AHEAD_MAX: Span = Span::DAY;

/// What the readers of a source share.
pub(crate) struct Shared {
    /// The way to the brokers.
    pub(crate) cluster: Cluster,
    /// Where records go.
    pub(crate) lanes: Arc<Lanes>,
    /// How to read.
    pub(crate) config: FluvioConfig,
    /// The engine's names.
    pub(crate) symbols: Symbols,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// The reader of one partition.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    lane: usize,
    topic: Arc<str>,
    partition: u32,
    /// `topic/partition`, for dead letters.
    name: Arc<str>,
    decoder: Decoder,
    /// Whether its records are feedback.
    is_feedback: bool,
    fetch_bytes: u32,
    /// Where the stream was last found to be broken: what happens there twice is there to stay.
    broken_at: Option<i64>,
    /// The loss that was told of last: it is not told of at each attempt.
    alarmed_at: Option<i64>,
    /// When the last connection began to bring records, if it ever did.
    connected: Option<Instant>,
}

/// Why a partition cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The way to its leader is not known.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Socket(#[from] SocketError),
    /// The broker hung up.
    #[error("the broker hung up")]
    Closed,
    /// The broker says no.
    #[error("the broker refuses: {0}")]
    Refused(ErrorCode),
    /// The broker says nothing.
    #[error("the broker has been silent for {} ms", .0.as_millis())]
    Silent(Duration),
    /// The broker answers and does not send what it has.
    #[error("the broker holds records back from offset {0} on")]
    Stalled(i64),
    /// A batch that does not fit into a response.
    #[error("a batch at offset {at} is larger than {bytes} bytes: asking for more")]
    Large {
        /// Where it begins, or earlier.
        at: i64,
        /// What was asked for.
        bytes: u32,
    },
    /// The lane stands elsewhere: another reader fills it.
    #[error("the lane stands at {0:?}, not where its reader does")]
    Apart(Option<i64>),
    /// Something is wrong, as far as this connection shows.
    #[error("at offset {at}: {cause}; asking again")]
    Broken {
        /// The first offset that is missing.
        at: i64,
        /// Why.
        cause: Cause,
    },
    /// Records are gone.
    #[error("{0}")]
    Lost(Loss),
}

/// Records that will not come any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The first of them.
    pub(crate) from: i64,
    /// The first record behind them.
    pub(crate) to: i64,
    /// Where reading goes on without them.
    pub(crate) resume: i64,
    /// Why they are missing.
    pub(crate) cause: Cause,
}

/// Why records are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Retention has deleted them.
    Evicted,
    /// The partition ends before them: it was made anew, or its broker lost what it had.
    Beyond,
    /// The broker leaves them out.
    Gap,
    /// They cannot be read.
    Unreadable(BatchError),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Evicted => f.write_str("deleted by the topic's retention"),
            Self::Beyond => f.write_str("behind the end of the partition"),
            Self::Gap => f.write_str("left out by the broker"),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, cause, .. } = self;
        match cause {
            Cause::Evicted => write!(
                f,
                "records {from} to {} were deleted by the topic's retention before they were read",
                to - 1
            ),
            Cause::Beyond => write!(
                f,
                "record {from} is to be read next, but the partition ends before {to}: it was \
                 made anew, or its broker lost records"
            ),
            Cause::Gap => write!(f, "the broker leaves out records {from} to {}", to - 1),
            Cause::Unreadable(error) => {
                write!(f, "records {from} to {} cannot be read: {error}", to - 1)
            }
        }?;
        f.write_str("; to go on without them, set `on_loss = \"skip\"`")
    }
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Offset of its oldest record.
    pub(crate) first: i64,
    /// Offset behind its newest record.
    pub(crate) end: i64,
}

impl Reader {
    /// The reader of a lane.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        (lane, topic, partition): (usize, &Arc<str>, u32),
        decoder: Decoder,
    ) -> Self {
        // A counter that first shows at one has, to Prometheus, never risen.
        let metrics = &shared.metrics;
        for counter in [
            &metrics.source_records_total,
            &metrics.source_reconnects_total,
            &metrics.source_gaps_total,
            &metrics.source_lost_records_total,
        ] {
            counter.with_label_values(&[&**topic]).inc_by(0);
        }
        Self {
            shared: Arc::clone(shared),
            lane,
            topic: Arc::clone(topic),
            partition,
            name: Arc::from(format!("{topic}/{partition}")),
            decoder,
            is_feedback: shared.config.is_feedback(topic),
            fetch_bytes: shared.config.fetch_bytes.clamp(1 << 10, FETCH_BYTES_MAX),
            broken_at: None,
            alarmed_at: None,
            connected: None,
        }
    }

    /// Reads for ever; to be dropped when it is to end.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut attempt = 0;
        loop {
            let before = self.shared.lanes.read(self.lane);
            self.connected = None;
            let Err(error) = self.session().await;
            // One that stood for a while was sound, though there may have been nothing to read.
            let stood = self.connected.is_some_and(|at| {
                time::steady().saturating_duration_since(at) > self.shared.config.heartbeat()
            });
            if stood || self.shared.lanes.read(self.lane) != before {
                attempt = 0;
            }
            let labels = [&*self.topic];
            self.shared.metrics.source_reconnects_total.with_label_values(&labels).inc();
            if let ReadError::Lost(loss) = &error {
                self.alarm(loss);
            } else {
                tracing::warn!(partition = &*self.name, %error, "reading was interrupted");
            }
            self.shared.lanes.down(self.lane, error.to_string());
            if let ReadError::Lost(loss) = &error
                && self.shared.config.on_loss == OnLoss::Skip
            {
                self.skip(loss).await;
            }
            let most = self.shared.config.retry_max();
            tokio::time::sleep(lanes::pause(self.lane, attempt, most)).await;
            attempt += 1;
        }
    }

    /// Records are gone: tells so, once.
    fn alarm(&mut self, loss: &Loss) {
        if self.alarmed_at.replace(loss.from) == Some(loss.from) {
            return;
        }
        let gone = u64::try_from(loss.resume.saturating_sub(loss.from)).unwrap_or(0);
        tracing::error!(partition = &*self.name, records = gone, "{loss}");
        let labels = [&*self.topic];
        let metrics = &self.shared.metrics;
        metrics.source_gaps_total.with_label_values(&labels).inc();
        metrics.source_lost_records_total.with_label_values(&labels).inc_by(gone);
    }

    /// Goes past records that are gone.
    async fn skip(&mut self, loss: &Loss) {
        let portion = Portion::empty(loss.from, loss.resume);
        let end = loss.to.max(loss.resume);
        if self.shared.lanes.push(self.lane, (portion, end), || ()).await.is_ok() {
            self.alarmed_at = None;
        }
    }

    /// One connection, up to its end.
    async fn session(&mut self) -> Result<Infallible, ReadError> {
        let shared = Arc::clone(&self.shared);
        let address = shared.cluster.leader(&self.topic, self.partition).await?;
        let mut broker = shared.cluster.broker(&address).await?;
        let bounds = self.bounds(&broker.serial).await?;
        let next = self.begin(bounds).await?;
        let (request, version) = self.request(next, &broker);
        let opening = broker.stream.create_stream_with_version(request, version);
        let patience = shared.config.timeout();
        let stream =
            timeout(patience, opening).await.map_err(|_| ReadError::Silent(patience))??;
        shared.lanes.reading(self.lane, bounds.end);
        self.connected = Some(time::steady());
        let topic = Arc::clone(&self.topic);
        let place = (self.lane, &*topic, self.partition);
        tokio::select! {
            ended = self.follow(stream, &broker.serial) => ended,
            ended = Self::beat(&shared, place, &broker.serial) => ended,
        }
    }

    /// The request for everything from `next` on, and the version of it that the broker knows.
    fn request(&self, next: i64, broker: &Broker) -> (DefaultStreamFetchRequest, i16) {
        let mut request = DefaultStreamFetchRequest::default();
        request.topic = self.topic.to_string();
        request.partition = self.partition;
        request.fetch_offset = next;
        request.max_bytes = i32::try_from(self.fetch_bytes).unwrap_or(i32::MAX);
        request.isolation = Isolation::ReadCommitted;
        let version = broker.serial.lookup_version::<DefaultStreamFetchRequest>();
        (request, version.unwrap_or(DefaultStreamFetchRequest::DEFAULT_API_VERSION))
    }

    /// Where to begin, within these bounds.
    async fn begin(&mut self, bounds: Bounds) -> Result<i64, ReadError> {
        let Some(next) = self.shared.lanes.read(self.lane) else {
            let next = match self.shared.config.start {
                Start::Earliest => bounds.first,
                Start::Latest => bounds.end,
            };
            self.push(Portion::empty(next, next), bounds.end).await?;
            return Ok(next);
        };
        let loss = |to, resume, cause| ReadError::Lost(Loss { from: next, to, resume, cause });
        if next < bounds.first {
            return Err(loss(bounds.first, bounds.first, Cause::Evicted));
        }
        if next > bounds.end {
            return Err(loss(bounds.end, bounds.first, Cause::Beyond));
        }
        Ok(next)
    }

    /// Takes what the stream brings, response by response.
    async fn follow(
        &mut self,
        mut stream: AsyncResponse<DefaultStreamFetchRequest>,
        serial: &VersionedSerialSocket,
    ) -> Result<Infallible, ReadError> {
        loop {
            let response = stream.next().await.ok_or(ReadError::Closed)??;
            let arrived = time::steady();
            let session = response.stream_id;
            let next = self.take(response, arrived).await?;
            // The broker sends the next response once it has heard this.
            let update = OffsetUpdate { offset: next, session_id: session };
            serial.send_receive(UpdateOffsetsRequest::new(vec![update])).await?;
        }
    }

    /// Takes the whole batches of a response that follow each other; where to go on.
    async fn take(
        &mut self,
        response: DefaultStreamFetchResponse,
        arrived: Instant,
    ) -> Result<i64, ReadError> {
        let partition = response.partition;
        if partition.error_code.is_error() {
            return Err(ReadError::Refused(partition.error_code));
        }
        let first = self.shared.lanes.read(self.lane).unwrap_or_default();
        let mut portion = Portion { arrived, ..Portion::empty(first, first) };
        let mut ended = Ok(());
        for batch in &partition.records.batches {
            ended = self.take_batch(batch, &mut portion);
            if ended.is_err() {
                break;
            }
        }
        let (next, end) = (portion.next, partition.high_watermark);
        if next > first {
            self.broken_at = None;
            self.push(portion, end).await?;
        }
        match ended {
            Ok(()) => Ok(next),
            // The rest of it comes with the next response.
            Err(Broken::Cut) if next > first => Ok(next),
            Err(Broken::Cut) => Err(self.enlarge(next)),
            Err(Broken::Off(to, cause)) => Err(self.broken(next, to, cause)),
        }
    }

    /// A batch does not fit into a response: asks for more next time.
    fn enlarge(&mut self, at: i64) -> ReadError {
        let bytes = self.fetch_bytes;
        if bytes < FETCH_BYTES_MAX {
            self.fetch_bytes = (bytes * 2).min(FETCH_BYTES_MAX);
            return ReadError::Large { at, bytes };
        }
        let cause = Cause::Unreadable(BatchError::Cut);
        // How many records it has is in its header, which may be cut, too.
        ReadError::Lost(Loss { from: at, to: at + 1, resume: at + 1, cause })
    }

    /// Something is wrong at `at`: once may be the connection, twice is the partition.
    fn broken(&mut self, at: i64, to: i64, cause: Cause) -> ReadError {
        if self.broken_at.replace(at) == Some(at) {
            return ReadError::Lost(Loss { from: at, to, resume: to, cause });
        }
        ReadError::Broken { at, cause }
    }

    fn take_batch(
        &mut self,
        batch: &Batch<RawRecords>,
        portion: &mut Portion,
    ) -> Result<(), Broken> {
        if !batch::is_whole(batch) {
            return Err(Broken::Cut);
        }
        let (begins, ends) = (batch.base_offset, batch.computed_last_offset());
        if ends <= portion.next {
            return Ok(());
        }
        if begins > portion.next {
            return Err(Broken::Off(begins, Cause::Gap));
        }
        let unreadable = |error| Broken::Off(ends, Cause::Unreadable(error));
        let bytes = batch::unpacked(batch).map_err(unreadable)?;
        let entries = batch::entries(&bytes, begins, batch.records_len()).map_err(unreadable)?;
        let latest = time::now() + AHEAD_MAX;
        let new: Vec<_> = entries.iter().filter(|entry| entry.offset >= portion.next).collect();
        let names = self.shared.symbols.clone();
        for some in new.chunks(DECODED_AT_ONCE) {
            let mut symbols = names.write();
            for entry in some {
                self.take_entry(entry, &mut symbols, latest, portion);
            }
        }
        portion.next = ends;
        Ok(())
    }

    /// Decodes one entry; a time behind `latest` is refused.
    fn take_entry(
        &mut self,
        entry: &Entry<'_>,
        symbols: &mut Writer<'_>,
        latest: Timestamp,
        portion: &mut Portion,
    ) {
        let line = entry.value.trim_ascii();
        let decoded = if self.is_feedback {
            let read = Feedback::decode(line, symbols);
            read.map(|feedback| Record::Feedback(Box::new(feedback)))
        } else {
            self.decoder.decode(line, symbols)
        };
        let at = match &decoded {
            Ok(Record::Event(event)) => Some(event.time),
            Ok(Record::Feedback(feedback)) => Some(feedback.deed.at),
            Ok(Record::Reference(_)) | Err(_) => None,
        };
        match (decoded, at) {
            (Ok(_), Some(at)) if at > latest => {
                let reason = Refusal::TimeOutside {
                    field: "occurred_at".to_owned(),
                    found: at,
                    side: "not before",
                    bound: latest,
                    key: "latest",
                };
                portion.refused.push(self.refused(entry, reason));
            }
            (Ok(record), _) => portion.records.push_back((entry.offset, record)),
            (Err(reason), _) => portion.refused.push(self.refused(entry, reason)),
        }
    }

    fn refused(&self, entry: &Entry<'_>, reason: Refusal) -> Refused {
        Refused {
            source: Arc::clone(&self.name),
            position: u64::try_from(entry.offset).unwrap_or(0),
            offset: 0,
            reason,
            excerpt: excerpt(entry.value),
        }
    }

    async fn push(&self, portion: Portion, end: i64) -> Result<(), ReadError> {
        let records = portion.records.len() + portion.refused.len();
        let labels = [&*self.topic];
        let counted = self.shared.metrics.source_records_total.with_label_values(&labels);
        let counts = || counted.inc_by(records as u64);
        let pushed = self.shared.lanes.push(self.lane, (portion, end), counts).await;
        pushed.map_err(|apart| ReadError::Apart(apart.want))
    }

    async fn bounds(&self, serial: &VersionedSerialSocket) -> Result<Bounds, ReadError> {
        bounds(serial, &self.topic, self.partition, self.shared.config.timeout()).await
    }

    /// Asks for the end of the partition again and again; ends when the broker is silent, or when
    /// it has records and does not send them.
    async fn beat(
        shared: &Shared,
        (lane, topic, partition): (usize, &str, u32),
        serial: &VersionedSerialSocket,
    ) -> Result<Infallible, ReadError> {
        let patience = shared.config.timeout();
        let mut moved = (None, time::steady());
        loop {
            let asked = time::now();
            let Bounds { end, .. } = bounds(serial, topic, partition, patience).await?;
            shared.lanes.heard(lane, asked, end);
            let (read, now) = (shared.lanes.read(lane), time::steady());
            if moved.0 != read || read >= Some(end) || shared.lanes.is_full(lane) {
                moved = (read, now);
            } else if now.saturating_duration_since(moved.1) > patience {
                return Err(ReadError::Stalled(read.unwrap_or_default()));
            }
            tokio::time::sleep(shared.config.heartbeat()).await;
        }
    }
}

/// Why the rest of a response is of no use.
enum Broken {
    /// It was cut.
    Cut,
    /// What is wanted next is not there; the first offset behind that, and why.
    Off(i64, Cause),
}

/// First and end of a partition, for those who read what is committed.
pub(crate) async fn bounds(
    serial: &VersionedSerialSocket,
    topic: &str,
    partition: u32,
    patience: Duration,
) -> Result<Bounds, ReadError> {
    let request = FetchOffsetsRequest::new(topic.to_owned(), partition);
    let answer = timeout(patience, serial.send_receive(request)).await;
    let answer = answer.map_err(|_| ReadError::Silent(patience))??;
    let key = ReplicaKey::new(topic, partition);
    let found = answer.find_partition(&key).ok_or(ReadError::Closed)?;
    if found.error_code.is_error() {
        return Err(ReadError::Refused(found.error_code));
    }
    Ok(Bounds { first: found.start_offset, end: found.last_stable_offset })
}
