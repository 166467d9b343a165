//! Does the doctor find what is wrong, and say what to do about it?

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fluvio::stand_in::StandIn;

/// Brings an installation into the state that is to be found.
type Prepare = fn(&Path);

/// What the doctor says of an installation in this folder: its exit code, and its findings.
fn asked(folder: &Path, settings: &[(&str, &str)]) -> (i32, Value) {
    let ran = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["doctor", "--output", "json"])
        .current_dir(folder)
        .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let told = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr));
    });
    (ran.status.code().unwrap(), told)
}

#[test]
fn a_new_installation_has_nothing_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = asked(folder.path(), &[]);
    assert_eq!(code, 0, "{told:#}");
    assert_ne!(told["verdict"], "bad");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "it leaves something");
}

#[test]
fn what_is_wrong_is_found_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let nothing: Prepare = |_| {};
    let cases: [(&str, Prepare, (&str, &str)); 6] = [
        ("configuration", nothing, ("SIAGA_HTTP_LISTEM", "127.0.0.1:0")),
        ("port", nothing, ("SIAGA_HTTP_LISTEN", &address)),
        ("processes", nothing, ("SIAGA_GATHER_OF", "http://127.0.0.1:1")),
        (
            "rules",
            |folder| {
                std::fs::create_dir(folder.join("rules")).unwrap();
                std::fs::write(folder.join("rules/a.rules.yaml"), "groups: 7\n").unwrap();
            },
            ("SIAGA_RULES_PATH", "rules"),
        ),
        (
            "data folder",
            |folder| std::fs::write(folder.join("data"), "a file").unwrap(),
            ("SIAGA_STORAGE_DATA_DIR", "data"),
        ),
        (
            "inbox",
            |folder| {
                std::fs::create_dir(folder.join("data")).unwrap();
                std::fs::write(folder.join("data/inbox.sqlite"), "no database at all").unwrap();
            },
            ("SIAGA_STORAGE_DATA_DIR", "data"),
        ),
    ];
    for (of, prepare, setting) in cases {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        // A program that holds the port and never answers is not ours.
        let (code, told) = asked(folder.path(), &[setting]);
        assert_eq!(code, 1, "{of}: {told:#}");
        let findings = told["findings"].as_array().unwrap();
        let bad: Vec<&Value> = findings.iter().filter(|found| found["verdict"] == "bad").collect();
        assert!(matches!(bad[..], [found] if found["of"] == of), "{of}: {told:#}");
        assert_ne!(bad[0]["mend"], "", "{of}: it does not say what to do");
    }
}

#[test]
fn a_cluster_that_is_away_and_a_topic_that_is_missing_are_found() {
    let cluster = StandIn::start(&[("orders", 2)]);
    let (endpoint, folder) = (cluster.endpoint(), tempfile::tempdir().unwrap());
    let said = |endpoint: &str, topics: &str, more: &[(&str, &str)]| {
        let mut settings =
            vec![("SIAGA_FLUVIO_ENDPOINT", endpoint), ("SIAGA_FLUVIO_TOPICS", topics)];
        settings.extend(more);
        let (code, told) = asked(folder.path(), &settings);
        let findings = told["findings"].as_array().unwrap();
        let found = findings.iter().find(|found| found["of"] == "topics").unwrap();
        let text = |key: &str| found[key].as_str().unwrap().to_owned();
        (code, text("what"), text("mend"))
    };
    let (code, what, _) = said(&endpoint, "orders", &[]);
    assert_eq!((code, what), (0, format!("{endpoint} has all of them, in 2 partitions")));
    for (topics, more, want, mend) in [
        ("orders,calls", &[][..], "has no topic calls", "siaga topics create"),
        ("orders", &[("SIAGA_FLUVIO_TLS_CA_FILE", "none.pem")], "cannot be read", "`tls_` keys"),
        ("orders", &[("SIAGA_FLUVIO_DEAD_LETTERS_TOPIC", "dead")], "no topic dead", "create"),
    ] {
        let (code, what, mended) = said(&endpoint, topics, more);
        assert_eq!(code, 1, "{what}");
        assert!(what.contains(want) && mended.contains(mend), "{what}: {mended}");
    }
    cluster.change(|state| state.orphaned = true);
    let (code, what, _) = said(&endpoint, "orders", &[]);
    assert!(code == 1 && what.contains("partition 0 of `orders` has no leader"), "{what}");
    drop(cluster);
    let (code, what, _) = said(&endpoint, "orders", &[]);
    assert!(code == 1 && what.contains("cannot be reached"), "{what}");
}
