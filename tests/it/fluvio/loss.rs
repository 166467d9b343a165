//! Records that are gone: nobody overlooks them, and only who wants to goes on without them.

use siaga::source::fluvio::config::OnLoss;
use siaga::source::fluvio::config::Start;

use crate::fluvio::ledger::Ledger;
use crate::fluvio::ledger::call;
use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::Log;
use crate::fluvio::stand_in::StandIn;

/// Batches of two calls each.
fn fill(cluster: &StandIn, from: u32, to: u32) {
    for number in (from..to).step_by(2) {
        let pair = [number, number + 1].map(|number| call(&number.to_string(), "c", number));
        cluster.append("t", 0, &pair);
    }
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Ten calls are taken, then something is lost, then ten more come.
#[track_caller]
fn check(name: &str, lose: fn(&StandIn), told: &str, skipped_to: &[String], lost: u64) {
    for on_loss in [OnLoss::Stop, OnLoss::Skip] {
        let cluster = StandIn::start(&[("t", 1)]);
        fill(&cluster, 0, 10);
        let ledger = Ledger::new();
        let mut config = config(&cluster, &["t"]);
        config.on_loss = on_loss;
        let mut source = ledger.read(config.clone());
        ledger.wait("the first ten", |taken| taken.health.caught_up);
        source.stop();
        lose(&cluster);
        let _source = ledger.read(config);
        let mut want = numbers(0..10);
        if on_loss == OnLoss::Skip {
            want.extend(skipped_to.iter().cloned());
            let taken = ledger.wait("the rest", |taken| {
                taken.ids.len() >= want.len() && taken.health.trouble.is_none()
            });
            assert_eq!(taken.ids, want, "{name}");
            assert_eq!(taken.holds, [], "{name}: event time goes on");
        } else {
            let about = |taken: &str| taken.contains(told) && taken.contains("on_loss = \"skip\"");
            let taken = ledger
                .wait("the alarm", |taken| taken.health.trouble.as_deref().is_some_and(about));
            assert_eq!(taken.ids, want, "{name}: nothing is read beyond it");
        }
        assert_eq!(ledger.counted("source_gaps_total"), 1, "{name}: told once");
        assert_eq!(ledger.counted("source_lost_records_total"), lost, "{name}");
    }
}

#[test]
fn what_retention_deleted_is_missed() {
    let lose = |cluster: &StandIn| {
        fill(cluster, 10, 20);
        cluster.change(|state| state.topics.get_mut("t").unwrap()[0].evict(14));
    };
    check("evicted", lose, "records 10 to 13 were deleted", &numbers(14..20), 4);
}

#[test]
fn a_batch_that_the_broker_leaves_out_is_missed() {
    let lose = |cluster: &StandIn| {
        fill(cluster, 10, 20);
        cluster.change(|state| state.topics.get_mut("t").unwrap()[0].hide(12));
    };
    let rest = [numbers(10..12), numbers(14..20)].concat();
    // Stopped, the reader has taken what came before the gap.
    for (on_loss, want) in
        [(OnLoss::Stop, numbers(0..12)), (OnLoss::Skip, [numbers(0..10), rest].concat())]
    {
        let cluster = StandIn::start(&[("t", 1)]);
        fill(&cluster, 0, 10);
        lose(&cluster);
        let ledger = Ledger::new();
        let mut config = config(&cluster, &["t"]);
        config.on_loss = on_loss;
        let _source = ledger.read(config);
        let taken = ledger.wait("the gap", |taken| {
            taken.ids.len() >= want.len() && ledger.counted("source_gaps_total") == 1
        });
        assert_eq!(taken.ids, want);
        assert_eq!(ledger.counted("source_lost_records_total"), 2);
    }
}

#[test]
fn a_partition_that_was_made_anew_is_noticed() {
    let lose = |cluster: &StandIn| {
        cluster.change(|state| state.topics.get_mut("t").unwrap()[0] = Log::default());
        fill(cluster, 100, 104);
    };
    // Going on means to read it from its beginning.
    check("made anew", lose, "the partition ends before 4", &numbers(100..104), 0);
}

#[test]
fn a_partition_that_was_never_read_is_begun_where_it_is_wanted() {
    let cluster = StandIn::start(&[("t", 1)]);
    fill(&cluster, 0, 10);
    cluster.change(|state| state.topics.get_mut("t").unwrap()[0].evict(4));
    for (start, first, left) in [(Start::Earliest, 4, numbers(4..10)), (Start::Latest, 10, vec![])]
    {
        let ledger = Ledger::new();
        let mut config = config(&cluster, &["t"]);
        config.start = start;
        let _source = ledger.read(config);
        let taken = ledger.wait("its beginning", |taken| taken.health.caught_up);
        assert_eq!(taken.ids, left, "{start:?}: record {first} is the first");
        assert_eq!(taken.positions[&("t".to_owned(), 0)], 10);
        assert_eq!(ledger.counted("source_gaps_total"), 0, "what was never there is not missed");
    }
}
