//! The courier: carries deliveries to their channels until they are there, or given up.
//!
//! ```text
//! feed, or a second ─► plan ─► wake ─┬► [channel] claim ─► attempt … attempt ─► settle
//!                                    ├► [channel]   ▲ no more than the breaker, the rate and
//!                                    └► …           │ the number at once allow
//!                                                   └── pause, Retry-After
//! ```
//!
//! Every channel has a task of its own, so that one that hangs holds up no other. Told to stop, no
//! attempt begins any more; those under way get a while to end, and what is then cut off is
//! uncertain when the program is back.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::delivery::Feed;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Message;
use crate::delivery::channel::config::Configured;
use crate::delivery::desk::Desk;
use crate::delivery::inbox::InboxError;
use crate::delivery::outbox::About;
use crate::delivery::outbox::Claim;
use crate::delivery::outbox::Outbox;
use crate::delivery::outbox::Status;
use crate::delivery::outbox::Verdict;
use crate::delivery::pace::Breaker;
use crate::delivery::pace::Bucket;
use crate::delivery::plan::Origin;
use crate::delivery::plan::Planner;
use crate::metrics::Metrics;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// How long attempts under way may take once the program is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked for what nobody has told of: a re-drive by hand, the passing of time.
const ROUND: Duration = Duration::from_secs(1);
/// How often the gauges are brought up to date.
const MEASURED: Duration = Duration::from_secs(5);
/// How soon it is looked again where something waits for its turn.
const TURN: Duration = Duration::from_millis(50);

/// What a courier works with.
pub struct Parts {
    /// The checked configuration.
    pub desk: Arc<Desk>,
    /// The deliveries.
    pub outbox: Outbox,
    /// Tells of changes in the inbox.
    pub feed: Feed,
    /// Who tells of alerts.
    pub origin: Arc<dyn Origin>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What time it is: when messages are due, and which day's budget they are of.
    pub clock: Clock,
    /// Whether anything may be sent at this moment.
    pub permit: Permit,
}

/// A clock: the wall's, or that of recorded events which are played.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Says whether anything may be sent at this moment: always, unless another process may have taken
/// this one's place.
pub type Permit = Arc<dyn Fn() -> bool + Send + Sync>;

/// A courier at work.
pub struct Courier {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Courier {
    /// Starts on the running runtime; attempts that were cut off are made again.
    pub fn start(parts: Parts) -> Result<Self, InboxError> {
        let Parts { desk, outbox, feed, origin, metrics, clock, permit } = parts;
        let cut_off = outbox.recover(clock())?;
        if cut_off > 0 {
            tracing::warn!(deliveries = cut_off, "attempts were cut off: they are made again");
        }
        let planner = Arc::new(Planner::new(outbox.clone(), Arc::clone(&desk), origin)?);
        planner.begin(clock())?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut wakes = Vec::new();
        for configured in desk.channels.values() {
            let wake = Arc::new(Notify::new());
            wakes.push(Arc::clone(&wake));
            let carrier = Carrier {
                outbox: outbox.clone(),
                desk: Arc::clone(&desk),
                configured: Arc::clone(configured),
                metrics: Arc::clone(&metrics),
                breaker: Breaker::default(),
                bucket: Bucket::new(configured.per_minute, clock()),
                rests_until: Timestamp::MIN,
                is_gone: false,
                unsettled: Vec::new(),
                clock: Arc::clone(&clock),
                permit: Arc::clone(&permit),
            };
            tasks.spawn(carrier.run(wake, stopping.clone()));
        }
        let planning = Planning { planner, feed, wakes, outbox, metrics, clock };
        tasks.spawn(planning.run(stopping));
        Ok(Self { stop, tasks })
    }

    /// Begins nothing any more, and waits for what is under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("attempts are cut off: they are made again after the next start");
        }
    }
}

/// Does blocking work, and logs what went wrong.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InboxError> + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "the outbox failed: it is tried again");
            None
        }
        Err(error) => {
            tracing::error!(%error, "the outbox broke off");
            None
        }
    }
}

/// What plans, and what it needs.
struct Planning {
    planner: Arc<Planner>,
    feed: Feed,
    wakes: Vec<Arc<Notify>>,
    outbox: Outbox,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Planning {
    /// Plans whenever something has changed, and at least every second.
    async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut changes = self.feed.listen();
        let mut measured = None;
        while !*stopping.borrow() {
            let (stepping, now) = (Arc::clone(&self.planner), (self.clock)());
            let step = blocking(move || stepping.step(now)).await;
            let is_behind = step.as_ref().is_some_and(|step| step.is_behind);
            if step.as_ref().is_none_or(|step| step.changes > 0) {
                for wake in &self.wakes {
                    wake.notify_one();
                }
            }
            self.feed.tell(step.map(|step| step.withdrawn).unwrap_or_default());
            if measured.is_none_or(|last: Instant| last.elapsed() >= MEASURED) {
                measured = Some(time::steady());
                let (outbox, metrics) = (self.outbox.clone(), Arc::clone(&self.metrics));
                blocking(move || measure(&outbox, &metrics, now)).await;
            }
            if is_behind {
                continue;
            }
            tokio::select! {
                _ = stopping.changed() => {}
                () = tokio::time::sleep(ROUND) => {}
                // A change that was missed is in the inbox all the same.
                heard = changes.recv() => if matches!(heard, Err(RecvError::Closed)) {
                    tokio::time::sleep(ROUND).await;
                },
            }
        }
    }
}

/// Brings the gauges up to date.
fn measure(outbox: &Outbox, metrics: &Metrics, now: Timestamp) -> Result<(), InboxError> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.outbox_deliveries.reset();
    metrics.outbox_oldest_seconds.reset();
    for of in outbox.backlog()? {
        let labels = [of.channel.as_str(), of.status.name()];
        metrics.outbox_deliveries.with_label_values(&labels).set(number(of.count));
        if matches!(of.status, Status::Pending | Status::Sending | Status::Uncertain) {
            let oldest = metrics.outbox_oldest_seconds.with_label_values(&[of.channel.as_str()]);
            oldest.set(oldest.get().max((now - of.oldest).millis() / 1_000));
        }
    }
    Ok(())
}

/// Carries the deliveries of one channel.
struct Carrier {
    outbox: Outbox,
    desk: Arc<Desk>,
    configured: Arc<Configured>,
    metrics: Arc<Metrics>,
    breaker: Breaker,
    bucket: Bucket,
    /// The receiver asked for a rest until then.
    rests_until: Timestamp,
    /// The receiver wants nothing any more.
    is_gone: bool,
    /// What became of attempts, and could not be noted yet.
    unsettled: Vec<(i64, Verdict)>,
    clock: Clock,
    permit: Permit,
}

impl Carrier {
    async fn run(mut self, wake: Arc<Notify>, mut stopping: watch::Receiver<bool>) {
        let mut under_way = JoinSet::new();
        loop {
            self.settle_rest().await;
            let is_stopping = *stopping.borrow();
            if is_stopping && under_way.is_empty() {
                return;
            }
            let pause = if is_stopping {
                ROUND
            } else {
                let (claims, pause) = self.claim(under_way.len()).await;
                for claim in claims {
                    let (outbox, desk) = (self.outbox.clone(), Arc::clone(&self.desk));
                    let (configured, now) = (Arc::clone(&self.configured), (self.clock)());
                    let permit = Arc::clone(&self.permit);
                    under_way.spawn(attempt((outbox, desk, configured), claim, now, permit));
                }
                pause
            };
            tokio::select! {
                Some(done) = under_way.join_next() => match done {
                    Ok(done) => self.judge(done),
                    Err(error) => {
                        // Its delivery counts as cut off, and comes again after the next start.
                        tracing::error!(%error, "an attempt broke off by itself");
                        let now = (self.clock)();
                        self.breaker.failed(now, now);
                    }
                },
                () = wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                changed = stopping.changed(), if !is_stopping => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Takes what may be sent now; and how long to wait before it is looked again.
    async fn claim(&mut self, under_way: usize) -> (Vec<Claim>, Duration) {
        if !(self.permit)() {
            return (Vec::new(), TURN);
        }
        let now = (self.clock)();
        let busy = under_way + self.unsettled.len();
        let mut free = self.configured.at_once.saturating_sub(busy);
        if self.is_gone || self.rests_until > now {
            free = 0;
        }
        let name = self.configured.name.clone();
        let outbox = self.outbox.clone();
        let due = blocking(move || outbox.next_due(&name)).await.flatten();
        let Some(due) = due else { return (Vec::new(), ROUND) };
        if due > now || free == 0 {
            let until = due.max(self.rests_until) - now;
            let millis = u64::try_from(until.millis()).unwrap_or(0);
            return (Vec::new(), Duration::from_millis(millis).clamp(TURN, ROUND));
        }
        let wished = self.bucket.peek(free, now);
        let admitted = self.breaker.admit(wished, now);
        let open = i64::from(self.breaker.is_open());
        self.metrics.outbox_breaker_open.with_label_values(&[&self.configured.name]).set(open);
        let (outbox, name) = (self.outbox.clone(), self.configured.name.clone());
        let together = self.configured.channel.is_for_people();
        let claims = blocking(move || outbox.claim(&name, admitted, now, together)).await;
        let claims = claims.unwrap_or_default();
        if claims.is_empty() {
            self.breaker.unused(now);
        }
        self.bucket.take(claims.len());
        (claims, TURN)
    }

    /// Decides what becomes of a delivery after an attempt.
    fn judge(&mut self, done: Done) {
        let Done { claim, attempt, began, took } = done;
        let now = (self.clock)();
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(at) => {
                self.breaker.unused(now);
                let reason = format!("quiet hours: waits until {at}");
                self.unsettled.push((claim.row, Verdict::Again { at, uncertain: false, reason }));
                return;
            }
        };
        let kind = self.configured.channel.kind();
        self.metrics.notifications_total.with_label_values(&[kind]).inc();
        self.metrics.notification_latency.record(took);
        let failed = |reason: &str| {
            self.metrics.notifications_failed_total.with_label_values(&[kind, reason]).inc();
        };
        let again = |reason: String, after: Span, uncertain: bool| {
            let pause = self.configured.backoff.pause(&claim.id, claim.attempt).max(after);
            if now + pause - claim.first_at > self.configured.give_up_after {
                return Verdict::Dead(format!("given up: {reason}"));
            }
            Verdict::Again { at: now + pause, uncertain, reason }
        };
        let verdict = match attempt {
            Attempt::Accepted(reference) => {
                self.breaker.succeeded();
                Verdict::Delivered(reference)
            }
            Attempt::Failed { reason, after, kind } => {
                failed(kind);
                let verdict = again(reason, after.unwrap_or(Span::ZERO), false);
                match after {
                    // It is well enough to ask for a rest.
                    Some(after) => {
                        self.rests_until = now + after;
                        self.breaker.succeeded();
                    }
                    None => self.breaker.failed(began, now),
                }
                verdict
            }
            Attempt::Uncertain(reason) => {
                failed("uncertain");
                let verdict = again(reason, Span::ZERO, true);
                self.breaker.failed(began, now);
                verdict
            }
            Attempt::Refused(reason) => {
                failed("refused");
                self.breaker.succeeded();
                Verdict::Dead(reason)
            }
            Attempt::Gone(reason) => {
                failed("gone");
                self.is_gone = true;
                let channel = &self.configured.name;
                tracing::error!(
                    channel,
                    "the receiver wants nothing any more: nothing is sent to \
                    it until the next start; correct the channel or take it out"
                );
                Verdict::Dead(reason)
            }
        };
        if let Verdict::Dead(reason) = &verdict {
            let (channel, delivery) = (&self.configured.name, &claim.id);
            tracing::error!(channel, delivery, reason, "a delivery is dead: `siaga outbox list`");
        }
        self.unsettled.push((claim.row, verdict));
    }

    /// Notes what became of attempts; what cannot be noted is tried again.
    async fn settle_rest(&mut self) {
        while let Some((row, verdict)) = self.unsettled.pop() {
            let (outbox, noted) = (self.outbox.clone(), verdict.clone());
            let now = (self.clock)();
            if blocking(move || outbox.settle(row, &noted, now)).await.is_none() {
                self.unsettled.push((row, verdict));
                tokio::time::sleep(TURN).await;
                return;
            }
        }
    }
}

/// An attempt that has ended.
struct Done {
    claim: Claim,
    /// What became of it; or until when its person is not to be disturbed, so that it was not made.
    attempt: Result<Attempt, Timestamp>,
    began: Timestamp,
    took: Duration,
}

async fn attempt(
    (outbox, desk, configured): (Outbox, Arc<Desk>, Arc<Configured>),
    claim: Claim,
    now: Timestamp,
    permit: Permit,
) -> Done {
    let start = time::steady();
    // It was due before they began, and came late: by an attempt that failed, or one behind others.
    let disturbs = matches!(claim.about, About::Opened | About::Changed | About::Escalated);
    let until = desk.quiet_hours(&claim.person).over(now);
    if disturbs && configured.channel.is_for_people() && until > now {
        return Done { claim, attempt: Err(until), began: now, took: Duration::ZERO };
    }
    let asked = claim.clone();
    let message = blocking(move || message(&outbox, &desk, asked, now)).await;
    let attempt = match &message {
        Some(message) if message.alerts.is_empty() => {
            Attempt::Refused("its alert is no longer kept".to_owned())
        }
        // Asked at the last moment: this process may have been asleep since the claim.
        Some(_) if !permit() => Attempt::Failed {
            reason: "this process may not speak now: another may have taken its place".to_owned(),
            after: Some(Span::from_millis(1_000)),
            kind: "claim",
        },
        Some(message) => configured.channel.send(message).await,
        None => {
            let reason = "the outbox could not be read".to_owned();
            Attempt::Failed { reason, after: None, kind: "internal" }
        }
    };
    let took = time::steady().saturating_duration_since(start);
    Done { claim, attempt: Ok(attempt), began: now, took }
}

/// What a claim says, in full.
fn message(
    outbox: &Outbox,
    desk: &Desk,
    claim: Claim,
    now: Timestamp,
) -> Result<Message, InboxError> {
    let mut alerts = Vec::new();
    if claim.about == About::Digest {
        for id in &claim.digest {
            alerts.extend(outbox.inbox.get(*id)?.map(|kept| kept.alert));
        }
    } else {
        alerts.extend(claim.alert.map(|alert| *alert));
        alerts.extend(claim.also);
    }
    Ok(Message {
        slack: desk.person(&claim.person).and_then(|person| person.slack.clone()),
        id: claim.id,
        address: claim.address,
        person: claim.person,
        about: claim.about,
        alerts,
        earlier: claim.earlier,
        sent_at: now,
        pages: desk.config.pages.clone(),
    })
}
