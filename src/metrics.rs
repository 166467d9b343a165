//! Metrics: what does an operator see of the running program?
//!
//! ```text
//! events ─► rules ─► alerts ─► inbox ─► pages          every arrow has a counter,
//!   │         │        │         │        │            every queue a gauge,
//!   └─────────┴────────┴────┬────┴────────┘            and the way from arrival to alert a histogram
//!                           ▼
//!                    GET /metrics (Prometheus text)
//! ```
//!
//! Every metric is a field here. No label ever names a customer or a rep. What runs for every event
//! keeps the handle of its label (`with_label_values`) instead of looking it up again.

use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use prometheus::Encoder;
use prometheus::Gauge;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto;

/// Every metric of the program.
pub struct Metrics {
    registry: Registry,
    /// Events applied, by kind (`order`, `call.started` …).
    pub events_total: IntCounterVec,
    /// Records refused, by the code of the reason.
    pub events_refused_total: IntCounterVec,
    /// Repeats of an event that was known already.
    pub events_duplicate_total: IntCounter,
    /// Versions of what is learned across customers that took effect.
    pub model_refits_total: IntCounter,
    /// Events older than the watermark.
    pub events_late_total: IntCounter,
    /// Records that were read from a log, by topic.
    pub source_records_total: IntCounterVec,
    /// Records of a log that wait to be read, by topic and partition.
    pub source_lag_records: IntGaugeVec,
    /// Whether a partition of a log is being read, by topic and partition.
    pub source_up: IntGaugeVec,
    /// Connections to a log that ended, by topic.
    pub source_reconnects_total: IntCounterVec,
    /// Places of a log whose records are gone, by topic.
    pub source_gaps_total: IntCounterVec,
    /// Records of a log that are gone, as far as they can be counted, by topic.
    pub source_lost_records_total: IntCounterVec,
    /// Whether event time stands still because a partition of a log is not read.
    pub source_held: IntGauge,
    /// Evaluations, by rule.
    pub rule_evaluations_total: IntCounterVec,
    /// Evaluations that failed, by rule.
    pub rule_evaluation_failures_total: IntCounterVec,
    /// Items of lists that evaluations went through, by rule: what a rule costs.
    pub rule_items_total: IntCounterVec,
    /// Whether a rule rests because it failed, by rule.
    pub rule_quarantined: IntGaugeVec,
    /// Rules, by mode.
    pub rules: IntGaugeVec,
    /// Reloads of the rules, by result: `adopted`, `refused`.
    pub rules_reloads_total: IntCounterVec,
    /// Alerts that began to fire, by rule and family.
    pub alerts_opened_total: IntCounterVec,
    /// Alerts that wait for somebody or that somebody is on.
    pub alerts_open: IntGauge,
    /// Batches of outputs that the inbox failed to keep.
    pub inbox_failures_total: IntCounter,
    /// Records that wait for the engine.
    pub queue_depth: IntGauge,
    /// Records that may wait for it before more are turned away.
    pub queue_capacity: IntGauge,
    /// Whether it has caught up and takes events.
    pub ready: IntGauge,
    /// Whether it follows the journal of another process.
    pub standby: IntGauge,
    /// The record of the journal up to which it has followed.
    pub standby_position: IntGauge,
    /// Event time up to which everything has arrived.
    pub watermark_timestamp_seconds: Gauge,
    /// Entities with a history, by kind.
    pub entities: IntGaugeVec,
    /// Memory that customers take, about, while it is bounded.
    pub customer_memory_bytes: IntGauge,
    /// Memory that they may take; 0 without a bound.
    pub customer_memory_max_bytes: IntGauge,
    /// Customers on disk, since there is no room for them.
    pub customers_moved: IntGauge,
    /// Bytes of the files that they are in.
    pub customers_moved_bytes: IntGauge,
    /// Moves of customers, by direction: `out`, `back`.
    pub customer_moves_total: IntCounterVec,
    /// Times that no customer could be moved to disk.
    pub customer_move_failures_total: IntCounter,
    /// Answers, by route and status.
    pub http_requests_total: IntCounterVec,
    /// Open live streams.
    pub sse_clients: IntGauge,
    /// Whether a process is copied by an inbox over several, by its address.
    pub gather_up: IntGaugeVec,
    /// Alerts that were copied from a process, each as often as it changed, by its address.
    pub gather_alerts_total: IntCounterVec,
    /// Attempts to send a message, by kind of channel.
    pub notifications_total: IntCounterVec,
    /// Attempts that failed, by kind of channel and reason.
    pub notifications_failed_total: IntCounterVec,
    /// How long attempts took.
    pub notification_latency: Latency,
    /// Deliveries that wait or are given up, by channel and status.
    pub outbox_deliveries: IntGaugeVec,
    /// Age of the oldest delivery that waits to be sent, by channel.
    pub outbox_oldest_seconds: IntGaugeVec,
    /// Whether a channel is left alone because it failed, by channel.
    pub outbox_breaker_open: IntGaugeVec,
    /// When the engine last went round, by the wall clock.
    pub heartbeat_timestamp_seconds: Gauge,
    /// Whether the wall clock has jumped, and is not believed.
    pub clock_suspect: IntGauge,
    /// Whether the last reload of the rules worked.
    pub rules_last_reload_successful: IntGauge,
    /// When it last worked.
    pub rules_last_reload_success_timestamp_seconds: Gauge,
    /// From the arrival of an event to its alert in the inbox.
    pub event_to_alert_latency: Latency,
}

/// Why the metrics could not be set up or written out.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A name or a label breaks Prometheus's rules, or is taken.
    #[error("a metric cannot be registered: {0}: give it a name that no other metric has")]
    Prometheus(#[from] prometheus::Error),
    /// The histogram's bounds contradict each other.
    #[error("the latency histogram cannot be made: {0}: widen its bounds")]
    Histogram(#[from] hdrhistogram::CreationError),
}

impl Metrics {
    /// All metrics at zero, in a registry of their own.
    #[expect(clippy::too_many_lines, reason = "a table: one metric after the other")]
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let r = &registry;
        let metrics = Self {
            events_total: counters(r, "events_total", "Events applied.", &["kind"])?,
            events_refused_total: counters(
                r,
                "events_refused_total",
                "Records refused, by reason.",
                &["code"],
            )?,
            events_duplicate_total: counter(r, "events_duplicate_total", "Repeated events.")?,
            model_refits_total: counter(
                r,
                "model_refits_total",
                "Versions of what is learned across customers that took effect.",
            )?,
            events_late_total: counter(
                r,
                "events_late_total",
                "Events that came after the watermark had passed them.",
            )?,
            source_records_total: counters(
                r,
                "source_records_total",
                "Records that were read from a log.",
                &["topic"],
            )?,
            source_lag_records: gauges(
                r,
                "source_lag_records",
                "Records of a log that wait to be read.",
                &["topic", "partition"],
            )?,
            source_up: gauges(
                r,
                "source_up",
                "1 if a partition of a log is being read, else 0.",
                &["topic", "partition"],
            )?,
            source_reconnects_total: counters(
                r,
                "source_reconnects_total",
                "Connections to a log that ended.",
                &["topic"],
            )?,
            source_gaps_total: counters(
                r,
                "source_gaps_total",
                "Places of a log whose records are gone.",
                &["topic"],
            )?,
            source_lost_records_total: counters(
                r,
                "source_lost_records_total",
                "Records of a log that are gone, as far as they can be counted.",
                &["topic"],
            )?,
            source_held: gauge(
                r,
                "source_held",
                "1 while event time stands still because a partition is not read.",
            )?,
            rule_evaluations_total: counters(
                r,
                "rule_evaluations_total",
                "Evaluations of a rule.",
                &["rule"],
            )?,
            rule_evaluation_failures_total: counters(
                r,
                "rule_evaluation_failures_total",
                "Evaluations that failed.",
                &["rule"],
            )?,
            rule_items_total: counters(
                r,
                "rule_items_total",
                "Items of lists that evaluations of a rule went through.",
                &["rule"],
            )?,
            rule_quarantined: gauges(
                r,
                "rule_quarantined",
                "1 if a rule rests because it failed, until the rules change.",
                &["rule"],
            )?,
            rules: gauges(r, "rules", "Rules that run, by mode.", &["mode"])?,
            rules_reloads_total: counters(
                r,
                "rules_reloads_total",
                "Reloads of the rules, by result.",
                &["result"],
            )?,
            alerts_opened_total: counters(
                r,
                "alerts_opened_total",
                "Alerts that began to fire.",
                &["rule", "family"],
            )?,
            alerts_open: gauge(r, "alerts_open", "Alerts firing or acknowledged.")?,
            inbox_failures_total: counter(
                r,
                "inbox_failures_total",
                "Batches of outputs that the inbox failed to keep.",
            )?,
            queue_depth: gauge(r, "queue_depth", "Records that wait for the engine.")?,
            queue_capacity: gauge(
                r,
                "queue_capacity",
                "Records that may wait for the engine before more are turned away.",
            )?,
            ready: gauge(r, "ready", "1 if the engine has caught up and takes events, else 0.")?,
            standby: gauge(r, "standby", "1 while it follows the journal of another process.")?,
            standby_position: gauge(
                r,
                "standby_position",
                "The record up to which a standby has followed the journal.",
            )?,
            watermark_timestamp_seconds: instant(
                r,
                "watermark_timestamp_seconds",
                "Event time up to which everything has arrived.",
            )?,
            entities: gauges(r, "entities", "Entities with a history.", &["kind"])?,
            customer_memory_bytes: gauge(
                r,
                "customer_memory_bytes",
                "Memory that customers take, about, while it is bounded.",
            )?,
            customer_memory_max_bytes: gauge(
                r,
                "customer_memory_max_bytes",
                "Memory that customers may take; 0 without a bound.",
            )?,
            customers_moved: gauge(r, "customers_moved", "Customers on disk for want of memory.")?,
            customers_moved_bytes: gauge(
                r,
                "customers_moved_bytes",
                "Bytes of the files of customers on disk.",
            )?,
            customer_moves_total: counters(
                r,
                "customer_moves_total",
                "Moves of customers to disk and back.",
                &["direction"],
            )?,
            customer_move_failures_total: counter(
                r,
                "customer_move_failures_total",
                "Times that no customer could be moved to disk.",
            )?,
            http_requests_total: counters(
                r,
                "http_requests_total",
                "Answers to HTTP requests.",
                &["route", "status"],
            )?,
            sse_clients: gauge(r, "sse_clients", "Open live streams.")?,
            gather_up: gauges(
                r,
                "gather_up",
                "Whether the inbox over several processes hears of a process.",
                &["process"],
            )?,
            gather_alerts_total: counters(
                r,
                "gather_alerts_total",
                "Alerts that were copied from a process, each as often as it changed.",
                &["process"],
            )?,
            notifications_total: counters(
                r,
                "notifications_total",
                "Attempts to send a message.",
                &["integration"],
            )?,
            notifications_failed_total: counters(
                r,
                "notifications_failed_total",
                "Attempts to send a message that failed.",
                &["integration", "reason"],
            )?,
            notification_latency: Latency::new(
                "siaga_notification_latency_seconds",
                "From the beginning to the end of an attempt to send a message.",
            )?,
            outbox_deliveries: gauges(
                r,
                "outbox_deliveries",
                "Deliveries that wait, or that were given up.",
                &["channel", "status"],
            )?,
            outbox_oldest_seconds: gauges(
                r,
                "outbox_oldest_seconds",
                "Age of the oldest delivery that waits to be sent.",
                &["channel"],
            )?,
            outbox_breaker_open: gauges(
                r,
                "outbox_breaker_open",
                "1 if a channel is left alone for a while because it failed.",
                &["channel"],
            )?,
            heartbeat_timestamp_seconds: instant(
                r,
                "heartbeat_timestamp_seconds",
                "When the engine last went round.",
            )?,
            clock_suspect: gauge(
                r,
                "clock_suspect",
                "1 while the wall clock has jumped and is not believed, else 0.",
            )?,
            rules_last_reload_successful: gauge(
                r,
                "rules_last_reload_successful",
                "1 if the last reload of the rules worked, else 0.",
            )?,
            rules_last_reload_success_timestamp_seconds: instant(
                r,
                "rules_last_reload_success_timestamp_seconds",
                "When a reload of the rules last worked.",
            )?,
            event_to_alert_latency: Latency::new(
                "siaga_event_to_alert_latency_seconds",
                "From the arrival of an event to its alert in the inbox.",
            )?,
            registry: registry.clone(),
        };
        let build = gauges(r, "build_info", "The running program.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(metrics.event_to_alert_latency.clone()))?;
        registry.register(Box::new(metrics.notification_latency.clone()))?;
        // Processor, memory, open files and start of the process, under Prometheus's own names.
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Everything in Prometheus's text format.
    pub fn text(&self) -> Result<String, MetricsError> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("siaga")
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
    let metric = IntCounter::with_opts(options(name, help))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, MetricsError> {
    let metric = IntCounterVec::new(options(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
    let metric = IntGauge::with_opts(options(name, help))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, MetricsError> {
    let metric = IntGaugeVec::new(options(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn instant(registry: &Registry, name: &str, help: &str) -> Result<Gauge, MetricsError> {
    let metric = Gauge::with_opts(options(name, help))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// How long something took: exact to three digits from a nanosecond to an hour, since the start.
///
/// Prometheus's own histogram knows its buckets only; this one knows its quantiles as well. It is
/// exported as a histogram, which can be added up over processes and looked at over any time, with
/// the longest as a gauge of its own.
#[derive(Clone)]
pub struct Latency {
    histogram: Desc,
    longest: Desc,
    recorded: std::sync::Arc<Mutex<Recorded>>,
}

struct Recorded {
    nanos: Histogram<u64>,
    sum: Duration,
}

impl Latency {
    const LONGEST: Duration = Duration::from_hours(1);
    /// Upper bounds of the exported buckets, in milliseconds: five a decade at the promised speed,
    /// fewer where something is wrong anyway.
    const BOUNDS: [f64; 16] = [
        0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 1e4, 6e4,
    ];

    /// Nothing recorded yet; `name` ends in `_seconds`.
    fn new(name: &str, help: &str) -> Result<Self, MetricsError> {
        let describe = |name: String, help: String| {
            Desc::new(name, help, Vec::new(), std::collections::HashMap::new())
        };
        let nanos_max = u64::try_from(Self::LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let nanos = Histogram::new_with_bounds(1, nanos_max, 3)?;
        Ok(Self {
            histogram: describe(name.to_owned(), help.to_owned())?,
            longest: describe(format!("{name}_max"), format!("{help} The longest so far."))?,
            recorded: std::sync::Arc::new(Mutex::new(Recorded { nanos, sum: Duration::ZERO })),
        })
    }

    /// Counts one; what took longer than an hour counts as an hour.
    pub fn record(&self, took: Duration) {
        let mut recorded = self.recorded.lock();
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        recorded.nanos.saturating_record(nanos);
        recorded.sum += took;
    }

    /// The duration that this share of all recorded ones does not exceed; `None` before the first.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let recorded = self.recorded.lock();
        (!recorded.nanos.is_empty())
            .then(|| Duration::from_nanos(recorded.nanos.value_at_quantile(share)))
    }
}

impl Recorded {
    /// How many took no longer than so many seconds.
    fn up_to(&self, seconds: f64) -> proto::Bucket {
        let nanos = Duration::from_secs_f64(seconds).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(seconds);
        bucket.set_cumulative_count(self.nanos.count_between(0, nanos));
        bucket
    }
}

impl Collector for Latency {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.histogram, &self.longest]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let recorded = self.recorded.lock();
        let seconds = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(Self::BOUNDS.map(|bound| recorded.up_to(bound / 1e3)).into());
        histogram.set_sample_count(recorded.nanos.len());
        histogram.set_sample_sum(recorded.sum.as_secs_f64());
        let mut histogram_metric = proto::Metric::default();
        histogram_metric.set_histogram(histogram);
        let mut longest = proto::Gauge::default();
        longest.set_value(seconds(recorded.nanos.max()));
        let mut longest_metric = proto::Metric::default();
        longest_metric.set_gauge(longest);
        vec![
            family(&self.histogram, proto::MetricType::HISTOGRAM, histogram_metric),
            family(&self.longest, proto::MetricType::GAUGE, longest_metric),
        ]
    }
}

fn family(desc: &Desc, kind: proto::MetricType, metric: proto::Metric) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_text() {
        let metrics = Metrics::new().unwrap();
        metrics.events_total.with_label_values(&["order"]).inc();
        metrics.http_requests_total.with_label_values(&["/v1/events", "202"]).inc();
        for millis in 1..=1000 {
            metrics.event_to_alert_latency.record(Duration::from_millis(millis));
        }
        let text = metrics.text().unwrap();
        for line in [
            "siaga_events_total{kind=\"order\"} 1",
            "siaga_http_requests_total{route=\"/v1/events\",status=\"202\"} 1",
            "siaga_rules_last_reload_successful 0",
            "# TYPE siaga_event_to_alert_latency_seconds histogram",
            "siaga_event_to_alert_latency_seconds_bucket{le=\"0.1\"} 100",
            "siaga_event_to_alert_latency_seconds_bucket{le=\"+Inf\"} 1000",
            "process_resident_memory_bytes ",
            "siaga_event_to_alert_latency_seconds_count 1000",
            "siaga_event_to_alert_latency_seconds_sum 500.5",
            "siaga_event_to_alert_latency_seconds_max 1.0",
            "siaga_build_info{version=\"",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        let metrics = Metrics::new().unwrap();
        assert_eq!(metrics.event_to_alert_latency.quantile(0.99), None);
        assert!(metrics.text().unwrap().contains("latency_seconds_bucket{le=\"+Inf\"} 0"));
    }
}
