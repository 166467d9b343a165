//! How are the answers of `assist` written in the words of the protocol?

use serde_json::Value;
use serde_json::json;

use crate::cli::rules::lsp::position::Encoding;
use crate::cli::rules::lsp::position::Lines;
use crate::rule::assist::complete::Completion;
use crate::rule::assist::complete::CompletionKind;
use crate::rule::assist::fix;
use crate::rule::assist::names::Place;
use crate::rule::assist::symbols::Symbol;
use crate::rule::assist::symbols::SymbolKind;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::codes;

/// What a client has agreed to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How it counts characters.
    pub(super) encoding: Encoding,
    /// Whether it fills in `${1:…}`.
    pub(super) snippets: bool,
    /// Whether it shows Markdown.
    pub(super) markdown: bool,
    /// Whether it shows other places beside a diagnostic.
    pub(super) related: bool,
}

/// A mistake. `uri` says how files are called.
pub(super) fn diagnostic(
    problem: &Diagnostic,
    files: &Files,
    terms: Terms,
    uri: &impl Fn(&str) -> String,
) -> Value {
    let lines = Lines::new(files.text(problem.file), terms.encoding);
    let mut message = problem.message.clone();
    let help = problem.help.as_deref().unwrap_or("");
    for more in [problem.label.as_str(), help].into_iter().filter(|more| !more.is_empty()) {
        message.push('\n');
        message.push_str(more);
    }
    let mut value = json!({
        "range": lines.stretch(&problem.span),
        "severity": if problem.is_error() { 1 } else { 2 },
        "code": problem.code,
        "source": "siaga",
        "message": message,
        "data": {"explanation": codes::explain(problem.code).map(|code| code.explanation)},
    });
    if terms.related && !problem.secondary.is_empty() {
        let related = problem.secondary.iter().map(|place| {
            let lines = Lines::new(files.text(place.file), terms.encoding);
            let uri = uri(files.name(place.file));
            let location = json!({"uri": uri, "range": lines.stretch(&place.span)});
            json!({"location": location, "message": place.label})
        });
        value["relatedInformation"] = related.collect();
    }
    value
}

/// What mends a mistake, if one word does.
pub(super) fn repair(
    problem: &Diagnostic,
    files: &Files,
    terms: Terms,
    uri: &impl Fn(&str) -> String,
) -> Option<Value> {
    let word = fix::replacement(problem)?;
    let lines = Lines::new(files.text(problem.file), terms.encoding);
    let edit = json!({"range": lines.stretch(&problem.span), "newText": word});
    Some(json!({
        "title": format!("Write `{word}`"),
        "kind": "quickfix",
        "isPreferred": true,
        "diagnostics": [diagnostic(problem, files, terms, uri)],
        "edit": {"changes": {uri(files.name(problem.file)): [edit]}},
    }))
}

/// Something that can be written; `number` keeps the order.
pub(super) fn completion(
    (number, found): (usize, &Completion),
    lines: &Lines<'_>,
    terms: Terms,
) -> Value {
    let kind = match found.kind {
        CompletionKind::Method => 2,
        CompletionKind::Function => 3,
        CompletionKind::Field => 5,
        CompletionKind::Name => 6,
        CompletionKind::Key => 10,
        CompletionKind::Word => 12,
        CompletionKind::File => 17,
        CompletionKind::Rule => 18,
    };
    let filled = terms.snippets && found.insert.contains('$');
    let text = if filled { found.insert.clone() } else { found.plain() };
    json!({
        "label": found.label,
        "kind": kind,
        "detail": found.detail,
        "documentation": markup(&found.docs, terms),
        "sortText": format!("{number:04}"),
        "filterText": found.label,
        "insertTextFormat": if filled { 2 } else { 1 },
        "textEdit": {"range": lines.stretch(&found.replace), "newText": text},
    })
}

/// A text that is shown beside something.
pub(super) fn markup(text: &str, terms: Terms) -> Value {
    let kind = if terms.markdown { "markdown" } else { "plaintext" };
    json!({"kind": kind, "value": text})
}

/// A place in a file.
pub(super) fn location(
    place: &Place,
    files: &Files,
    terms: Terms,
    uri: &impl Fn(&str) -> String,
) -> Value {
    let lines = Lines::new(files.text(place.file), terms.encoding);
    json!({"uri": uri(files.name(place.file)), "range": lines.stretch(&place.span)})
}

/// A name with all that it holds.
pub(super) fn symbol(found: &Symbol, lines: &Lines<'_>) -> Value {
    let kind = match found.kind {
        SymbolKind::Group => 3,
        SymbolKind::Rule => 5,
        SymbolKind::Part => 13,
        SymbolKind::Test => 12,
    };
    let children = found.children.iter().map(|child| symbol(child, lines));
    json!({
        "name": found.name,
        "kind": kind,
        "detail": found.detail,
        "range": lines.stretch(&found.span),
        "selectionRange": lines.stretch(&found.mark),
        "children": children.collect::<Vec<_>>(),
    })
}
