//! Entries come back as they were, in another process too; nonsense is an error; and journals of
//! every version that shipped can be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use siaga::alert::Action;
use siaga::alert::AlertId;
use siaga::alert::CloseReason;
use siaga::alert::Deed;
use siaga::alert::Owner;
use siaga::disk::system::SystemDisk;
use siaga::event::Detail;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Feedback;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Record;
use siaga::event::Reference;
use siaga::event::Symbols;
use siaga::event::reference::Agreement;
use siaga::event::reference::Attribute;
use siaga::event::reference::Customer;
use siaga::event::reference::Product;
use siaga::event::reference::Quota;
use siaga::event::reference::Relation;
use siaga::event::reference::RelationKind;
use siaga::event::reference::Rep;
use siaga::event::reference::Tenure;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::Settings;
use siaga::journal::entry;
use siaga::journal::entry::ActionEntry;
use siaga::journal::entry::Encoder;
use siaga::journal::entry::Entry;
use siaga::journal::entry::EntryError;
use siaga::journal::entry::ModelEntry;
use siaga::journal::entry::Outcome;
use siaga::journal::entry::ReceiptEntry;
use siaga::journal::entry::RulesEntry;
use siaga::journal::entry::SetupEntry;
use siaga::journal::inspect::inspect;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::source::log;
use siaga::time::Span;
use siaga::time::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn money(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

/// An event that has nothing but what it must have.
fn bare(symbols: &Symbols) -> Event {
    Event {
        id: "e-0".into(),
        source: symbols.intern("shop"),
        kind: Kind::Web,
        time: at("1999-12-31T23:59:59.999Z"),
        customer: None,
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: [].into_iter().collect(),
        detail: None,
    }
}

/// An event that has everything.
fn full(symbols: &Symbols) -> Event {
    let name = |text: &str| Some(symbols.intern(text));
    let line = Line {
        number: 3,
        product: name("p-1"),
        category: name("power tools"),
        brand: name("Ōmura"),
        quantity: money("-2"),
        net: money("-259.98").into(),
        cost: money("180.057188").into(),
        discount: money("0").into(),
        promotion: name("spring"),
        non_product: true,
    };
    Event {
        id: "o-1 \u{1f600} with an id that is longer than twenty-four bytes".into(),
        source: symbols.intern("shop"),
        kind: Kind::Other,
        time: at("2025-03-01T09:30:00.123Z"),
        customer: name("c-1"),
        rep: name("r-1"),
        territory: name("north"),
        channel: name("web"),
        order: Some("A-77".into()),
        currency: Some(Currency::parse("EUR").unwrap()),
        lines: [line, Line { quantity: money("1"), ..Line::default() }].into_iter().collect(),
        detail: Some(Box::new(Detail {
            kind: name("fair"),
            topic: name("car_insurance"),
            outcome: name("declined"),
            direction: name("inbound"),
            product: name("p-1"),
            category: name("power tools"),
            campaign: name("spring"),
            severity: name("high"),
            duration_s: Some(money("61.5")),
            sentiment: Some(money("-0.25")),
            amount: Some(money("1000000000000")),
            count: Some(money("3")),
        })),
    }
}

fn attributes() -> BTreeMap<String, Attribute> {
    [
        ("employees".to_owned(), Attribute::Number(12.5)),
        ("key_account".to_owned(), Attribute::Flag(true)),
        ("note".to_owned(), Attribute::Text("prefers Tuesday".to_owned())),
        ("blocked".to_owned(), Attribute::Flag(false)),
    ]
    .into()
}

fn customers(symbols: &Symbols) -> [Customer; 3] {
    let name = |text: &str| symbols.intern(text);
    let customer = Customer {
        id: name("c-1"),
        name: Some("Northwind Traders".to_owned()),
        kind: Some(name("business")),
        segment: Some(name("retail")),
        tier: Some(name("A")),
        territory: Some(name("north")),
        owner: Some(name("r-1")),
        consent_marketing: Some(false),
        attributes: attributes(),
    };
    let unknown = Customer {
        name: None,
        kind: None,
        segment: None,
        tier: None,
        territory: None,
        owner: None,
        consent_marketing: None,
        attributes: BTreeMap::new(),
        ..customer.clone()
    };
    [customer.clone(), Customer { consent_marketing: Some(true), ..customer }, unknown]
}

fn references(symbols: &Symbols) -> Vec<Reference> {
    let name = |text: &str| symbols.intern(text);
    let product = Product {
        id: name("p-1"),
        name: Some("Drill".to_owned()),
        category: Some(name("power tools")),
        brand: None,
        list_price: Some(money("129.99")),
        unit_cost: Some(money("90.028594")),
        attributes: attributes(),
    };
    let quota = Quota {
        from: at("2025-01-01"),
        to: at("2025-04-01"),
        amount: money("250000"),
        currency: Some(Currency::parse("USD").unwrap()),
    };
    let rep = Rep {
        id: name("r-1"),
        name: Some("Ana".to_owned()),
        title: None,
        manager: Some(name("r-9")),
        territories: vec![name("north"), name("east")],
        seniority: Some(name("senior")),
        quotas: vec![quota, Quota { currency: None, ..quota }],
        tenures: Vec::new(),
    };
    let agreement = Agreement {
        id: name("a-1"),
        customer: name("c-1"),
        from: at("2025-01-01"),
        to: at("2026-01-01"),
        planned_amount: Some(money("50000")),
        planned_quantity: None,
        discount_rate: Some(money("0.05")),
        currency: Some(Currency::parse("EUR").unwrap()),
    };
    let kinds = [
        RelationKind::Substitute,
        RelationKind::ReplacedBy,
        RelationKind::Alternative,
        RelationKind::Accessory,
    ];
    let relations = kinds
        .map(|kind| Reference::Relation(Relation { from: name("p-1"), to: name("p-2"), kind }));
    let known = [Reference::Product(product), Reference::Rep(rep), Reference::Agreement(agreement)];
    let customers = customers(symbols).map(Reference::Customer);
    customers.into_iter().chain(known).chain(relations).collect()
}

/// A rep who had two territories, one after the other.
fn moved(symbols: &Symbols) -> Rep {
    let tenure = |name: &str, from: &str, to: Option<&str>| {
        let (from, to) = (at(from), to.map(at));
        Tenure { territory: symbols.intern(name), from, to }
    };
    Rep {
        id: symbols.intern("r-2"),
        name: None,
        title: None,
        manager: None,
        territories: Vec::new(),
        seniority: None,
        quotas: Vec::new(),
        tenures: vec![
            tenure("north", "2024-01-01", Some("2025-01-01")),
            tenure("east", "2025-01-01", None),
        ],
    }
}

/// The newest version of which there are golden files.
const NEWEST: u32 = 5;

/// One of everything that a journal of this version can hold.
fn every_entry_of(version: u32, symbols: &Symbols) -> Vec<Entry> {
    let kinds = Kind::ALL.iter().map(|(kind, _)| Event { kind: *kind, ..bare(symbols) });
    let events = kinds.chain([full(symbols)]);
    let mut records: Vec<Record> = events.map(|event| Record::Event(Box::new(event))).collect();
    records.extend(references(symbols).into_iter().map(|r| Record::Reference(Box::new(r))));
    let alert = AlertId::new("rule", "customer", "c-1", "2025");
    let entity = EntityId { kind: EntityKind::Customer, id: symbols.intern("c-1") };
    let closed = |reason| Action::Close { reason, amount: None };
    let actions = [
        Action::Acknowledge,
        Action::Snooze { until: at("2025-03-08") },
        Action::Reopen,
        closed(CloseReason::Resolved),
        closed(CloseReason::Expired),
        closed(CloseReason::Won),
        closed(CloseReason::Lost),
        closed(CloseReason::Dismissed("has left".to_owned())),
    ];
    let kinds = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];
    let actions = actions.into_iter().zip(kinds.into_iter().cycle()).map(|(action, kind)| {
        let (rule, by) = ("Margin drift".to_owned(), "ana".to_owned());
        let (entity, at) = (EntityId { kind, ..entity }, at("2025-03-02"));
        Entry::Action(ActionEntry { entity, rule, alert, action, by, at })
    });
    let receipts = [Outcome::Delivered, Outcome::Uncertain, Outcome::Dead].map(|outcome| {
        let (channel, at) = ("webhook".to_owned(), at("2025-03-02T00:00:01Z"));
        Entry::Receipt(ReceiptEntry { alert, channel, attempts: 3, at, outcome })
    });
    let rules = vec![("drift.rules.yaml".to_owned(), "groups: []\n".to_owned())];
    let mut all = vec![
        Entry::Rules(RulesEntry { hash: u64::MAX, files: rules }),
        Entry::Records(records),
        Entry::Records(Vec::new()),
        Entry::Tick(at("2025-03-01T09:30:01Z")),
        Entry::Model(ModelEntry {
            name: "churn".to_owned(),
            fitted_to: at("2025-03-01"),
            content: vec![0, 1, 255],
        }),
    ];
    all.extend(actions);
    all.extend(receipts);
    if version >= 2 {
        all.push(Entry::Setup(SetupEntry {
            secret: u64::MAX - 1,
            lateness: Span::from_millis(3_600_000),
            history: Span::from_millis(400 * 86_400_000),
            begun: true,
        }));
    }
    if version >= 3 {
        let records = vec![
            Record::Event(Box::new(bare(symbols))),
            Record::Reference(Box::new(Reference::Customer(customers(symbols)[0].clone()))),
        ];
        let position = |partition, next| log::Position { topic: "orders".into(), partition, next };
        let positions = vec![position(0, 0), position(u32::MAX, i64::MAX)];
        all.push(Entry::Read { records, positions });
        all.push(Entry::Read { records: Vec::new(), positions: vec![position(1, 7)] });
        all.extend([true, false].map(Entry::Held));
    }
    if version >= 4 {
        let moved = Reference::Rep(moved(symbols));
        all.push(Entry::Records(vec![Record::Reference(Box::new(moved))]));
    }
    if version >= 5 {
        all.push(Entry::Records(vec![feedback(entity, alert)]));
    }
    all.push(Entry::Closed);
    all
}

fn feedback(entity: EntityId, alert: AlertId) -> Record {
    let action = Action::Close { reason: CloseReason::Won, amount: None };
    let deed = Deed { action, by: "rep:r1".to_owned(), at: at("2025-03-02") };
    Record::Feedback(Box::new(Feedback { alert, entity, rule: "Margin drift".into(), deed }))
}

fn every_entry(symbols: &Symbols) -> Vec<Entry> {
    every_entry_of(NEWEST, symbols)
}

#[test]
fn every_entry_comes_back_as_it_was() {
    let symbols = Symbols::default();
    let mut encoder = Encoder::default();
    for entry in every_entry(&symbols) {
        let (kind, bytes) = encoder.encode(&entry, &symbols);
        assert_eq!(entry::decode(kind, bytes, &symbols).as_ref(), Ok(&entry));
    }
}

/// These came after the first journals were written, and have tags of their own.
#[test]
fn actions_with_an_amount_an_owner_or_a_text_come_back_as_they_were() {
    let symbols = Symbols::default();
    let mut encoder = Encoder::default();
    let text = || "they call back".to_owned();
    let owners = [Owner::Queue, Owner::Rep(text()), Owner::Territory(text())];
    let reasons = [CloseReason::Won, CloseReason::Lost, CloseReason::Dismissed(text())];
    let (amount, alert) = (Some(money("-1234.5")), AlertId::new("rule", "customer", "c-1", "1"));
    let actions =
        [Action::Wait, Action::Comment { text: text() }, Action::Retract { text: text() }]
            .into_iter()
            .chain(owners.map(|owner| Action::Reassign { owner }))
            .chain(reasons.map(|reason| Action::Close { reason, amount }));
    for action in actions {
        let entity = EntityId { kind: EntityKind::Customer, id: symbols.intern("c-1") };
        let (rule, by, at) = (text(), text(), at("2025-03-02"));
        let entry = Entry::Action(ActionEntry { entity, rule, alert, action, by, at });
        let (kind, bytes) = encoder.encode(&entry, &symbols);
        assert_eq!(entry::decode(kind, bytes, &symbols).as_ref(), Ok(&entry));
        for length in 0..bytes.len() {
            assert!(entry::decode(kind, &bytes[..length], &symbols).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn names_are_texts_so_another_process_reads_the_same() {
    let (ours, theirs) = (Symbols::default(), Symbols::default());
    // Their numbers are others.
    for name in ["x", "c-1", "y", "shop", "north"] {
        theirs.intern(name);
    }
    let mut encoder = Encoder::default();
    for entry in every_entry(&ours) {
        let (kind, bytes) = encoder.encode(&entry, &ours);
        let read = entry::decode(kind, bytes, &theirs).unwrap();
        let bytes = bytes.to_vec();
        let (_, again) = encoder.encode(&read, &theirs);
        assert_eq!(again, bytes, "{entry:?}");
    }
}

#[test]
fn a_cut_or_changed_entry_is_an_error_or_another_entry_and_never_a_panic() {
    let symbols = Symbols::default();
    let mut encoder = Encoder::default();
    for entry in every_entry(&symbols) {
        let (kind, bytes) = encoder.encode(&entry, &symbols);
        let bytes = bytes.to_vec();
        for length in 0..bytes.len() {
            let cut = entry::decode(kind, &bytes[..length], &symbols);
            assert!(cut.is_err(), "{length} of {} bytes were enough", bytes.len());
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                let _ = entry::decode(kind, &changed, &symbols);
            }
        }
    }
}

#[test]
fn what_a_newer_program_wrote_is_named() {
    let symbols = Symbols::default();
    assert_eq!(entry::decode(99, &[1], &symbols), Err(EntryError::Kind(99)));
    let newer = EntryError::Version { kind: 2, version: 9 };
    assert_eq!(entry::decode(2, &[9, 0], &symbols), Err(newer));
}

proptest! {
    #[test]
    fn random_bytes_are_no_danger(kind in 0_u8..11, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = entry::decode(kind, &bytes, &Symbols::default());
    }
}

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/journal/golden/v{version}"))
}

fn write(folder: &Path) {
    write_of(NEWEST, folder);
}

fn write_of(version: u32, folder: &Path) {
    let symbols = Symbols::default();
    let tenant = "golden".to_owned();
    let settings = Settings { tenant, segment_bytes: 800, ..Settings::new(JournalId::new(1)) };
    let (mut log, _) = Log::open(Arc::new(SystemDisk), folder, settings).unwrap();
    let mut encoder = Encoder::default();
    for entry in every_entry_of(version, &symbols) {
        let mut batch = log.batch();
        let (kind, bytes) = encoder.encode(&entry, &symbols);
        batch.push(kind, bytes).unwrap();
        log.commit(&batch).unwrap();
    }
}

fn read(folder: &Path, symbols: &Symbols) -> Vec<Entry> {
    let mut replay = Replay::open(&SystemDisk, folder, Position::FIRST).unwrap();
    let mut found = Vec::new();
    while let Some(record) = replay.next_record().unwrap() {
        found.push(entry::decode(record.kind, record.payload, symbols).unwrap());
    }
    found
}

/// `SIAGA_GOLDEN=write` makes the files of a new version; never change those of an old one.
#[test]
fn a_journal_of_every_version_can_be_read() {
    for version in 1..=NEWEST {
        let folder = golden(version);
        let asked = std::env::var_os("SIAGA_GOLDEN").is_some_and(|word| word == "write");
        if asked && !folder.exists() {
            fs::create_dir_all(&folder).unwrap();
            write_of(version, &folder);
            fs::remove_file(folder.join("lock")).unwrap();
        }
        let symbols = Symbols::default();
        assert_eq!(read(&folder, &symbols), every_entry_of(version, &symbols));
        let report = inspect(&SystemDisk, &folder, &mut |_| {}).unwrap();
        assert!(report.is_sound(), "{:?}", report.error);
        assert!(report.segments.len() > 1);
        let (events, references) = match version {
            ..3 => (25, 10),
            3 => (26, 11),
            _ => (26, 12),
        };
        assert_eq!((report.events, report.references, report.torn), (events, references, None));
        // What this version writes is what it wrote when it shipped.
        let place = tempfile::tempdir().unwrap();
        write_of(version, place.path());
        for segment in &report.segments {
            let (now, then) = (place.path().join(&segment.file), folder.join(&segment.file));
            assert_eq!(fs::read(now).unwrap(), fs::read(then).unwrap(), "{}", segment.file);
        }
    }
}

#[test]
fn a_report_says_how_far_the_journal_could_be_read() {
    let place = tempfile::tempdir().unwrap();
    write(place.path());
    let sound = inspect(&SystemDisk, place.path(), &mut |_| {}).unwrap();
    let second = place.path().join(&sound.segments[1].file);
    let mut bytes = fs::read(&second).unwrap();
    // The kind of its first record: behind the header, and twenty bytes into the frame.
    bytes[128 + 20] ^= 1;
    fs::write(&second, bytes).unwrap();
    let report = inspect(&SystemDisk, place.path(), &mut |_| {}).unwrap();
    let error = report.error.clone().unwrap();
    let want = format!("{} is corrupt at byte 128: the checksum", sound.segments[1].file);
    assert!(error.contains(&want), "{error}");
    assert!(!report.is_sound());
    assert_eq!(report.records(), sound.segments[0].records);
}
