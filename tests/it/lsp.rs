//! Does an editor get what it asks for? A scripted client talks to the built program over its
//! standard input and output.
//!
//! ```text
//! Client ── Content-Length, JSON ──► siaga rules lsp
//!        ◄─ answers, diagnostics ──
//! ```

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

/// How the client counts characters.
const ENCODINGS: [&str; 2] = ["utf-8", "utf-16"];

const RULES: &str = "groups:
  - name: g
    rules:
      - alert: LateOrder
        family: drift
        on: [order]
        let:
          größe: 1
          recent: lines.last('30d')
          spent: recent.sum(l, l.net)
        when: \"'𝄞é' != event.topik && spent > 10\"
        annotations: {summary: \"é {{ spent }}\"}
";

const TESTS: &str = "rule_files: [a.rules.yaml]
tests:
  - name: it fires
    customers: [{customer_id: c1, name: Acme}]
    events:
      - {at: 2025-01-01, every: 1d, count: 3, customer_id: c1, type: order, currency: USD, lines: [{product_id: p, quantity: 1, net_amount: 7}]}
    alerts: [{rule: LateOrder, customer_id: c1, opened_at: 2025-01-02}]
";

struct Client {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    number: i64,
    encoding: &'static str,
}

impl Client {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(["rules", "lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output, number: 0, encoding: "utf-16" }
    }

    /// A client that has introduced itself.
    fn initialized(encoding: &'static str) -> Self {
        let mut client = Self::start();
        client.encoding = encoding;
        let capabilities = json!({
            "general": {"positionEncodings": [encoding]},
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": true}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {"relatedInformation": true},
            },
        });
        let answer = client.ask("initialize", &json!({"capabilities": capabilities}));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], encoding);
        client.tell("initialized", &json!({}));
        client
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send_bytes(frame.as_bytes());
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server went away");
            match line.trim().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", &json!({"textDocument": document}));
    }

    /// The mistakes of a file, the next time they are told.
    fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
            {
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    /// The position of a byte, as this client counts.
    fn position(&self, text: &str, offset: usize) -> Value {
        let before = &text[..offset];
        let line = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let character = match self.encoding {
            "utf-8" => before.len() - start,
            _ => before[start..].encode_utf16().count(),
        };
        json!({"line": line, "character": character})
    }

    /// The text of a range.
    fn slice<'t>(&self, text: &'t str, range: &Value) -> &'t str {
        let offset = |place: &Value| {
            let offsets = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
            let mut found = offsets.filter(|at| self.position(text, *at) == *place);
            found.next().unwrap_or_else(|| panic!("{place} is no place"))
        };
        &text[offset(&range["start"])..offset(&range["end"])]
    }

    /// Asks about the place of `mark` in the text, so many bytes into it.
    fn ask_at(
        &mut self,
        method: &str,
        uri: &str,
        (text, mark, shift): (&str, &str, usize),
    ) -> Value {
        let offset = text.find(mark).unwrap() + shift;
        let position = self.position(text, offset);
        let params = json!({"textDocument": {"uri": uri}, "position": position});
        self.ask(&format!("textDocument/{method}"), &params)["result"].clone()
    }

    /// Ends the conversation; gives the exit code.
    fn goodbye(mut self) -> i32 {
        let answer = self.ask("shutdown", &Value::Null);
        assert_eq!(answer["result"], Value::Null);
        self.tell("exit", &Value::Null);
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A folder with a rule file and its test, and their URIs.
fn folder() -> (TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (rules, tests) = (folder.path().join("a.rules.yaml"), folder.path().join("a.test.yaml"));
    fs::write(&rules, RULES).unwrap();
    fs::write(&tests, TESTS).unwrap();
    (folder, uri(&rules), uri(&tests))
}

#[test]
fn a_mistake_is_told_mended_and_told_no_more() {
    for encoding in ENCODINGS {
        let (_folder, rules, _) = folder();
        let mut client = Client::initialized(encoding);
        client.open(&rules, RULES);
        let found = client.diagnostics(&rules);
        let told: Vec<_> = found
            .iter()
            .map(|d| (d["code"].as_str().unwrap(), client.slice(RULES, &d["range"])))
            .collect();
        // The name with an umlaut comes first, then the field behind two wide characters.
        assert_eq!(told, [("E110", "größe"), ("E203", "topik")][..told.len()], "{encoding}");
        let spelled = RULES.replace("größe", "size_of");
        let change = json!({"textDocument": {"uri": rules, "version": 2}, "contentChanges": [{"text": spelled}]});
        client.tell("textDocument/didChange", &change);
        let found = client.diagnostics(&rules);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(client.slice(&spelled, &found[0]["range"]), "topik");
        assert!(found[0]["message"].as_str().unwrap().contains("did you mean `topic`?"));
        assert!(found[0]["data"]["explanation"].as_str().unwrap().contains("fields"));

        let params = json!({
            "textDocument": {"uri": rules}, "range": found[0]["range"], "context": {"diagnostics": found},
        });
        let actions = client.ask("textDocument/codeAction", &params)["result"].clone();
        assert_eq!(actions[0]["title"], "Write `topic`");
        let edit = &actions[0]["edit"]["changes"][&rules][0];
        assert_eq!(client.slice(&spelled, &edit["range"]), "topik");
        // The edit goes back as an editor sends it: as a change of a part.
        let change = json!({"range": edit["range"], "text": edit["newText"]});
        let change =
            json!({"textDocument": {"uri": rules, "version": 3}, "contentChanges": [change]});
        client.tell("textDocument/didChange", &change);
        assert_eq!(client.diagnostics(&rules), Vec::<Value>::new());
        assert_eq!(client.goodbye(), 0);
    }
}

#[test]
fn hover_completion_definition_and_the_rest_answer_in_both_encodings() {
    let text = RULES.replace("größe: 1", "'ß': 1");
    for encoding in ENCODINGS {
        let (_folder, rules, tests) = folder();
        let mut client = Client::initialized(encoding);
        client.open(&rules, &text);
        client.open(&tests, TESTS);

        let hover = client.ask_at("hover", &rules, (&text, "spent > 10", 2));
        let said = hover["contents"]["value"].as_str().unwrap();
        assert!(said.contains("Type: money") && said.contains("recent.sum(l, l.net)"), "{said}");
        assert!(said.contains("**$14.00** in the test \u{201c}it fires\u{201d}"), "{said}");
        assert_eq!(client.slice(&text, &hover["range"]), "spent");

        let defined = client.ask_at("definition", &rules, (&text, "spent }}", 1));
        assert_eq!(defined[0]["uri"], rules);
        assert_eq!(client.slice(&text, &defined[0]["range"]), "spent");
        assert_eq!(defined[0]["range"]["start"]["line"], 9);
        let defined = client.ask_at("definition", &tests, (TESTS, "LateOrder", 3));
        assert_eq!(
            (&defined[0]["uri"], &defined[0]["range"]["start"]["line"]),
            (&json!(rules), &json!(3))
        );
        let used = client.ask_at("references", &rules, (&text, "LateOrder", 3));
        assert_eq!(used.as_array().unwrap().len(), 2, "{used}");

        let found = client.ask_at("completion", &rules, (&text, "event.topik", 8));
        let topic = found["items"].as_array().unwrap().iter().find(|item| item["label"] == "topic");
        let edit = &topic.unwrap()["textEdit"];
        assert_eq!(client.slice(&text, &edit["range"]), "to");

        let params = json!({"textDocument": {"uri": rules}});
        let symbols = client.ask("textDocument/documentSymbol", &params)["result"].clone();
        let rule = &symbols[0]["children"][0];
        assert_eq!(
            (&rule["name"], &rule["children"][1]["name"]),
            (&json!("LateOrder"), &json!("recent"))
        );

        let offset = text.find("spent: ").unwrap();
        let place = client.position(&text, offset);
        let params =
            json!({"textDocument": {"uri": rules}, "position": place, "newName": "money_spent"});
        let changes = client.ask("textDocument/rename", &params)["result"]["changes"].clone();
        let edits = changes[&rules].as_array().unwrap();
        assert_eq!(edits.len(), 3, "{edits:?}");
        assert!(edits.iter().all(|edit| client.slice(&text, &edit["range"]) == "spent"));

        // A file with mistakes keeps its layout; a sound one gets that of `rules fmt`.
        let params = json!({"textDocument": {"uri": rules}, "options": {"tabSize": 2}});
        assert_eq!(client.ask("textDocument/formatting", &params)["result"], json!([]));
        client.open(&tests, &TESTS.replace("rule_files: [", "rule_files:   ["));
        let params = json!({"textDocument": {"uri": tests}, "options": {"tabSize": 2}});
        let edits = client.ask("textDocument/formatting", &params)["result"].clone();
        assert!(edits[0]["newText"].as_str().unwrap().starts_with("rule_files: ["), "{edits}");
        assert_eq!(client.goodbye(), 0);
    }
}

#[test]
fn a_half_typed_file_is_completed_by_the_text_around_the_cursor() {
    for encoding in ENCODINGS {
        let mut client = Client::initialized(encoding);
        for (line, label, inserted) in [
            ("when: \"'é' == 'x' && lines.last('30d').filter(l, l.|", "category", "category"),
            ("when: 'é' != event.|", "topic", "topic"),
            ("keep|", "keep_firing_for", "keep_firing_for: "),
            ("on: [order, |", "call.started", "call.started"),
            ("value: lines.s|", "sum", "sum(${1:l}, ${2:value})"),
        ] {
            let head = "groups:\n  - name: ö\n    rules:\n      - alert: A\n        labels: {x: y\n        ";
            let text = format!("{head}{line}\n      - alert: B\n        on: [");
            let at = text.find('|').unwrap();
            let text = text.replacen('|', "", 1);
            let uri = format!("untitled:{label}.rules.yaml");
            client.open(&uri, &text);
            let position = client.position(&text, at);
            let params = json!({"textDocument": {"uri": uri}, "position": position});
            let found = client.ask("textDocument/completion", &params)["result"]["items"].clone();
            let found = found.as_array().unwrap().iter().find(|item| item["label"] == label);
            let found = found.unwrap_or_else(|| panic!("no `{label}` at {line}"));
            assert_eq!(found["textEdit"]["newText"], inserted, "{line}");
            assert!(!found["documentation"]["value"].as_str().unwrap().is_empty(), "{line}");
        }
        assert_eq!(client.goodbye(), 0);
    }
}

#[test]
fn two_files_of_a_folder_know_of_each_other() {
    let (folder, rules, _) = folder();
    let other = folder.path().join("b.rules.yaml");
    let text = RULES.replace("topik", "topic").replace("größe: 1", "a: 1");
    fs::write(&other, &text).unwrap();
    let mut client = Client::initialized("utf-16");
    client.open(&rules, &text);
    // The file that is not open is told of, too.
    let found = client.diagnostics(&uri(&other));
    assert_eq!((found.len(), &found[0]["code"]), (1, &json!("E108")));
    let related = &found[0]["relatedInformation"][0];
    assert_eq!(
        (&related["location"]["uri"], &related["message"]),
        (&json!(rules), &json!("first here"))
    );
    fs::remove_file(&other).unwrap();
    client.tell("textDocument/didSave", &json!({"textDocument": {"uri": rules}}));
    assert_eq!(client.diagnostics(&rules), Vec::<Value>::new());
    assert_eq!(client.goodbye(), 0);
}

#[test]
fn bad_messages_are_answered_and_the_conversation_goes_on() {
    let mut client = Client::start();
    let early = client.ask("textDocument/hover", &json!({}));
    assert_eq!(early["error"]["code"], -32_002);
    client.send_bytes(b"Content-Length: 9\r\n\r\n{\"id\": 1,");
    assert_eq!(client.receive()["error"]["code"], -32_700);
    client.send_bytes(b"Content-Length: none\r\n\r\n");
    assert_eq!(client.receive()["error"]["code"], -32_700);
    client.send(&json!([1, 2]));
    assert_eq!(client.receive()["error"]["code"], -32_600);
    client.send(&json!({"jsonrpc": "2.0", "id": {"a": 1}, "method": "x"}));
    assert_eq!(client.receive()["error"]["code"], -32_600);
    let answer = client.ask("initialize", &json!({"capabilities": {}}));
    assert_eq!(answer["result"]["capabilities"]["positionEncoding"], "utf-16");
    let unopened = json!({"textDocument": {"uri": "file:///no/such.rules.yaml"}, "position": {"line": 0, "character": 0}});
    for (method, params, code) in [
        ("initialize", json!({}), -32_600),
        ("no/such", json!({}), -32_601),
        ("textDocument/hover", json!({"textDocument": 1}), -32_602),
        ("textDocument/hover", json!(null), -32_602),
        ("textDocument/hover", unopened.clone(), -32_602),
        ("textDocument/rename", unopened, -32_602),
    ] {
        let answer = client.ask(method, &params);
        assert_eq!(answer["error"]["code"], code, "{method} {params}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
    // Notifications are never answered, known or not.
    client.tell("$/setTrace", &json!({"value": "off"}));
    client.tell("no/such", &json!({}));
    assert_eq!(client.goodbye(), 0);
}

#[test]
fn a_request_that_waits_can_be_taken_back() {
    let mut client = Client::initialized("utf-16");
    // One frame of bytes, so that both are there when the first is looked at.
    let ask = |id: i64| json!({"jsonrpc": "2.0", "id": id, "method": "no/such"}).to_string();
    let cancel =
        json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 71}}).to_string();
    let mut frames = String::new();
    for body in [ask(70), ask(71), cancel, ask(72)] {
        frames.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    }
    client.send_bytes(frames.as_bytes());
    let mut codes = Vec::new();
    while codes.len() < 3 {
        let answer = client.receive();
        codes.push((answer["id"].as_i64().unwrap(), answer["error"]["code"].as_i64().unwrap()));
    }
    codes.sort_unstable();
    // Each request is answered once; whether the second was still waiting is a matter of luck.
    let ids: Vec<i64> = codes.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [70, 71, 72]);
    assert!([-32_800, -32_601].contains(&codes[1].1), "{codes:?}");
    assert_eq!((codes[0].1, codes[2].1), (-32_601, -32_601));
    assert_eq!(client.goodbye(), 0);
}

#[test]
fn who_leaves_without_a_word_is_a_failure() {
    let mut client = Client::initialized("utf-16");
    client.tell("exit", &Value::Null);
    assert_eq!(client.process.wait().unwrap().code(), Some(1));
    let mut client = Client::initialized("utf-16");
    client.input = None;
    assert_eq!(client.process.wait().unwrap().code(), Some(1));
}
