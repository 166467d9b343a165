//! What can an expression go on with? By the words before the cursor, and the types of what stands
//! before a dot.

use std::ops::Range;

use crate::event::EntityKind;
use crate::rule::assist::complete::Completion;
use crate::rule::assist::complete::CompletionKind;
use crate::rule::assist::sight::BINDING;
use crate::rule::assist::sight::Sight;
use crate::rule::assist::sight::Typing;
use crate::rule::check::Record;
use crate::rule::check::Sort;
use crate::rule::expression::token::Kind;
use crate::rule::expression::token::Tokens;
use crate::rule::vocabulary::ALERT_FIELDS;
use crate::rule::vocabulary::ALERTS;
use crate::rule::vocabulary::CUSTOMER_FIELDS;
use crate::rule::vocabulary::FIELDS;
use crate::rule::vocabulary::FORMATS;
use crate::rule::vocabulary::FUNCTIONS;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::PRODUCT_FIELDS;
use crate::rule::vocabulary::REP_FIELDS;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::detectors::figures;
use crate::rule::vocabulary::offers::OFFER_FIELDS;
use crate::rule::vocabulary::offers::VALUE_TIER;
use crate::rule::vocabulary::value_methods;
use crate::rule::words;
use crate::rule::words::Word;

/// The end of what is written so far of an expression.
pub(super) struct Cursor<'a> {
    /// The expression up to the cursor.
    pub(super) before: &'a str,
    /// Whether it stands in a text.
    pub(super) template: bool,
    /// What it sees.
    pub(super) sight: Sight,
    /// With its types.
    pub(super) typing: Typing,
    /// The byte of the file.
    pub(super) at: usize,
}

/// A call whose bracket is open.
struct Open<'t> {
    name: &'t str,
    /// The token of its name.
    index: usize,
    /// The token of its bracket.
    bracket: usize,
}

impl Cursor<'_> {
    pub(super) fn completions(&mut self) -> Vec<Completion> {
        let before = self.before;
        let tokens = Tokens::read(before);
        let calls = open_calls(&tokens);
        let last = tokens.all.len().checked_sub(1);
        if let Some(last) = last.filter(|last| tokens.all[*last].kind == Kind::OpenText) {
            return self.texts(&tokens, last, calls.last());
        }
        if in_comment(before, &tokens) {
            return Vec::new();
        }
        let typed = last.filter(|last| {
            let token = &tokens.all[*last];
            token.kind == Kind::Word && token.span.end == before.len()
        });
        let word = typed.map_or("", |typed| tokens.word(typed));
        let replace = self.at - word.len()..self.at;
        let left = typed.map_or(last, |typed| typed.checked_sub(1));
        let variables = self.variables(&tokens, &calls);
        if let Some(dot) = left.filter(|left| tokens.word(*left) == ".") {
            let Some(end) = dot.checked_sub(1) else { return Vec::new() };
            let start = operand_start(&tokens, end);
            let of = &before[tokens.all[start].span.start..tokens.all[end].span.end];
            let sort = self.typing.sort(of, &variables);
            return sort.map_or_else(Vec::new, |sort| members(sort, of, &replace));
        }
        if left.is_some_and(|left| tokens.ends_operand(left)) && word.is_empty() {
            return Vec::new();
        }
        if let Some(call) = calls.last()
            && left == Some(call.bracket)
            && BINDING.contains(&call.name)
            && call.index > 0
            && tokens.word(call.index - 1) == "."
        {
            let of = self.receiver(&tokens, call.index);
            return vec![name(item_name(of), "the item", "a name for it", &replace)];
        }
        self.names(&variables, left.is_none(), &replace)
    }

    /// What stands before the dot of a call.
    fn receiver(&self, tokens: &Tokens<'_>, name: usize) -> &str {
        let Some(end) = name.checked_sub(2) else { return "" };
        let start = operand_start(tokens, end);
        &self.before[tokens.all[start].span.start..tokens.all[end].span.end]
    }

    /// The item variables that are bound here, the outermost first.
    fn variables(&mut self, tokens: &Tokens<'_>, calls: &[Open<'_>]) -> Vec<(String, ItemType)> {
        let mut bound = Vec::new();
        for call in calls {
            let (variable, comma) = (call.bracket + 1, call.bracket + 2);
            let binds = BINDING.contains(&call.name)
                && tokens.is_name(variable)
                && tokens.word(comma) == ",";
            if !binds || call.index == 0 || tokens.word(call.index - 1) != "." {
                continue;
            }
            let of = self.receiver(tokens, call.index).to_owned();
            if let Some(Sort::List(item)) = self.typing.sort(&of, &bound) {
                bound.push((tokens.word(variable).to_owned(), item));
            }
        }
        bound
    }

    /// What can stand in the quotes that are open.
    fn texts(&self, tokens: &Tokens<'_>, text: usize, call: Option<&Open<'_>>) -> Vec<Completion> {
        let quote = tokens.all[text].span.start + 1;
        let typed = self.before.get(quote..).unwrap_or("");
        let replace = self.at.saturating_sub(typed.len())..self.at;
        let call = call.map_or("", |call| call.name);
        let compared = text.checked_sub(2).map_or("", |field| tokens.word(field));
        let words: &[Word] = match (call, compared) {
            ("last" | "between" | "duration", _) => &words::DURATIONS,
            (_, "kind") => &words::KINDS,
            (_, "family") => &words::FAMILIES,
            (_, "state") => &words::STANDINGS,
            _ => &[],
        };
        let text = |(word, what): &Word| Completion {
            kind: CompletionKind::Word,
            ..name(word, "", what, &replace)
        };
        words.iter().map(text).collect()
    }

    /// Names, functions and constants.
    fn names(
        &mut self,
        variables: &[(String, ItemType)],
        first: bool,
        replace: &Range<usize>,
    ) -> Vec<Completion> {
        let mut found = Vec::new();
        for (variable, item) in variables.iter().rev() {
            found.push(name(variable, &Sort::of_item(*item).to_string(), "the item", replace));
        }
        let lets: Vec<String> = self.typing.lets.iter().map(|named| named.name.clone()).collect();
        for named in lets {
            let sort = self.typing.named(&named).map_or_else(String::new, |sort| sort.to_string());
            found.push(name(&named, &sort, "named under `let`", replace));
        }
        for &(list, what) in words::LISTS {
            let of = match list {
                "lines" => ItemType::Line,
                ALERTS => ItemType::Alert,
                _ => ItemType::Event,
            };
            let of = &Sort::List(of).to_string();
            found.push(name(list, of, what, replace));
        }
        for &(known, what) in words::NAMES.iter().chain(&words::OTHERS) {
            let detail = match known {
                "event" if self.sight.has_event => "an event".to_owned(),
                "now" => Type::Time.to_string(),
                "value" => match self.typing.value() {
                    Some(ty) => ty.to_string(),
                    None => continue,
                },
                _ if known == self.sight.entity.name() => format!("a {known}"),
                _ => continue,
            };
            found.push(name(known, &detail, what, replace));
        }
        let formats: &[Word] = if self.template && first { &FORMATS } else { &[] };
        let functions = FUNCTIONS
            .iter()
            .filter(|(known, _)| !formats.iter().any(|(format, _)| format == known));
        for (known, usage) in formats.iter().chain(functions) {
            found.push(call(known, usage, CompletionKind::Function, ("x", replace)));
        }
        for (constant, what) in words::CONSTANTS {
            found.push(name(constant, "", what, replace));
        }
        found
    }
}

/// What stands behind the dot of such a thing.
fn members(sort: Sort, of: &str, replace: &Range<usize>) -> Vec<Completion> {
    let fields = |line: bool| {
        let known = FIELDS.iter().filter(move |(_, _, _, on_line, _)| *on_line || !line);
        known.map(|(known, _, ty, _, what)| field(known, &ty.to_string(), what, replace))
    };
    match sort {
        Sort::Item(ItemType::Alert) => {
            let known = ALERT_FIELDS.iter();
            known.map(|(known, _, ty, what)| field(known, &ty.to_string(), what, replace)).collect()
        }
        Sort::Item(ItemType::Offer) => {
            let known = OFFER_FIELDS.iter();
            known.map(|(known, _, ty, what)| field(known, &ty.to_string(), what, replace)).collect()
        }
        Sort::Item(item) => fields(item == ItemType::Line).collect(),
        Sort::Record(Record::Event, _) => {
            let lines = field("lines", "list of lines", "its lines", replace);
            fields(false).chain([lines]).collect()
        }
        Sort::Record(Record::Entity, EntityKind::Customer) => {
            let known = CUSTOMER_FIELDS.iter();
            let known =
                known.map(|(known, _, ty, what)| field(known, &ty.to_string(), what, replace));
            let tier = field("value_tier", "string", VALUE_TIER, replace);
            let consent = field("consent", "", "what it consented to", replace);
            let rest = field("attributes", "", "anything else that the source says", replace);
            known.chain([tier, consent, rest]).collect()
        }
        Sort::Record(Record::Entity, kind) => {
            let known: &[_] = if kind == EntityKind::Rep { &REP_FIELDS } else { &PRODUCT_FIELDS };
            let known = known.iter();
            let known =
                known.map(|(known, _, ty, what)| field(known, &ty.to_string(), what, replace));
            let more = field("attributes", "", "anything else that the source says", replace);
            let more = (kind == EntityKind::Product).then_some(more);
            let id = field("id", "string", "its id in the source", replace);
            std::iter::once(id).chain(known).chain(more).collect()
        }
        Sort::Record(Record::Consent, _) => {
            vec![field("marketing", "bool", "whether marketing may contact it", replace)]
        }
        Sort::Finding(function) => figures(function)
            .map(|(known, _, ty, what)| field(known, &ty.to_string(), what, replace))
            .collect(),
        Sort::Record(Record::Attributes, _) | Sort::Table(_) => Vec::new(),
        Sort::List(item) => {
            let plain = matches!(item, ItemType::Value(_));
            let fitting = LIST_METHODS
                .iter()
                .filter(|(known, _)| plain || !["contains", "join"].contains(known));
            let item = (item_name(of), replace);
            fitting.map(|(known, what)| call(known, what, CompletionKind::Method, item)).collect()
        }
        Sort::Value(ty) => {
            let item = ("x", replace);
            value_methods(ty)
                .map(|(known, what)| call(known, what, CompletionKind::Method, item))
                .collect()
        }
    }
}

fn name(label: &str, detail: &str, docs: &str, replace: &Range<usize>) -> Completion {
    Completion {
        label: label.to_owned(),
        kind: CompletionKind::Name,
        detail: detail.to_owned(),
        docs: docs.to_owned(),
        insert: label.to_owned(),
        replace: replace.clone(),
    }
}

fn field(label: &str, detail: &str, docs: &str, replace: &Range<usize>) -> Completion {
    Completion { kind: CompletionKind::Field, ..name(label, detail, docs, replace) }
}

/// A function or operation, with its arguments to be filled in. Its usage begins with an example
/// in back quotes: `` `.filter(x, condition)` the items … ``.
fn call(
    label: &str,
    usage: &str,
    kind: CompletionKind,
    (item, replace): (&str, &Range<usize>),
) -> Completion {
    let (form, what) = signature(usage);
    let open = form.find('(').unwrap_or(form.len());
    let inside = form.get(open + 1..form.len().saturating_sub(1)).unwrap_or("");
    let mut insert = format!("{label}(");
    for (index, argument) in inside.split(", ").filter(|part| !part.is_empty()).enumerate() {
        let separator = if index > 0 { ", " } else { "" };
        let bare = argument.trim_matches('\'');
        let quote = if bare.len() < argument.len() { "'" } else { "" };
        let bare = if BINDING.contains(&label) && index == 0 { item } else { bare };
        insert.push_str(&format!("{separator}{quote}${{{}:{bare}}}{quote}", index + 1));
    }
    insert.push(')');
    Completion { kind, insert, ..name(label, form, what, replace) }
}

/// The example that a usage begins with, and the rest.
pub(in crate::rule::assist) fn signature(usage: &str) -> (&str, &str) {
    let inner = usage.strip_prefix('`').unwrap_or(usage);
    let (form, what) = inner.split_once('`').unwrap_or((inner, ""));
    (form, what.trim())
}

/// What an item is called: by the first letter of its list.
fn item_name(of: &str) -> &'static str {
    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let list = of.strip_prefix("event.").unwrap_or(of);
    match list.split(|c| !word(c)).next().unwrap_or("") {
        "lines" => "l",
        "orders" => "o",
        "quotes" => "q",
        "returns" => "r",
        "calls" | "complaints" | "campaign_responses" => "c",
        "interactions" => "i",
        ALERTS => "a",
        _ => "x",
    }
}

/// The calls whose brackets are open at the end, the outermost first.
fn open_calls<'t>(tokens: &Tokens<'t>) -> Vec<Open<'t>> {
    let unclosed = tokens.all.iter().enumerate().filter(|(index, token)| {
        token.kind == Kind::Open && token.partner.is_none() && tokens.word(*index) == "("
    });
    let named = unclosed.filter_map(|(bracket, _)| {
        let index = bracket.checked_sub(1).filter(|before| tokens.is_name(*before))?;
        Some(Open { name: tokens.word(index), index, bracket })
    });
    named.collect()
}

/// The first token of the operand that ends with this one: `orders.last('30d')`.
fn operand_start(tokens: &Tokens<'_>, end: usize) -> usize {
    let mut at = end;
    loop {
        if tokens.all[at].kind == Kind::Close {
            let Some(open) = tokens.all[at].partner else { return at };
            at = open;
            if let Some(name) = at.checked_sub(1).filter(|before| tokens.ends_operand(*before)) {
                at = name;
                if tokens.all[at].kind == Kind::Close {
                    continue;
                }
            }
        }
        match at.checked_sub(2) {
            Some(before) if tokens.word(at - 1) == "." => at = before,
            _ => return at,
        }
    }
}

/// Whether the end stands behind `//`.
fn in_comment(text: &str, tokens: &Tokens<'_>) -> bool {
    let behind = tokens.all.last().map_or(0, |token| token.span.end);
    text[behind..].rfind("//").is_some_and(|at| !text[behind + at..].contains('\n'))
}
