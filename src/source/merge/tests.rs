//! Do several files come as one stream, by time, whatever their disorder?

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::event::mapping::Mapping;
use crate::source::file;

/// A call at this second.
fn call(id: &str, second: u32) -> String {
    format!(
        "{{\"event_id\":\"{id}\",\"occurred_at\":\"2025-03-01T00:{:02}:{:02}Z\",\"kind\":\"call\"}}\n",
        second / 60,
        second % 60
    )
}

fn merged(files: &[(&str, String)], reorder: &str, held_max: usize) -> (Vec<String>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let symbols = Symbols::default();
    let mapping = Arc::new(Mapping::identity());
    let open = |(name, text): &(&str, String)| {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        file::open(&path, &mapping, None, &symbols).unwrap()
    };
    let sources = files.iter().map(open).collect();
    let mut merge = Merge::new(sources, Span::parse(reorder).unwrap()).with_held_max(held_max);
    let (mut batch, mut ids, mut more) = (Batch::default(), Vec::new(), true);
    while more {
        batch.clear();
        more = merge.next_batch(&symbols, &mut batch).unwrap();
        ids.extend(batch.records.iter().map(|record| match record {
            Record::Event(event) => event.id.to_string(),
            Record::Reference(_) | Record::Feedback(_) => "reference".to_owned(),
        }));
    }
    assert_eq!(Some(merge.bytes_read()), merge.bytes_total());
    (ids, merge.released_early)
}

#[test]
fn files_come_in_one_order() {
    let a = [call("a1", 1), call("a5", 5), call("b9", 9)].concat();
    let b = [call("b2", 2), call("a9", 9)].concat();
    let customers = "{\"customer_id\":\"c1\"}\n".repeat(2);
    let files = [("a.ndjson", a), ("b.ndjson", b), ("customers.ndjson", customers)];
    let want = ["reference", "reference", "a1", "b2", "a5", "a9", "b9"];
    assert_eq!(merged(&files, "0", HELD_MAX).0, want);
}

#[test]
fn disorder_within_the_bound_vanishes() {
    let stream = [call("3", 30), call("1", 10), call("2", 20), call("6", 60), call("5", 50)];
    let stream = [("a.ndjson", stream.concat())];
    assert_eq!(merged(&stream, "20s", HELD_MAX).0, ["1", "2", "3", "5", "6"]);
    assert_eq!(merged(&stream, "0", HELD_MAX).0, ["3", "1", "2", "6", "5"], "as it arrives");
}

#[test]
fn a_long_disordered_stream_comes_out_sorted() {
    let second = |index: u32| (index / 10 * 10 + (index * 7) % 10).min(3_599);
    let events: Vec<_> = (0..3_000).map(|i| (second(i), format!("{i:05}"))).collect();
    let text: String = events.iter().map(|(second, id)| call(id, *second)).collect();
    let mut sorted = events;
    sorted.sort();
    let want: Vec<_> = sorted.into_iter().map(|(_, id)| id).collect();
    assert_eq!(merged(&[("a.ndjson", text)], "15s", HELD_MAX), (want, 0));
}

#[test]
fn the_cap_lets_the_oldest_go_early() {
    let text: String = (0..2_000).map(|i| call(&format!("{i:05}"), i)).collect();
    let (ids, early) = merged(&[("a.ndjson", text)], "1h", 100);
    assert_eq!(ids.len(), 2_000);
    assert!(ids.is_sorted() && early > 0);
}
