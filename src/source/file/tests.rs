//! Is every form of file read as it stands, and a broken one named?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::event::Record;
use crate::money::Decimal;

/// What a file brought.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    events: u64,
    references: u64,
    lines: u64,
    net: i128,
    refused: Vec<(u64, u64, &'static str)>,
}

fn read(path: &Path, mapping: &str) -> Result<Tally, SourceError> {
    let symbols = Symbols::default();
    let mapping = Arc::new(Mapping::parse(mapping).unwrap());
    let mut source = open(path, &mapping, None, &symbols)?;
    let (mut tally, mut batch, mut more) = (Tally::default(), Batch::default(), true);
    while more {
        batch.clear();
        more = source.next_batch(&symbols, &mut batch)?;
        assert!(batch.records.len() <= BATCH_RECORDS + 1);
        for record in &batch.records {
            let Record::Event(event) = record else {
                tally.references += 1;
                continue;
            };
            tally.events += 1;
            tally.lines += event.lines.len() as u64;
            let nets = event.lines.iter().filter_map(|line| line.net);
            tally.net += nets.map(|net| i128::from(net.micros())).sum::<i128>();
        }
        tally.refused.extend(batch.refused.iter().map(|r| (r.position, r.offset, r.reason.code())));
    }
    assert!(source.bytes_total().is_none_or(|total| source.bytes_read() <= total));
    Ok(tally)
}

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

const CALL: &str = r#"{"event_id":"1","occurred_at":"2025-03-01","kind":"call"}"#;

#[test]
fn every_form_and_packing_is_read() {
    let lines = format!("\u{feff}{CALL}\r\n\n{CALL}\n{{broken\n{CALL}");
    let list = format!(" [{CALL},\n {CALL}, {{broken}}, {CALL}]\n");
    let table = "event_id,occurred_at,kind\n1,2025-03-01,call\n2,2025-03-01\n\n3,2025-03-01,call\n\
                 4,2025-03-01,\"ca\nll\"\n";
    let gzip = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(lines.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let zstd = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    for (name, bytes) in [
        ("a.ndjson", lines.as_bytes()),
        ("a.jsonl", lines.as_bytes()),
        ("a.json", list.as_bytes()),
        ("a.csv", table.as_bytes()),
        ("a.tsv", table.replace(',', "\t").as_bytes()),
        ("a.ndjson.gz", &gzip),
        ("a.ndjson.zst", &zstd),
        ("a.ndjson", &zstd),
    ] {
        let (_folder, path) = written(name, bytes);
        let tally = read(&path, "").unwrap();
        assert_eq!((tally.events, tally.refused.len()), (3, 1), "{name}: {tally:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let torn = &zstd::encode_all(CALL.repeat(100).as_bytes(), 1).unwrap()[..20];
    for (name, bytes, mapping, want) in [
        ("a.xlsx", &b"x"[..], "", "name it .ndjson"),
        ("a.csv", b"", "", "no row of names"),
        ("a.csv", b"a,a\n", "", "stands twice"),
        ("a.csv", b"event_id,when\n", "[fields]\noccurred_at = \"ts\"", "no column `ts`"),
        ("a.parquet", b"PAR1", "", "as Parquet"),
        ("a.ndjson.zst", torn, "", "is the file whole?"),
    ] {
        let (_folder, path) = written(name, bytes);
        let message = read(&path, mapping).unwrap_err().to_string();
        assert!(message.contains(want), "{name}: {message}");
    }
    let message = read(Path::new("/nowhere/a.ndjson"), "").unwrap_err().to_string();
    assert!(message.starts_with("cannot open /nowhere/a.ndjson"), "{message}");
}

#[test]
fn a_record_without_an_end_is_refused_and_the_next_one_read() {
    let mut bytes = format!("{CALL}\n").into_bytes();
    bytes.resize(bytes.len() + (3 << 20), b'x');
    bytes.extend_from_slice(format!("\n{CALL}\n").as_bytes());
    let (_folder, path) = written("a.ndjson", &bytes);
    let tally = read(&path, "").unwrap();
    assert_eq!(tally.events, 2);
    assert_eq!(tally.refused, [(2, CALL.len() as u64 + 1, "too_long")]);
}

#[test]
fn rows_of_one_order_make_one_order() {
    let table = "order_no;when;who;what;qty;price\n\
                 17;03/01/2025;c1;p1;2;10\n17;03/01/2025;c1;p2;1;5.5\n18;03/01/2025;c2;p1;1;10\n";
    let mapping = "record = \"order\"\ntime_format = \"%d/%m/%Y\"\n[fields]\n\
                   order_id = \"order_no\"\noccurred_at = \"when\"\ncustomer_id = \"who\"\n\
                   product_id = \"what\"\nquantity = \"qty\"\nunit_price = \"price\"\n";
    let (_folder, path) = written("orders.csv", table.as_bytes());
    let apart = read(&path, mapping).unwrap();
    assert_eq!((apart.events, apart.lines, apart.net), (3, 3, 35_500_000));
    let together = read(&path, &format!("group_by = \"order_id\"\n{mapping}")).unwrap();
    assert_eq!((together.events, together.lines, together.net), (2, 3, 35_500_000));
}

#[test]
fn a_file_is_told_by_its_name() {
    for (name, want) in [
        ("customers.ndjson", Some(RecordKind::Customer)),
        ("customers-2024.csv", Some(RecordKind::Customer)),
        ("orders_2024.csv.gz", Some(RecordKind::Order)),
        ("product_relations.ndjson", Some(RecordKind::ProductRelation)),
        ("transactions_no_customer.ndjson.zst", Some(RecordKind::Order)),
        ("stream.ndjson", None),
    ] {
        assert_eq!(hint_of(name), want, "{name}");
    }
}

/// Shared data: `SIAGA_DATA`, else a folder beside the project.
fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("SIAGA_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no data in {}; set SIAGA_DATA", folder.display());
    None
}

#[test]
fn the_shared_data_decode_without_a_refusal() {
    let Some(folder) = shared() else { return };
    let words = ["transactions", "interactions", "customers", "products", "reps"];
    let mut nets: BTreeMap<PathBuf, (u64, u64, i128)> = BTreeMap::new();
    for set in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(files) = std::fs::read_dir(&set) else { continue };
        for path in files.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let known = words.iter().any(|word| name.starts_with(word));
            if !(known && name.contains(".ndjson")) || set.ends_with("truth") {
                continue;
            }
            if cfg!(debug_assertions) && path.metadata().unwrap().len() > 3 << 20 {
                println!("LEFT OUT, too large for a debug build: {}", path.display());
                continue;
            }
            let tally = read(&path, "").unwrap();
            assert_eq!(tally.refused, [], "{}", path.display());
            assert!(tally.events + tally.references > 0, "{}", path.display());
            if stem(&name) == "transactions" {
                nets.insert(set.clone(), (tally.events, tally.lines, tally.net));
            }
        }
    }
    for (set, ndjson) in nets {
        let path = set.join("transaction_lines.parquet");
        if path.exists() {
            let tally = read(&path, "").unwrap();
            assert_eq!(tally.refused, [], "{}", path.display());
            assert_eq!((tally.events, tally.lines, tally.net), ndjson, "{}", path.display());
        }
    }
}

#[test]
fn the_dirty_stream_has_its_139_broken_records() {
    let Some(folder) = shared() else { return };
    let path = folder.join("synthetic-b2b/stream_dirty.ndjson.zst");
    let tally = read(&path, "").unwrap();
    assert_eq!((tally.events, tally.refused.len()), (306_381 - 139, 139));
    assert!(tally.refused.iter().all(|(_, _, code)| *code == "bad_json"));
    assert!(tally.net > i128::from(Decimal::SCALE));
}
