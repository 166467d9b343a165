//! What is done with a message? One after the other, in the order in which they came.
//!
//! ```text
//! waiting ──initialize──► running ──shutdown──► shut down ──exit──► 0
//!    └────────────────────────┴────────exit────────────────────────► 1
//! ```

use crate::rule::keys::Holds;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::cli::rules::lsp::answer;
use crate::cli::rules::lsp::answer::Terms;
use crate::cli::rules::lsp::documents::Documents;
use crate::cli::rules::lsp::position::Encoding;
use crate::cli::rules::lsp::position::Lines;
use crate::cli::rules::lsp::protocol;
use crate::cli::rules::lsp::protocol::ChangeParams;
use crate::cli::rules::lsp::protocol::CodeActionParams;
use crate::cli::rules::lsp::protocol::DocumentParams;
use crate::cli::rules::lsp::protocol::InitializeParams;
use crate::cli::rules::lsp::protocol::OpenParams;
use crate::cli::rules::lsp::protocol::PlaceParams;
use crate::cli::rules::lsp::protocol::Refusal;
use crate::cli::rules::lsp::protocol::RenameParams;
use crate::cli::rules::lsp::protocol::notification;
use crate::cli::rules::lsp::protocol::response;
use crate::rule::assist::complete;
use crate::rule::assist::hover;
use crate::rule::assist::names;
use crate::rule::assist::symbols;
use crate::rule::layout;

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    ShutDown,
}

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It does.
    More,
    /// It does, once the client says something.
    Wait,
    /// It is over, and `true` where the client said goodbye first.
    Exit(bool),
}

/// One conversation.
pub(super) struct Server {
    phase: Phase,
    terms: Terms,
    documents: Documents,
    /// Folders whose mistakes are to be told anew.
    stale: BTreeSet<PathBuf>,
    /// Files that the client has mistakes of, and their folders.
    told: BTreeMap<String, PathBuf>,
    watches: bool,
}

impl Server {
    /// Waits for `initialize`.
    pub(super) fn new() -> Self {
        let terms =
            Terms { encoding: Encoding::Utf16, snippets: false, markdown: true, related: false };
        Self {
            phase: Phase::Waiting,
            terms,
            documents: Documents::default(),
            stale: BTreeSet::new(),
            told: BTreeMap::new(),
            watches: false,
        }
    }

    /// Takes a message, and adds what is to be said to it.
    pub(super) fn take(&mut self, mut message: Value, out: &mut Vec<Value>) -> Next {
        let id = message.get("id").cloned();
        let sound_id = id.as_ref().is_none_or(|id| id.is_string() || id.is_i64() || id.is_u64());
        let params = message.get_mut("params").map_or(Value::Null, Value::take);
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        let answers = message.get("result").is_some() || message.get("error").is_some();
        match (method, id) {
            (Some(method), Some(id)) if sound_id => {
                let result = self.request(&method, params);
                out.push(response(&id, result));
                Next::More
            }
            (Some(method), None) => self.notified(&method, params, out),
            // The client's answer to what the server asked: nothing hangs on it.
            (None, Some(_)) if answers => Next::More,
            _ => {
                let message = "a message has a `method`, and an `id` that is a text or a number";
                let refusal =
                    Refusal { code: protocol::INVALID_REQUEST, message: message.to_owned() };
                out.push(response(&Value::Null, Err(refusal)));
                Next::More
            }
        }
    }

    /// Reads one file more of what [`publish`](Self::publish) needs; `false` if it needs no more.
    pub(super) fn prepare(&mut self) -> bool {
        self.stale.iter().any(|folder| self.documents.read_one(folder))
    }

    /// Mistakes that changed since they were told.
    pub(super) fn publish(&mut self, out: &mut Vec<Value>) {
        let stale = std::mem::take(&mut self.stale);
        let mut told_before = std::mem::take(&mut self.told);
        for folder in &stale {
            let (files, problems) = self.documents.problems(folder);
            let (files, problems) = (files.clone(), problems.to_vec());
            let uri = |name: &str| self.documents.uri(name);
            for file in 0..files.len() {
                let here = problems.iter().filter(|problem| problem.file == file);
                let shown = here.map(|p| answer::diagnostic(p, &files, self.terms, &uri));
                let shown: Vec<Value> = shown.collect();
                let (name, version) =
                    (uri(files.name(file)), self.documents.version(files.name(file)));
                let known = told_before.remove(&name).is_some();
                if shown.is_empty() && version.is_none() && !known {
                    continue;
                }
                if !shown.is_empty() {
                    self.told.insert(name.clone(), folder.clone());
                }
                let mut params = json!({"uri": name, "diagnostics": shown});
                if let Some(version) = version {
                    params["version"] = json!(version);
                }
                out.push(notification("textDocument/publishDiagnostics", params));
            }
        }
        // What is left was told of files that are gone, or of folders that nobody looks at.
        let open = self.documents.open_folders();
        for (name, folder) in told_before {
            if open.contains(&folder) && !stale.contains(&folder) {
                self.told.insert(name, folder);
            } else {
                let params = json!({"uri": name, "diagnostics": []});
                out.push(notification("textDocument/publishDiagnostics", params));
            }
        }
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        match (self.phase, method) {
            (Phase::Waiting, "initialize") => return Ok(self.initialize(&parsed(params)?)),
            (Phase::Waiting, _) => {
                let message = "the first request is `initialize`".to_owned();
                return Err(Refusal { code: protocol::NOT_INITIALIZED, message });
            }
            (Phase::ShutDown, _) | (Phase::Running, "initialize") => {
                let message = format!("`{method}` has no place here");
                return Err(Refusal { code: protocol::INVALID_REQUEST, message });
            }
            (Phase::Running, _) => {}
        }
        match method {
            "shutdown" => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            "textDocument/completion" => self.completion(&parsed(params)?),
            "textDocument/hover" => self.hover(&parsed(params)?),
            "textDocument/definition" => self.places(&parsed(params)?, true),
            "textDocument/references" => self.places(&parsed(params)?, false),
            "textDocument/prepareRename" => self.prepare_rename(&parsed(params)?),
            "textDocument/rename" => self.rename(&parsed(params)?),
            "textDocument/documentSymbol" => self.symbols(&parsed(params)?),
            "textDocument/formatting" => self.formatting(&parsed(params)?),
            "textDocument/codeAction" => self.code_actions(&parsed(params)?),
            _ => {
                let message = format!("there is no `{method}` here");
                Err(Refusal { code: protocol::METHOD_NOT_FOUND, message })
            }
        }
    }

    fn notified(&mut self, method: &str, params: Value, out: &mut Vec<Value>) -> Next {
        if method == "exit" {
            return Next::Exit(self.phase == Phase::ShutDown);
        }
        if self.phase != Phase::Running {
            return Next::More;
        }
        let result = match method {
            "initialized" => {
                if self.watches {
                    out.push(watch());
                }
                Ok(())
            }
            "textDocument/didOpen" => parsed(params).map(|params| self.opened(params)),
            "textDocument/didChange" => parsed(params).map(|params| self.changed(params)),
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => {
                self.documents.forget_disk();
                self.all_stale();
                Ok(())
            }
            "textDocument/didClose" => parsed(params).map(|params| self.closed(&params)),
            // What is not known and needs no answer is passed over, as the protocol wants it.
            _ => Ok(()),
        };
        if let Err(refusal) = result {
            let text = format!("{method}: {}", refusal.message);
            out.push(notification("window/logMessage", json!({"type": 1, "message": text})));
        }
        Next::More
    }

    fn initialize(&mut self, params: &InitializeParams) -> Value {
        let can = |path: &str| params.capabilities.pointer(path);
        let yes = |path: &str| can(path).and_then(Value::as_bool).unwrap_or(false);
        let offers = |path: &str, word: &str| {
            can(path).and_then(Value::as_array).is_some_and(|all| all.contains(&json!(word)))
        };
        let utf8 = offers("/general/positionEncodings", "utf-8");
        let formats = "/textDocument/hover/contentFormat";
        self.terms = Terms {
            encoding: if utf8 { Encoding::Utf8 } else { Encoding::Utf16 },
            snippets: yes("/textDocument/completion/completionItem/snippetSupport"),
            markdown: can(formats).is_none() || offers(formats, "markdown"),
            related: yes("/textDocument/publishDiagnostics/relatedInformation"),
        };
        self.watches = yes("/workspace/didChangeWatchedFiles/dynamicRegistration");
        self.phase = Phase::Running;
        json!({
            "capabilities": {
                "positionEncoding": if utf8 { "utf-8" } else { "utf-16" },
                "textDocumentSync": {"openClose": true, "change": 2, "save": {"includeText": false}},
                "completionProvider": {"triggerCharacters": [".", "'"]},
                "hoverProvider": true,
                "definitionProvider": true,
                "referencesProvider": true,
                "renameProvider": {"prepareProvider": true},
                "documentSymbolProvider": true,
                "documentFormattingProvider": true,
                "codeActionProvider": {"codeActionKinds": ["quickfix"]},
            },
            "serverInfo": {"name": "siaga", "version": env!("CARGO_PKG_VERSION")},
        })
    }

    fn opened(&mut self, params: OpenParams) {
        let document = params.text_document;
        // The disk is looked at anew: the file may be new to its folder.
        self.documents.forget_disk();
        self.documents.set(&document.uri, document.version, document.text);
        self.all_stale();
    }

    fn changed(&mut self, params: ChangeParams) {
        let ChangeParams { text_document, content_changes } = params;
        let Some(open) = self.documents.get(&text_document.uri) else { return };
        let (mut text, version) = (open.text.clone(), open.version);
        for change in content_changes {
            match change.range {
                None => text = change.text,
                Some(range) => {
                    let span = Lines::new(&text, self.terms.encoding).span(range);
                    text.replace_range(span, &change.text);
                }
            }
        }
        let version = text_document.version.unwrap_or(version);
        self.documents.set(&text_document.uri, version, text);
        self.all_stale();
    }

    fn closed(&mut self, params: &DocumentParams) {
        self.documents.close(&params.text_document.uri);
        self.all_stale();
    }

    fn all_stale(&mut self) {
        self.stale.extend(self.documents.open_folders());
    }

    fn completion(&mut self, params: &PlaceParams) -> Result<Value, Refusal> {
        let terms = self.terms;
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let lines = Lines::new(folder.files.text(file), terms.encoding);
        let offset = lines.offset(params.position);
        let found = complete::completions(&folder.files, file, offset);
        let items = found.iter().enumerate().map(|found| answer::completion(found, &lines, terms));
        Ok(json!({"isIncomplete": false, "items": items.collect::<Vec<_>>()}))
    }

    fn hover(&mut self, params: &PlaceParams) -> Result<Value, Refusal> {
        let terms = self.terms;
        let problems = self.documents.problems_of(uri(&params.text_document)).to_vec();
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let lines = Lines::new(folder.files.text(file), terms.encoding);
        let offset = lines.offset(params.position);
        let found = hover::hover(&folder.files, file, offset, &problems);
        Ok(found.map_or(Value::Null, |found| {
            let range = lines.stretch(&found.span);
            json!({"contents": answer::markup(&found.text, terms), "range": range})
        }))
    }

    fn places(&mut self, params: &PlaceParams, definition: bool) -> Result<Value, Refusal> {
        let terms = self.terms;
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let files = folder.files.clone();
        let offset = Lines::new(files.text(file), terms.encoding).offset(params.position);
        let mut found = if definition {
            names::definition(&files, file, offset)
        } else {
            names::references(&files, file, offset)
        };
        if params.context.get("includeDeclaration") == Some(&Value::Bool(false)) {
            let declared = names::definition(&files, file, offset);
            found.retain(|place| !declared.contains(place));
        }
        let uri = |name: &str| self.documents.uri(name);
        Ok(found.iter().map(|place| answer::location(place, &files, terms, &uri)).collect())
    }

    fn prepare_rename(&mut self, params: &PlaceParams) -> Result<Value, Refusal> {
        let encoding = self.terms.encoding;
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let lines = Lines::new(folder.files.text(file), encoding);
        let name = names::name_at(&folder.files, file, lines.offset(params.position));
        Ok(name.map_or(
            Value::Null,
            |name| json!({"range": lines.stretch(&name.span), "placeholder": name.text}),
        ))
    }

    fn rename(&mut self, params: &RenameParams) -> Result<Value, Refusal> {
        let encoding = self.terms.encoding;
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let files = folder.files.clone();
        let offset = Lines::new(files.text(file), encoding).offset(params.position);
        let places =
            names::rename(&files, file, offset, &params.new_name).map_err(Refusal::failed)?;
        let mut changes = serde_json::Map::new();
        for place in places {
            let lines = Lines::new(files.text(place.file), encoding);
            let edit = json!({"range": lines.stretch(&place.span), "newText": params.new_name});
            let uri = self.documents.uri(files.name(place.file));
            let edits = changes.entry(uri).or_insert_with(|| json!([]));
            if let Value::Array(edits) = edits {
                edits.push(edit);
            }
        }
        Ok(json!({"changes": changes}))
    }

    fn symbols(&mut self, params: &DocumentParams) -> Result<Value, Refusal> {
        let open = self.documents.get(uri(&params.text_document)).ok_or_else(unknown)?;
        let lines = Lines::new(&open.text, self.terms.encoding);
        let found = symbols::symbols(&params.text_document.uri, &open.text);
        Ok(found.iter().map(|symbol| answer::symbol(symbol, &lines)).collect())
    }

    /// The whole text anew, where its layout is another; a file with mistakes stays as it is.
    fn formatting(&mut self, params: &DocumentParams) -> Result<Value, Refusal> {
        let open = self.documents.get(uri(&params.text_document)).ok_or_else(unknown)?;
        if matches!(complete::top(&open.uri), Holds::Text) {
            return Ok(json!([]));
        }
        let laid_out = layout::layout(&open.uri, &open.text);
        let Some(text) = laid_out.ok().filter(|text| *text != open.text) else {
            return Ok(json!([]));
        };
        let lines = Lines::new(&open.text, self.terms.encoding);
        Ok(json!([{"range": lines.stretch(&(0..open.text.len())), "newText": text}]))
    }

    fn code_actions(&mut self, params: &CodeActionParams) -> Result<Value, Refusal> {
        let only = params.context.get("only").and_then(Value::as_array);
        let wanted =
            |kind: &Value| kind.as_str().is_some_and(|kind| matches!(kind, "" | "quickfix"));
        if only.is_some_and(|kinds| !kinds.iter().any(wanted)) {
            return Ok(json!([]));
        }
        let terms = self.terms;
        let (folder, file) =
            self.documents.folder_of(uri(&params.text_document)).ok_or_else(unknown)?;
        let files = folder.files.clone();
        let problems = self.documents.problems_of(uri(&params.text_document)).to_vec();
        let span = Lines::new(files.text(file), terms.encoding).span(params.range);
        let here = problems.iter().filter(|problem| {
            problem.file == file && problem.span.start <= span.end && span.start <= problem.span.end
        });
        let uri = |name: &str| self.documents.uri(name);
        Ok(here.filter_map(|problem| answer::repair(problem, &files, terms, &uri)).collect())
    }
}

/// The parameters of a method.
fn parsed<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    let wrong = |error: serde_json::Error| Refusal {
        code: protocol::INVALID_PARAMS,
        message: format!("the parameters are not those of the method: {error}"),
    };
    serde_json::from_value(params).map_err(wrong)
}

fn uri(document: &protocol::DocumentId) -> &str {
    &document.uri
}

fn unknown() -> Refusal {
    Refusal {
        code: protocol::INVALID_PARAMS,
        message: "the file is not open: send `textDocument/didOpen` first".to_owned(),
    }
}

/// Asks the client to tell when rule files and test files change on the disk.
fn watch() -> Value {
    let watchers: Vec<Value> = ["**/*.rules.yaml", "**/*.test.yaml"]
        .iter()
        .map(|glob| json!({"globPattern": glob}))
        .collect();
    let method = "workspace/didChangeWatchedFiles";
    let registration =
        json!({"id": "files", "method": method, "registerOptions": {"watchers": watchers}});
    json!({
        "jsonrpc": "2.0",
        "id": "siaga-watch",
        "method": "client/registerCapability",
        "params": {"registrations": [registration]},
    })
}
