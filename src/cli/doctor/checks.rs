//! What is looked at, one thing a function.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanBytes;

use crate::cli::compiled;
use crate::cli::doctor::Finding;
use crate::config::Config;
use crate::delivery::inbox;
use crate::disk::Disk;
use crate::disk::system::SystemDisk;
use crate::event::Symbols;
use crate::gather;
use crate::time;

/// Free bytes below which a disk is told to be small, and nearly full.
const SMALL: u64 = 5 << 30;
const NEARLY_FULL: u64 = 512 << 20;

/// A commit that takes longer than this makes every sender wait.
const COMMIT_SLOW: Duration = Duration::from_millis(20);

/// Commits that are timed; their median counts.
const COMMITS: u64 = 15;

/// Files that the program opens beside the connections.
const OTHER_FILES: u64 = 256;

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Looks at everything that the configuration names.
pub(super) fn all(config: &Config, named: bool) -> Vec<Finding> {
    let folder = &config.storage.data_dir;
    let mut findings = vec![rules(config, named)];
    findings.extend(data_folder(folder));
    findings.push(inbox(&folder.join("inbox.sqlite")));
    findings.push(port(config));
    findings.extend(topics(config));
    findings.extend(processes(config));
    findings.push(open_files(config.http.streams_max as u64));
    findings.push(memory(config.engine.memory_bytes_max));
    findings
}

fn rules(config: &Config, named: bool) -> Finding {
    let path = &config.rules.path;
    let own = path.exists() || named;
    let paths = if own { vec![path.clone()] } else { Vec::new() };
    let from = if own { path.display().to_string() } else { "built-in starter rules".to_owned() };
    let read = compiled(&paths, &Symbols::default());
    let count = read.rules.rules.len();
    match (read.refusal(), read.problems.len()) {
        (Some(why), _) => {
            Finding::bad("rules", format!("{from}: {why}"), format!("siaga rules check {from}"))
        }
        (None, 0) => Finding::good("rules", format!("{from}: {count} rules")),
        (None, warnings) => Finding::note(
            "rules",
            format!("{from}: {count} rules, {warnings} warnings"),
            format!("siaga rules check {from}"),
        ),
    }
}

fn data_folder(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    if !folder.exists() {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        return vec![match commits(parent) {
            Ok(_) => Finding::good("data folder", format!("{shown} is made at the first start")),
            Err(error) => Finding::bad(
                "data folder",
                format!("{shown} is not there and cannot be made: {error}"),
                format!("make it, and give it to the user that runs siaga: install -d {shown}"),
            ),
        }];
    }
    let took = match commits(folder) {
        Ok(took) => took,
        Err(error) => {
            let mend = format!("give it to the user that runs siaga: chown -R siaga {shown}");
            return vec![Finding::bad("data folder", format!("{shown}: {error}"), mend)];
        }
    };
    let speed = format!("{shown}: a commit takes {:.1} ms", took.as_secs_f64() * 1e3);
    let speed = if took > COMMIT_SLOW {
        Finding::note("data folder", speed, "senders wait for each commit: use a local SSD")
    } else {
        Finding::good("data folder", speed)
    };
    vec![speed, locks(folder), space(folder)]
}

/// Whether the file system keeps a lock from a second holder: by it one process writes, and one that
/// stands by knows when to take over.
fn locks(folder: &Path) -> Finding {
    let path = folder.join(format!(".siaga-doctor-{}.lock", std::process::id()));
    let tried = || {
        let _first = SystemDisk.lock(&path)?;
        Ok(SystemDisk.lock(&path).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
    };
    let held: io::Result<bool> = tried();
    // The scratch file goes in any case; that it was never made is told already.
    let _ = SystemDisk.remove(&path);
    let mend = "use a local file system, or NFS 4: else two processes could write the same journal";
    match held {
        Ok(true) => Finding::good("locks", "one process writes, a standby waits"),
        Ok(false) => Finding::bad("locks", "a lock is given twice", mend),
        Err(error) => Finding::bad("locks", format!("no lock is to be had: {error}"), mend),
    }
}

/// The median time of a small durable write in a folder.
fn commits(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!(".siaga-doctor-{}", std::process::id()));
    let timed = || {
        let file = SystemDisk.create(&path)?;
        let mut times = Vec::new();
        for number in 0..COMMITS {
            let began = time::steady();
            file.write_at(&[0x5a; 4_096], number * 4_096)?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    };
    let result = timed();
    // The scratch file goes in any case; that it was never made is told already.
    let _ = SystemDisk.remove(&path);
    result
}

fn space(folder: &Path) -> Finding {
    match SystemDisk.free_bytes(folder) {
        Ok(free) if free < NEARLY_FULL => Finding::bad(
            "disk",
            format!("{} free", HumanBytes(free)),
            "make room: when it is full, events are turned away until there is some",
        ),
        Ok(free) if free < SMALL => {
            let mend = "a month of a busy company takes some gigabytes";
            Finding::note("disk", format!("{} free", HumanBytes(free)), mend)
        }
        Ok(free) => Finding::good("disk", format!("{} free", HumanBytes(free))),
        Err(error) => Finding::note("disk", format!("free space is not known: {error}"), ""),
    }
}

fn inbox(path: &Path) -> Finding {
    if !path.exists() {
        return Finding::good("inbox", "is made at the first start");
    }
    match inbox::verify(path) {
        Ok(alerts) => Finding::good("inbox", format!("sound, {alerts} alerts")),
        Err(error) => Finding::bad(
            "inbox",
            format!("{}: {error}", path.display()),
            "stop the server, put the file aside and start: alerts that still hold fire again",
        ),
    }
}

fn port(config: &Config) -> Finding {
    let address = config.http.listen;
    match TcpListener::bind(address) {
        Ok(_) => Finding::good("port", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match health(address) {
            Ok(answer) if answer.contains(" 200 ") => {
                Finding::good("port", format!("{address}: siaga answers"))
            }
            _ => Finding::bad(
                "port",
                format!("{address} is taken by another program"),
                format!("ss -ltnp 'sport = :{}' names it; or set http.listen", address.port()),
            ),
        },
        Err(error) => Finding::bad("port", format!("{address}: {error}"), "set http.listen"),
    }
}

fn health(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

/// The cluster and the topics that are read and written, where there are any.
fn topics(config: &Config) -> Option<Finding> {
    let (of, endpoint) = ("topics", &config.fluvio.endpoint);
    if !config.fluvio.is_used() {
        return None;
    }
    let mend_endpoint = "start the cluster, or mend `endpoint` and the `tls_` keys of [fluvio]";
    let map = match config.fluvio.cluster().map_err(anyhow::Error::from).and_then(|cluster| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(cluster.map())?)
    }) {
        Ok(map) => map,
        Err(error) => return Some(Finding::bad(of, error.to_string(), mend_endpoint)),
    };
    let uses = config.topics();
    let counts = uses.iter().map(|(topic, _)| (*topic, map.partitions(topic)));
    let counts: Vec<(&str, Option<Vec<u32>>)> = counts.collect();
    let missing: Vec<&str> =
        counts.iter().filter(|(_, found)| found.is_none()).map(|(topic, _)| *topic).collect();
    if !missing.is_empty() {
        let what = format!("{endpoint} has no topic {}", missing.join(", "));
        return Some(Finding::bad(of, what, "siaga topics create"));
    }
    let partitions = counts.iter().flat_map(|(topic, found)| {
        found.iter().flatten().map(move |partition| (*topic, *partition))
    });
    let orphan = partitions.clone().find_map(|(topic, number)| map.leader(topic, number).err());
    if let Some(error) = orphan {
        return Some(Finding::bad(of, error.to_string(), "start the broker that holds it"));
    }
    let what = format!("{endpoint} has all of them, in {} partitions", partitions.count());
    Some(Finding::good(of, what))
}

/// The processes whose alerts one inbox shows, where there are any.
fn processes(config: &Config) -> Option<Finding> {
    let of = "processes";
    if !config.gather.is_used() {
        return None;
    }
    let asked = || -> anyhow::Result<Vec<(String, Result<(), String>)>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(gather::probe(&config.gather, config.cluster.processes))?)
    };
    let told = match asked() {
        Ok(told) => told,
        Err(error) => return Some(Finding::bad(of, error.to_string(), "mend it in [gather]")),
    };
    let away: Vec<String> = told
        .iter()
        .filter_map(|(address, answer)| {
            answer.as_ref().err().map(|reason| format!("{address}: {reason}"))
        })
        .collect();
    if away.is_empty() {
        return Some(Finding::good(of, format!("all {} can be copied", told.len())));
    }
    let what = format!("{} of {} cannot be copied: {}", away.len(), told.len(), away.join("; "));
    let mend = "start them, with the token of [gather]; `siaga cluster status` says who holds what";
    Some(Finding::bad(of, what, mend))
}

fn open_files(streams: u64) -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let wanted = streams + OTHER_FILES;
    match limit {
        Some(limit) if limit < wanted => Finding::note(
            "open files",
            format!("{limit} allowed, {wanted} may be needed for {streams} live pages"),
            "LimitNOFILE=65536 in the unit, or ulimit -n 65536",
        ),
        Some(limit) => Finding::good("open files", format!("{limit} allowed")),
        None => Finding::good("open files", "no limit"),
    }
}

/// Memory that is left, from what the kernel tells, beside what customers may take; 0 for no bound.
fn memory(bytes_max: u64) -> Finding {
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    match kilobytes.map(|kilobytes| kilobytes << 10) {
        Some(free) if free < bytes_max => Finding::note(
            "memory",
            format!("{} available, customers may take {}", HumanBytes(free), HumanBytes(bytes_max)),
            "lower engine.memory_bytes_max: names, pages and the journal need some beside it",
        ),
        Some(free) if bytes_max > 0 => Finding::good(
            "memory",
            format!("{} available, customers may take {}", HumanBytes(free), HumanBytes(bytes_max)),
        ),
        Some(free) if free < 1 << 30 => Finding::note(
            "memory",
            format!("{} available", HumanBytes(free)),
            "a customer with 50 orders takes about 2 KB: a million want 2 GB; \
             engine.memory_bytes_max keeps the idle ones on disk",
        ),
        Some(free) => Finding::good("memory", format!("{} available", HumanBytes(free))),
        None => Finding::note("memory", "what is left is not known here", ""),
    }
}
