//! A folder of rules is edited under a running server.

use std::time::Duration;

use super::*;
use crate::cli::serve::House;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::inbox::query::Query;
use crate::engine::port::Port;
use crate::engine::runtime::Settings;
use crate::engine::service::Limits;
use crate::event::mapping::Mapping;
use crate::source::dead_letter::DeadLetters;

/// A rule that fires from so much revenue in thirty days on.
fn rule(from: i64) -> String {
    format!(
        "groups:\n  - name: g\n    rules:\n      - alert: Big\n        family: trend\n        \
         on: [order]\n        when: orders.last('30d').sum(o, o.net) >= {from}.0\n        \
         annotations: {{summary: s}}\n"
    )
}

/// A server on a folder of rules, looked at whenever the test says.
struct Stage {
    folder: tempfile::TempDir,
    house: House,
    reloader: Reloader,
}

impl Stage {
    fn new(shards: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage_rules = folder.path().join("a.rules.yaml");
        fs::write(stage_rules, rule(1_000)).unwrap();
        let (symbols, paths) = (Symbols::default(), vec![folder.path().to_owned()]);
        let watched = Folder::new(paths.clone());
        let rules = Arc::new(cli::rule_set(&paths, &symbols).unwrap());
        let house = House::open(
            Inbox::in_memory(InboxConfig::default()).unwrap(),
            rules,
            symbols.clone(),
            Settings { shards, lateness: Span::ZERO },
            (
                Arc::new(Mapping::identity()),
                DeadLetters::counting(),
                Limits { waiting_max: 1_000, ahead_max: None },
            ),
        );
        let house = house.unwrap();
        let history = Span::from_millis(400 * Span::DAY.millis());
        let service = Arc::clone(&house.service);
        let sees_a_part = false;
        let reloader = Reloader { folder: watched, history, symbols, service, sees_a_part };
        Self { folder, house, reloader }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// What the server does once a second.
    fn look(&mut self) -> bool {
        let changed = self.reloader.folder.has_changed();
        if changed {
            self.reloader.reload().unwrap();
        }
        changed
    }

    fn order(&self, day: u32) {
        let body = format!(
            r#"{{"event_id":"o{day}","occurred_at":"2025-03-{day:02}T09:30:00Z","customer_id":"c1","currency":"USD","lines":[{{"product_id":"p1","quantity":1,"unit_price":100}}]}}"#
        );
        let taken = self.house.service.ingest("application/json", &[], body.as_bytes(), "t");
        assert_eq!(taken.unwrap().accepted, 1);
    }

    /// Open alerts, once there are so many.
    fn open(&self, want: usize) -> usize {
        let open = || self.house.inbox.list(&Query::default()).unwrap().alerts.len();
        // The delivery has a thread of its own: ten seconds are far more than it needs.
        for _ in 0..2_000 {
            if open() >= want {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        open()
    }

    fn metric(&self, line: &str) -> bool {
        self.house.service.measure();
        self.house.metrics.text().unwrap().lines().any(|found| found == line)
    }
}

#[test]
fn a_good_edit_fires_at_once_and_a_bad_one_keeps_the_last_good_set() {
    for shards in [1, 2] {
        let mut stage = Stage::new(shards);
        assert!(!stage.look(), "nothing has changed");
        assert!(stage.metric("siaga_rules_last_reload_successful 1"));
        (1..=4).for_each(|day| stage.order(day));

        stage.write("a.rules.yaml", &rule(1).replace("orders.last", "orderz.last"));
        assert!(!stage.look(), "somebody may still be writing");
        assert!(stage.look(), "the file has come to rest");
        assert!(stage.metric("siaga_rules_last_reload_successful 0"));
        assert!(stage.metric("siaga_rules_reloads_total{result=\"refused\"} 1"));
        let problem = stage.house.service.rules().reload.problem.unwrap();
        assert!(problem.contains("orderz") && problem.contains("a.rules.yaml:7:15"), "{problem}");
        assert!(!stage.look(), "a bad file is not read again until it changes");
        stage.order(5);

        // Five orders of 100 are in the history: the new window holds them at once.
        stage.write("a.rules.yaml", &rule(600));
        assert!(!stage.look() && stage.look());
        assert!(stage.metric("siaga_rules_last_reload_successful 1"));
        assert!(stage.metric("siaga_rules{mode=\"live\"} 1"));
        assert_eq!(stage.house.service.rules().reload.problem, None);
        stage.order(6);
        assert_eq!(stage.open(1), 1);

        // The rule is gone, and its alert with it.
        stage.write("b.rules.yaml", &rule(1).replace("Big", "Other"));
        fs::remove_file(stage.folder.path().join("a.rules.yaml")).unwrap();
        assert!(!stage.look() && stage.look());
        let text = |stage: &Stage| stage.house.metrics.text().unwrap();
        stage.order(7);
        assert!(
            stage.metric("siaga_rules_reloads_total{result=\"adopted\"} 2"),
            "{}",
            text(&stage)
        );
        let names: Vec<String> =
            stage.house.service.rules().rules.into_iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["Other"]);
        stage.house.service.stop().unwrap();
        // What was counted for the rule that is gone stays counted.
        assert!(stage.metric("siaga_rule_evaluations_total{rule=\"Big\"} 6"), "{}", text(&stage));
    }
}

#[test]
fn a_turned_link_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for version in ["v1", "v2"] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("a.rules.yaml"), rule(1)).unwrap();
    }
    std::os::unix::fs::symlink(at("v1"), at("..data")).unwrap();
    let mut folder = Folder::new(vec![at("..data")]);
    assert!(!folder.has_changed() && !folder.has_changed());
    std::os::unix::fs::symlink(at("v2"), at("new")).unwrap();
    fs::rename(at("new"), at("..data")).unwrap();
    assert!(!folder.has_changed() && folder.has_changed());
}
