//! The requests that the client makes, and their answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluvio::dataplane::Decoder;
use fluvio::dataplane::Encoder;
use fluvio::dataplane::Version;
use fluvio::dataplane::api::Request;
use fluvio::dataplane::api::RequestHeader;
use fluvio::dataplane::bytes::Buf;
use fluvio::dataplane::bytes::BufMut;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::link::versions::ApiVersionKey;
use fluvio::dataplane::link::versions::ApiVersionsRequest;
use fluvio::dataplane::link::versions::ApiVersionsResponse;
use fluvio::metadata::objects::CreateRequest;
use fluvio::metadata::objects::ListRequest;
use fluvio::metadata::objects::ListResponse;
use fluvio::metadata::objects::Metadata;
use fluvio::metadata::objects::MetadataUpdate;
use fluvio::metadata::objects::ObjectApiCreateRequest;
use fluvio::metadata::objects::ObjectApiListRequest;
use fluvio::metadata::objects::ObjectApiListResponse;
use fluvio::metadata::objects::ObjectApiWatchRequest;
use fluvio::metadata::objects::ObjectApiWatchResponse;
use fluvio::metadata::objects::WatchRequest;
use fluvio::metadata::objects::WatchResponse;
use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::TopicSpec;
use fluvio_sc_schema::Status;
use fluvio_sc_schema::TryEncodableFrom;
use fluvio_spu_schema::fetch::FetchablePartitionResponse;
use fluvio_spu_schema::produce::DefaultProduceRequest;
use fluvio_spu_schema::produce::PartitionProduceResponse;
use fluvio_spu_schema::produce::ProduceResponse;
use fluvio_spu_schema::produce::TopicProduceResponse;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetPartitionResponse;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetTopicResponse;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsResponse;
use fluvio_spu_schema::server::stream_fetch::DefaultStreamFetchRequest;
use fluvio_spu_schema::server::stream_fetch::StreamFetchResponse;
use fluvio_spu_schema::server::update_offset::UpdateOffsetsRequest;
use fluvio_spu_schema::server::update_offset::UpdateOffsetsResponse;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::WriteHalf;
use tokio::sync::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Shared;
use super::State;
use super::log::Fetched;

/// Number of the one broker.
const BROKER: i32 = 5001;

/// Whose port it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Controller,
    Broker,
}

/// One connection.
struct Connection<'a> {
    shared: &'a Arc<Shared>,
    role: Role,
    write: Arc<Mutex<WriteHalf<Socket>>>,
    /// What the readers of the open streams have said.
    sessions: BTreeMap<u32, watch::Sender<i64>>,
    streams: JoinSet<()>,
}

/// What bytes go over: TCP, or TLS over it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

/// Bytes to and from a client.
pub(super) type Socket = Box<dyn Wire>;

/// Serves a connection until the client hangs up.
pub(super) async fn serve(shared: &Arc<Shared>, socket: Socket, role: Role) {
    let (mut read, write) = tokio::io::split(socket);
    let mut connection = Connection {
        shared,
        role,
        write: Arc::new(Mutex::new(write)),
        sessions: BTreeMap::new(),
        streams: JoinSet::new(),
    };
    while let Ok(length) = read.read_i32().await {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        if read.read_exact(&mut bytes).await.is_err() {
            return;
        }
        shared.until(|state| (!state.frozen).then_some(())).await;
        let mut source = &*bytes;
        let header = RequestHeader::decode_from(&mut source, 0).unwrap();
        match connection.answer(&header, &mut source) {
            Some(answer) if connection.write.lock().await.write_all(&answer).await.is_err() => {
                return;
            }
            // The client is to see the end of the connection instead of an answer.
            None if header.api_key() == DefaultProduceRequest::API_KEY => return,
            Some(_) | None => {}
        }
    }
}

impl Connection<'_> {
    fn answer(&mut self, header: &RequestHeader, source: &mut &[u8]) -> Option<Vec<u8>> {
        let version = header.api_version();
        let shared = self.shared;
        // One number means different things to a controller and to a broker.
        match (self.role, header.api_key()) {
            (_, ApiVersionsRequest::API_KEY) => Some(frame(header, &versions(self.role))),
            (Role::Controller, ObjectApiListRequest::API_KEY) => {
                let request = ObjectApiListRequest::decode_from(source, version).unwrap();
                Some(frame(header, &list(shared, &request, version)))
            }
            (Role::Controller, ObjectApiWatchRequest::API_KEY) => {
                let request = ObjectApiWatchRequest::decode_from(source, version).unwrap();
                Some(frame(header, &watch_once(shared, &request, version)))
            }
            (Role::Controller, ObjectApiCreateRequest::API_KEY) => {
                let request = ObjectApiCreateRequest::decode_from(source, version).unwrap();
                Some(frame(header, &create(shared, &request)))
            }
            (Role::Broker, FetchOffsetsRequest::API_KEY) => {
                let request = FetchOffsetsRequest::decode_from(source, version).unwrap();
                Some(frame(header, &offsets(&mut shared.lock(), &request)))
            }
            (Role::Broker, DefaultStreamFetchRequest::API_KEY) => {
                let request = DefaultStreamFetchRequest::decode_from(source, version).unwrap();
                self.open(header.clone(), request);
                None
            }
            (Role::Broker, UpdateOffsetsRequest::API_KEY) => {
                let request = UpdateOffsetsRequest::decode_from(source, version).unwrap();
                for update in &request.offsets {
                    self.sessions[&update.session_id].send_replace(update.offset);
                }
                Some(frame(header, &UpdateOffsetsResponse::default()))
            }
            (Role::Broker, DefaultProduceRequest::API_KEY) => {
                let request = DefaultProduceRequest::decode_from(source, version).unwrap();
                shared.change(|state| produce(state, request)).map(|done| frame(header, &done))
            }
            other => panic!("the client asks for {other:?}, which the stand-in does not know"),
        }
    }

    /// Opens a stream, which goes on beside the other requests.
    fn open(&mut self, header: RequestHeader, request: DefaultStreamFetchRequest) {
        let session = u32::try_from(self.sessions.len()).unwrap() + 1;
        let (tell, mut told) = watch::channel(request.fetch_offset);
        self.sessions.insert(session, tell);
        let (shared, write) = (Arc::clone(self.shared), Arc::clone(&self.write));
        self.streams.spawn(async move {
            loop {
                let at = *told.borrow_and_update();
                let found = shared.until(|state| fetch(state, &request, (session, at))).await;
                let failed = found.partition.error_code.is_error();
                let sent = write.lock().await.write_all(&frame(&header, &found)).await;
                if failed || sent.is_err() || told.changed().await.is_err() {
                    return;
                }
            }
        });
    }
}

fn frame(header: &RequestHeader, answer: &impl Encoder) -> Vec<u8> {
    let mut body = Vec::new();
    header.correlation_id().encode(&mut body, 0).unwrap();
    answer.encode(&mut body, header.api_version()).unwrap();
    let mut bytes = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.append(&mut body);
    bytes
}

fn versions(role: Role) -> ApiVersionsResponse {
    fn of<R: Request>() -> ApiVersionKey {
        let api_key = R::API_KEY.cast_signed();
        ApiVersionKey { api_key, min_version: R::MIN_API_VERSION, max_version: R::MAX_API_VERSION }
    }
    let api_keys = match role {
        Role::Controller => vec![
            of::<ObjectApiListRequest>(),
            of::<ObjectApiWatchRequest>(),
            of::<ObjectApiCreateRequest>(),
        ],
        Role::Broker => vec![
            of::<FetchOffsetsRequest>(),
            of::<DefaultStreamFetchRequest>(),
            of::<UpdateOffsetsRequest>(),
            of::<DefaultProduceRequest>(),
        ],
    };
    // The version is private to the client; it is decoded from its text.
    let mut answer = ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() };
    let mut text = Vec::new();
    "0.18.1".encode(&mut text, 0).unwrap();
    answer.platform_version.decode(&mut &*text, 0).unwrap();
    answer
}

fn partitions(shared: &Shared) -> Vec<Metadata<PartitionSpec>> {
    let state = shared.lock();
    let named = state.topics.iter().flat_map(|(topic, logs)| {
        (0..logs.len()).map(move |partition| Metadata {
            name: format!("{topic}-{partition}"),
            spec: PartitionSpec::new(BROKER, vec![BROKER]),
            ..Metadata::default()
        })
    });
    named.collect()
}

fn topics(shared: &Shared) -> Vec<Metadata<TopicSpec>> {
    let state = shared.lock();
    let named = state.topics.iter().map(|(topic, logs)| Metadata {
        name: topic.clone(),
        spec: TopicSpec::new_computed(u32::try_from(logs.len()).unwrap(), 1, None),
        ..Metadata::default()
    });
    named.collect()
}

fn brokers(shared: &Shared) -> Vec<Metadata<SpuSpec>> {
    if shared.lock().orphaned {
        return Vec::new();
    }
    let (host, port) = (shared.broker.ip().to_string(), shared.broker.port());
    let spec = SpuSpec::new_public_addr(BROKER, port, host);
    vec![Metadata { name: BROKER.to_string(), spec, ..Metadata::default() }]
}

fn list(
    shared: &Shared,
    request: &ObjectApiListRequest,
    version: Version,
) -> ObjectApiListResponse {
    fn is<S>(request: &ObjectApiListRequest) -> bool
    where
        ObjectApiListRequest: TryEncodableFrom<ListRequest<S>>,
    {
        request.downcast().unwrap().is_some()
    }
    let encoded = if is::<PartitionSpec>(request) {
        ObjectApiListResponse::try_encode_from(ListResponse::new(partitions(shared)), version)
    } else if is::<TopicSpec>(request) {
        ObjectApiListResponse::try_encode_from(ListResponse::new(topics(shared)), version)
    } else {
        ObjectApiListResponse::try_encode_from(ListResponse::new(brokers(shared)), version)
    };
    encoded.unwrap()
}

/// The first answer of a watch, which is all that a client of short life ever sees.
fn watch_once(
    shared: &Shared,
    request: &ObjectApiWatchRequest,
    version: Version,
) -> ObjectApiWatchResponse {
    fn is<S: fluvio::metadata::AdminSpec>(request: &ObjectApiWatchRequest) -> bool
    where
        ObjectApiWatchRequest: TryEncodableFrom<WatchRequest<S>>,
    {
        request.downcast().unwrap().is_some()
    }
    let encoded = if is::<PartitionSpec>(request) {
        let all = MetadataUpdate::with_all(0, partitions(shared));
        ObjectApiWatchResponse::try_encode_from(WatchResponse::new(all), version)
    } else if is::<TopicSpec>(request) {
        let all = MetadataUpdate::with_all(0, topics(shared));
        ObjectApiWatchResponse::try_encode_from(WatchResponse::new(all), version)
    } else {
        let all = MetadataUpdate::with_all(0, brokers(shared));
        ObjectApiWatchResponse::try_encode_from(WatchResponse::new(all), version)
    };
    encoded.unwrap()
}

fn create(shared: &Shared, request: &ObjectApiCreateRequest) -> Status {
    let request: CreateRequest<TopicSpec> = request.downcast().unwrap().unwrap();
    let (common, spec) = request.parts();
    shared.change(|state| {
        if state.topics.contains_key(&common.name) {
            return Status::new(common.name, ErrorCode::TopicAlreadyExists, None);
        }
        let logs = (0..spec.replicas().partitions()).map(|_| super::Log::default()).collect();
        state.topics.insert(common.name.clone(), logs);
        Status::new_ok(common.name)
    })
}

/// Whether a request for a partition is to hear that somebody else leads it.
fn refuses(state: &mut State, topic: &str, partition: u32) -> bool {
    let away = state.away.as_ref().is_some_and(|(t, p)| t == topic && *p == partition);
    let refuses = state.not_leader > 0;
    state.not_leader = state.not_leader.saturating_sub(1);
    refuses || away
}

fn offsets(state: &mut State, request: &FetchOffsetsRequest) -> FetchOffsetsResponse {
    let mut answer = FetchOffsetsResponse::default();
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            let index = asked.partition_index;
            let mut found =
                FetchOffsetPartitionResponse { partition_index: index, ..Default::default() };
            let log = state.topics.get(&topic.name).and_then(|logs| logs.get(index as usize));
            match log.map(|log| (log.start, log.end)) {
                Some(_) if refuses(state, &topic.name, index) => {
                    found.error_code = ErrorCode::NotLeaderForPartition;
                }
                Some((start, end)) => {
                    (found.start_offset, found.last_stable_offset) = (start, end);
                }
                None => found.error_code = ErrorCode::NotLeaderForPartition,
            }
            found
        });
        let partitions = partitions.collect();
        answer.topics.push(FetchOffsetTopicResponse { name: topic.name.clone(), partitions });
    }
    answer
}

/// Bytes of batches as they are sent, with their length before them.
#[derive(Debug, Default)]
struct Sent(Vec<u8>);

impl Encoder for Sent {
    fn write_size(&self, _: Version) -> usize {
        4 + self.0.len()
    }

    fn encode<T: BufMut>(&self, into: &mut T, version: Version) -> std::io::Result<()> {
        i32::try_from(self.0.len()).unwrap().encode(into, version)?;
        into.put_slice(&self.0);
        Ok(())
    }
}

impl Decoder for Sent {
    fn decode<T: Buf>(&mut self, _: &mut T, _: Version) -> std::io::Result<()> {
        unreachable!("only the client decodes")
    }
}

fn fetch(
    state: &mut State,
    request: &DefaultStreamFetchRequest,
    (session, at): (u32, i64),
) -> Option<StreamFetchResponse<Sent>> {
    if state.frozen {
        return None;
    }
    let mut partition = FetchablePartitionResponse::<Sent> {
        partition_index: request.partition,
        ..Default::default()
    };
    let logs = state.topics.get(&request.topic);
    let log = logs.and_then(|logs| logs.get(request.partition as usize));
    let found = match log {
        Some(log) => {
            (partition.high_watermark, partition.log_start_offset) = (log.end, log.start);
            log.fetch(at, usize::try_from(request.max_bytes).unwrap())?
        }
        None => Fetched::Error(ErrorCode::NotLeaderForPartition),
    };
    match found {
        Fetched::Bytes(_) if refuses(state, &request.topic, request.partition) => {
            partition.error_code = ErrorCode::NotLeaderForPartition;
        }
        Fetched::Bytes(bytes) => partition.records = Sent(bytes),
        Fetched::Error(error) => partition.error_code = error,
    }
    Some(StreamFetchResponse { topic: request.topic.clone(), stream_id: session, partition })
}

/// Keeps what was sent; `None` if its sender is not to hear of it.
fn produce(state: &mut State, request: DefaultProduceRequest) -> Option<ProduceResponse> {
    let mut answer = ProduceResponse::default();
    for topic in request.topics {
        let mut done = TopicProduceResponse { name: topic.name.clone(), ..Default::default() };
        for part in topic.partitions {
            let index = part.partition_index;
            let mut told =
                PartitionProduceResponse { partition_index: index, ..Default::default() };
            let refuses = refuses(state, &topic.name, index);
            let logs = state.topics.get_mut(&topic.name);
            match logs.and_then(|logs| logs.get_mut(index as usize)).filter(|_| !refuses) {
                Some(log) => {
                    let bases: Vec<i64> =
                        part.records.batches.into_iter().map(|b| log.append_raw(b)).collect();
                    told.base_offset = bases.first().copied().unwrap_or(-1);
                }
                None => told.error_code = ErrorCode::NotLeaderForPartition,
            }
            done.partitions.push(told);
        }
        answer.responses.push(done);
    }
    if state.unanswered > 0 {
        state.unanswered -= 1;
        return None;
    }
    Some(answer)
}
