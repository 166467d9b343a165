//! A Fluvio cluster in the test's own process: one controller, one broker, and faults on demand.
//!
//! ```text
//! client ─► controller: versions, list, watch, create
//!        ─► broker:     versions, produce, fetch offsets, stream fetch, update offsets
//! ```
//!
//! It speaks the protocol to the unmodified client, over sockets of 127.0.0.1, and keeps the
//! broker's habits: a response is cut at `max_bytes`, in the middle of a batch if need be; the next
//! one waits for the reader's word; whoever does not lead a partition says so.

mod protocol;
mod log;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub(crate) use self::log::Log;
use self::protocol::Role;

/// A cluster that stops when it is dropped.
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    controller: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    broker: SocketAddr,
    /// How it encrypts, if it does.
    tls: Option<TlsAcceptor>,
}

/// What the cluster holds, and what is wrong with it.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fault of its own, switched by a test")]
pub(crate) struct State {
    pub(crate) topics: BTreeMap<String, Vec<Log>>,
    /// So many of the next requests hear that somebody else leads.
    pub(crate) not_leader: u32,
    /// Whether the controller knows of no broker.
    pub(crate) orphaned: bool,
    /// A partition that nobody leads.
    pub(crate) away: Option<(String, u32)>,
    /// So many of the next produced batches are kept, and their sender never hears of it.
    pub(crate) unanswered: u32,
    /// Whether the broker listens.
    pub(crate) down: bool,
    /// Whether everybody is silent.
    pub(crate) frozen: bool,
    /// Connections of earlier generations are gone.
    generation: u64,
    stopping: bool,
}

impl StandIn {
    /// A cluster with these topics and partitions.
    pub(crate) fn start(topics: &[(&str, usize)]) -> Self {
        let cluster = Self::listen(None);
        for (topic, partitions) in topics {
            cluster.create(topic, *partitions);
        }
        cluster
    }

    /// A cluster that is spoken to by TLS.
    pub(crate) fn encrypted(tls: TlsAcceptor) -> Self {
        Self::listen(Some(tls))
    }

    fn listen(tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (controllers, brokers) = (bind(), bind());
        let controller = controllers.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: watch::channel(0).0,
            broker: brokers.local_addr().unwrap(),
            tls,
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::join!(
                    accept(&served, controllers, Role::Controller),
                    accept(&served, brokers, Role::Broker),
                )
            });
        });
        Self { shared, controller, thread: Some(thread) }
    }

    /// Where its controller listens.
    pub(crate) fn endpoint(&self) -> String {
        self.controller.to_string()
    }

    pub(crate) fn create(&self, topic: &str, partitions: usize) {
        self.change(|state| {
            let logs = (0..partitions).map(|_| Log::default()).collect();
            state.topics.insert(topic.to_owned(), logs);
        });
    }

    /// Appends one batch.
    pub(crate) fn append(&self, topic: &str, partition: usize, values: &[String]) {
        self.change(|state| state.topics.get_mut(topic).unwrap()[partition].append(values));
    }

    /// Changes what it holds, or what is wrong with it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.change(|state| state.generation += 1);
    }

    /// The broker goes away; its connections with it.
    pub(crate) fn stop_broker(&self) {
        self.change(|state| (state.down, state.generation) = (true, state.generation + 1));
    }

    /// The broker is back, with all that it had.
    pub(crate) fn start_broker(&self) {
        self.change(|state| state.down = false);
    }

    /// Every value of a topic's partition.
    pub(crate) fn values(&self, topic: &str, partition: usize) -> Vec<(Option<String>, String)> {
        self.shared.lock().topics[topic][partition].values()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.change(|state| state.stopping = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.lock());
        self.changed.send_modify(|number| *number += 1);
        done
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            let _ = changed.changed().await;
        }
    }
}

/// Accepts connections until the end; while the broker is away, its port is closed.
async fn accept(shared: &Arc<Shared>, listener: TcpListener, role: Role) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    let away = |state: &State| role == Role::Broker && state.down;
    loop {
        let Some(open) = &listener else {
            let stops = shared.until(|s| (s.stopping || !away(s)).then_some(s.stopping)).await;
            if stops {
                return;
            }
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(address).unwrap();
            listener = Some(socket.listen(64).unwrap());
            continue;
        };
        tokio::select! {
            stops = shared.until(|s| (s.stopping || away(s)).then_some(s.stopping)) => {
                listener = None;
                if stops {
                    return;
                }
            }
            accepted = open.accept() => {
                let (socket, _) = accepted.unwrap();
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    let generation = shared.lock().generation;
                    let cut = shared.until(|state| (state.generation > generation).then_some(()));
                    tokio::select! {
                        () = welcome(&shared, socket, role) => {}
                        () = cut => {}
                    }
                });
            }
        }
    }
}

/// Serves a connection, behind TLS where the cluster has it.
async fn welcome(shared: &Arc<Shared>, socket: TcpStream, role: Role) {
    let _ = socket.set_nodelay(true);
    match &shared.tls {
        None => protocol::serve(shared, Box::new(socket), role).await,
        Some(tls) => {
            if let Ok(socket) = tls.accept(socket).await {
                protocol::serve(shared, Box::new(socket), role).await;
            }
        }
    }
}
