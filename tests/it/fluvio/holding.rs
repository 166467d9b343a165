//! Of two who claim the same partitions at most one may speak, and who was replaced never again.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use siaga::source::fluvio::claim::Claim;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::holding;
use siaga::source::fluvio::holding::Holding;
use siaga::source::fluvio::holding::Parts;
use siaga::source::fluvio::holding::Permission;
use siaga::source::fluvio::holding::Standing;
use siaga::source::fluvio::share::Extent;
use siaga::source::fluvio::share::Share;
use siaga::time;

use crate::fluvio::cycles;
use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::StandIn;

/// Changes of hands in a run of the tests; `SIAGA_CYCLES` asks for more.
const CYCLES: usize = 5;

const TOPIC: &str = "control";

/// One who claims, and what it was told.
struct Claimant {
    permission: Arc<Permission>,
    told: Arc<Mutex<Vec<Standing>>>,
    holding: Option<Holding>,
}

impl Claimant {
    fn start(config: &FluvioConfig, name: &str) -> Self {
        let (permission, told) = (Arc::new(Permission::default()), Arc::<Mutex<Vec<_>>>::default());
        let kept = Arc::clone(&told);
        let whole = Vec::new();
        let extent = Extent::Share;
        let share = Share { ordinal: 1, processes: 3, extent, whole, begun_with: Some(6) };
        let holding = Holding::start(Parts {
            config: config.clone(),
            topic: TOPIC.to_owned(),
            lease: Duration::from_millis(400),
            process: name.to_owned(),
            partitions: share.owned(6),
            share,
            permission: Arc::clone(&permission),
            behind: Box::new(i64::from),
            report: Box::new(move |standing| kept.lock().unwrap().push(standing.clone())),
        });
        Self { permission, told, holding: Some(holding.unwrap()) }
    }

    fn was_told(&self, what: impl Fn(&Standing) -> bool) -> bool {
        self.told.lock().unwrap().iter().any(what)
    }

    #[track_caller]
    fn wait(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let begun = time::steady();
        while !so(self) {
            let told = self.told.lock().unwrap().clone();
            assert!(begun.elapsed() < Duration::from_mins(1), "{what} did not come: {told:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn waits_for(&self, name: &str) -> bool {
        self.was_told(|told| matches!(told, Standing::Waits(why) if why.contains(name)))
    }

    fn is_lost(&self) -> bool {
        self.was_told(|told| matches!(told, Standing::Lost(_)))
    }
}

#[test]
fn whoever_comes_second_waits_until_the_first_has_left() {
    let cluster = StandIn::start(&[(TOPIC, 1)]);
    let config = config(&cluster, &[]);
    let mut holder = Claimant::start(&config, "p0");
    for cycle in 0..cycles(CYCLES) {
        holder.wait("the claim", |holder| holder.permission.holds());
        let next = Claimant::start(&config, &format!("p{}", cycle + 1));
        next.wait("a rival", |next| next.waits_for(&format!("p{cycle},")));
        if cycle % 2 == 1 {
            // Whatever the broker does, nobody speaks beside the other.
            cluster.cut();
        }
        assert!(!next.permission.holds());
        holder.holding.take().unwrap().leave();
        assert!(!holder.permission.holds(), "who has left does not speak");
        next.wait("its turn", |next| next.permission.holds());
        assert!(!holder.is_lost(), "it went by itself");
        holder = next;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = runtime.block_on(holding::claims(&config, TOPIC)).unwrap();
    let held: Vec<(u32, i64)> =
        table.all().map(|(partition, held)| (partition, held.behind)).collect();
    assert_eq!(held, [(1, 1), (4, 4)]);
}

#[test]
fn who_was_replaced_loses_its_permission_and_never_gets_it_back() {
    let cluster = StandIn::start(&[(TOPIC, 1)]);
    let config = config(&cluster, &[]);
    for cycle in 0..cycles(CYCLES) {
        let name = format!("p{cycle}");
        let holder = Claimant::start(&config, &name);
        holder.wait("the claim", |holder| holder.permission.holds());
        // Somebody takes one of its partitions.
        let other = format!("other {cycle}");
        let claim = Claim {
            instance: other.clone(),
            process: other.clone(),
            ordinal: 0,
            processes: 2,
            epoch: None,
            leaves: false,
            partitions: [(4, 0)].into(),
            at: 0,
        };
        cluster.append(TOPIC, 0, &[serde_json::to_string(&claim).unwrap()]);
        holder.wait("the loss", Claimant::is_lost);
        assert!(!holder.permission.holds());
        let records = cluster.values(TOPIC, 0).len();
        holder.holding.unwrap().leave();
        assert_eq!(cluster.values(TOPIC, 0).len(), records, "it says no more");
        let left = Claim { epoch: Some(i64::try_from(records).unwrap()), leaves: true, ..claim };
        cluster.append(TOPIC, 0, &[serde_json::to_string(&left).unwrap()]);
    }
}

#[test]
fn while_the_control_topic_is_away_the_permission_runs_out_and_comes_back_with_it() {
    let cluster = StandIn::start(&[(TOPIC, 1)]);
    let config = config(&cluster, &[]);
    let holder = Claimant::start(&config, "p0");
    holder.wait("the claim", |holder| holder.permission.holds());
    cluster.stop_broker();
    holder.wait("its end", |holder| !holder.permission.holds());
    cluster.start_broker();
    holder.wait("its return", |holder| holder.permission.holds());
    assert!(!holder.is_lost());
}
