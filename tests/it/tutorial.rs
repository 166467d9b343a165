//! Does the tutorial of the README work, word for word? Its blocks are taken in their order, in an
//! empty folder, with the built program on the PATH.
//!
//! ```text
//! ```yaml   a file, named by the comment in its first line      is written
//! ```sh     a command a line                                    succeeds; a page is opened and read
//! ```text   what a reader should see                            each line is in the output before it
//! ```

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

const HEADING: &str = "## Ten minutes to a rule of your own\n";

/// Tries, a fifth of a second apart, before something that must come counts as missing.
const TRIES: u32 = 600;

const PAUSE: Duration = Duration::from_millis(200);

/// A block of the tutorial: its language, and what stands in it.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let (_, rest) = page.split_once(HEADING).expect("the README has a tutorial");
    let section = rest.split("\n## ").next().unwrap();
    // Every second piece between fences is a block; the language follows its fence.
    let pieces = section.split("```").skip(1).step_by(2);
    pieces.map(|piece| piece.split_once('\n').unwrap()).collect()
}

/// A shell command in the folder, with the built program on the PATH.
fn shell(command: &str, folder: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_siaga")).parent().unwrap().to_owned();
    let known = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([program].into_iter().chain(std::env::split_paths(&known)));
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", path.unwrap());
    shell
}

/// Runs a command to its end; what it wrote.
fn output(command: &str, folder: &Path) -> String {
    let done = shell(command, folder).output().unwrap();
    let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success(), "{command}\n{text}");
    text
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of a page.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    // The pages of the demo ask for one click first.
    if let Some(place) = head.lines().find_map(|line| line.strip_prefix("location: ")) {
        return get(address, place);
    }
    assert!(head.contains(" 200 "), "{path}: {head}");
    body.to_owned()
}

/// Starts a command that stays, on a free port, and opens its page as a reader would. Where it is
/// given rules, their alerts come.
fn look(command: &str, folder: &Path) {
    let mut child = shell(&format!("exec {command} --listen 127.0.0.1:0"), folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    let address = lines
        .find_map(|line| line.unwrap().strip_prefix("siaga: open http://").map(str::to_owned))
        .expect("it tells where its page is");
    // What else it says must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    assert!(get(&address, "/").contains("<title>"), "{command}");
    if command.contains("--rules") {
        let found = (0..TRIES).find_map(|_| {
            std::thread::sleep(PAUSE);
            let alerts: Value = serde_json::from_str(&get(&address, "/v1/alerts")).unwrap();
            alerts["alerts"].as_array().unwrap().first().cloned()
        });
        let alert = found.expect("an alert of the rule");
        assert_eq!(alert["rule"], "BigOrder", "{alert}");
    }
    drop(running);
}

#[test]
fn every_step_of_the_tutorial_works_as_it_stands() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(readme).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut seen, mut commands, mut expected) = (String::new(), 0, 0);
    for (language, text) in blocks(&page) {
        match language {
            "yaml" => {
                let (name, _) = text.split_once('\n').unwrap();
                let path = folder.path().join(name.trim_start_matches("# "));
                assert!(path.is_file(), "{name} is there before it is changed");
                fs::write(path, text).unwrap();
            }
            "sh" => {
                seen.clear();
                for command in text.lines() {
                    if command.starts_with("siaga demo") && !command.contains("--write") {
                        look(command, folder.path());
                    } else {
                        seen += &output(command, folder.path());
                    }
                    commands += 1;
                }
            }
            "text" => {
                for line in text.lines() {
                    assert!(seen.lines().any(|told| told == line), "`{line}` is not in\n{seen}");
                    expected += 1;
                }
            }
            other => panic!("what is a block of `{other}` for?"),
        }
    }
    assert!(commands >= 10 && expected >= 10, "{commands} commands, {expected} lines expected");
}
