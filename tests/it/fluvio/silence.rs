//! A partition that cannot be read is no customer's silence.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use siaga::engine::Output;
use siaga::engine::port::Port as _;
use siaga::engine::runtime::Engine;
use siaga::engine::runtime::Settings;
use siaga::engine::service::Limits;
use siaga::engine::service::Parts;
use siaga::engine::service::Service;
use siaga::event::Symbols;
use siaga::event::mapping::Mapping;
use siaga::metrics::Metrics;
use siaga::source::dead_letter::DeadLetters;
use siaga::source::fluvio;
use siaga::source::fluvio::FluvioSource;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::share::Share;
use siaga::source::log::Taker;
use siaga::time;
use siaga::time::Span;

use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::StandIn;
use crate::scene::rule_set;

/// Nothing bought for ten days.
pub(crate) const QUIET: &str = "
groups:
  - name: drift
    rules:
      - alert: Quiet
        family: drift
        on: {silence: order, after: \"duration('10d')\"}
        annotations: {summary: '{{ size(orders) }}'}
";

/// A service, and every output of its engine.
pub(super) struct Stage {
    pub(super) service: Arc<Service>,
    pub(super) outputs: Arc<Mutex<Vec<Output>>>,
    metrics: Arc<Metrics>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let symbols = Symbols::default();
        let rules = rule_set(QUIET, &symbols);
        let outputs = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&outputs);
        let sink = Arc::new(move |some: &mut Vec<Output>| kept.lock().unwrap().append(some));
        let settings = Settings { shards: 1, lateness: Span::from_millis(3_600_000) };
        let engine = Engine::start(&rules, &symbols, settings, sink).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let service = Service::new(Parts {
            engine,
            rules,
            symbols,
            mapping: Arc::new(Mapping::identity()),
            dead: DeadLetters::counting(),
            metrics: Arc::clone(&metrics),
            limits: Limits { waiting_max: 1_000, ahead_max: None },
        });
        service.await_log();
        service.set_ready();
        Self { service: Arc::new(service), outputs, metrics }
    }

    pub(super) fn read(&self, config: FluvioConfig, share: Option<Share>) -> FluvioSource {
        let parts = fluvio::Parts {
            mapping: Arc::new(Mapping::identity()),
            symbols: self.service.symbols().clone(),
            metrics: Arc::clone(&self.metrics),
            positions: self.service.positions(),
            held: self.service.is_held(),
            share,
            taker: Arc::clone(&self.service) as Arc<dyn Taker>,
        };
        FluvioSource::start(config, parts).unwrap()
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str, so: impl Fn(&Service) -> bool) {
        let begun = time::steady();
        while !so(&self.service) {
            let status = self.service.status();
            assert!(begun.elapsed() < Duration::from_mins(1), "{what} did not come: {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Who was told of, and on which day of May the silence was too long.
    fn told(&self) -> Vec<String> {
        let outputs = self.outputs.lock().unwrap();
        let told = outputs.iter().filter_map(|output| match output {
            Output::Opened { alert, .. } => {
                Some(format!("{} {}", alert.entity_id, &alert.opened_at.to_string()[..10]))
            }
            _ => None,
        });
        told.collect()
    }
}

pub(crate) fn order(customer: &str, day: u32) -> String {
    format!(
        r#"{{"event_id":"{customer}{day}","type":"order","occurred_at":"2025-05-{day:02}T12:00:00Z","customer_id":"{customer}","order_id":"o","lines":[{{"line_no":1,"product_id":"p","quantity":1,"net_amount":10}}]}}"#
    )
}

#[test]
fn a_partition_that_is_away_makes_nobody_silent() {
    let cluster = StandIn::start(&[("t", 2)]);
    let mut config = config(&cluster, &["t"]);
    config.wait_ms = 100;
    let stage = Stage::new();
    cluster.append("t", 0, &[order("a", 1)]);
    cluster.append("t", 1, &[order("b", 1)]);
    assert!(!stage.service.status().ready, "nothing has been read yet");
    let _source = stage.read(config, None);
    stage.wait("the first catch-up", |service| service.status().ready);

    // Nobody leads b's partition; b buys there, and a buys on where we see it.
    cluster.change(|state| state.away = Some(("t".to_owned(), 1)));
    cluster.cut();
    let about_it = |trouble: String| trouble.starts_with("t/1: ");
    stage.wait("its trouble", |service| service.status().trouble.is_some_and(about_it));
    assert!(!stage.service.status().ready);
    cluster.append("t", 1, &[order("b", 9)]);
    cluster.append("t", 0, &[order("a", 6), order("a", 12), order("a", 16)]);
    stage.wait("a's orders", |service| service.status().events == 5);
    stage.service.tick(time::now()).unwrap();
    assert_eq!(stage.told(), Vec::<String>::new(), "b may have bought where nobody looks");

    // Its partition is back, and so is b's order; now b falls silent.
    cluster.change(|state| state.away = None);
    stage.wait("b's order", |service| service.status().events == 6);
    assert_eq!(stage.told(), Vec::<String>::new());
    cluster.append("t", 0, &[order("a", 24)]);
    stage.wait("b's silence", |_| !stage.told().is_empty());
    assert_eq!(stage.told(), ["b 2025-05-19"]);
}
