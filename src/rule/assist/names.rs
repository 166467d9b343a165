//! Where does a name come from, and where is it used?
//!
//! ```text
//! let name      ──► its key, and every expression of the rule that says it
//! rule          ──► its `alert:`, and every test of the folder that names it
//! *anchor       ──► its `&anchor`
//! a rule file   ──► the file
//! ```

use crate::rule::keys::Holds;
use std::ops::Range;

use crate::rule::assist::complete;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::Shape;
use crate::rule::assist::sight;
use crate::rule::assist::sight::BINDING;
use crate::rule::assist::written::Written;
use crate::rule::diagnostic::Files;
use crate::rule::expression;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::expression::token::Kind;
use crate::rule::expression::token::Tokens;
use crate::rule::vocabulary::SCOPE;
use crate::rule::words;

/// A place in a file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Number of the file.
    pub file: usize,
    /// The bytes of it.
    pub span: Range<usize>,
}

/// What stands at a place and has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name as it is written there.
    pub text: String,
    /// Where.
    pub span: Range<usize>,
    means: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// A `let` name of this rule.
    Part(usize),
    Rule,
    Anchor,
    File,
}

/// The name at a byte of a file.
pub fn name_at(files: &Files, file: usize, offset: usize) -> Option<Name> {
    let top = complete::top(files.name(file));
    if matches!(top, Holds::Text) {
        return None;
    }
    let outline = Outline::read(files.text(file));
    let index = outline.at(offset)?;
    let node = outline.node(index);
    let at = |range: &Range<usize>| range.start <= offset && offset <= range.end;
    let named = |span: Range<usize>, means| {
        Some(Name { text: outline.text[span.clone()].to_owned(), span, means })
    };
    if let Some(anchor) = node.anchor.clone().filter(at) {
        return named(anchor, Meaning::Anchor);
    }
    let path = outline.path(index);
    if let Some(key) = node.key.clone().filter(at) {
        let rule = sight::rule_of(&outline, index)?;
        let part = path.len() == 6 && path[4] == "let";
        return if part { named(key, Meaning::Part(rule)) } else { None };
    }
    if node.shape == Shape::Alias {
        return named(node.value.start + 1..node.value.end, Meaning::Anchor);
    }
    let value = unquoted(&outline, index);
    if path.last() == Some(&"alert") {
        return named(value, Meaning::Rule);
    }
    match top.at(&path)? {
        Holds::Rule => named(value, Meaning::Rule),
        Holds::RuleFile => named(value, Meaning::File),
        Holds::Expression => part_at(&outline, index, offset, false),
        Holds::Template => part_at(&outline, index, offset, true),
        _ => None,
    }
}

/// A value without the quotes around it.
fn unquoted(outline: &Outline<'_>, index: usize) -> Range<usize> {
    let (span, raw) = (outline.node(index).value.clone(), outline.raw(index));
    let quote = usize::from(outline.text[span.clone()].starts_with(['\'', '"']));
    span.start + quote..span.start + quote + raw.len()
}

/// The `let` name in an expression.
fn part_at(outline: &Outline<'_>, index: usize, offset: usize, template: bool) -> Option<Name> {
    let rule = sight::rule_of(outline, index)?;
    let written = Written::of(outline, index)?;
    let at = written.offset(offset);
    let formulas = sight::trees(&written.text, template);
    let formula = formulas.iter().find(|f| f.range.start <= at && at <= f.range.end)?;
    let tokens = Tokens::read(&written.text[formula.range.clone()]);
    let touches = |span: &Range<usize>| {
        span.start + formula.range.start <= at && at <= span.end + formula.range.start
    };
    let word = tokens.all.iter().position(|t| t.kind == Kind::Word && touches(&t.span))?;
    let (text, span) = (tokens.word(word), tokens.all[word].span.clone());
    let span = span.start + formula.range.start..span.end + formula.range.start;
    let lets = outline.entry(rule, "let")?;
    outline.entry(lets, text)?;
    let field = word.checked_sub(1).is_some_and(|dot| tokens.word(dot) == ".");
    // Where the expression is not finished, the word alone has to do.
    let meant = match &formula.tree {
        Some(tree) => {
            let mut found = Vec::new();
            uses(tree, text, &mut found);
            found.contains(&span)
        }
        None => !field,
    };
    let span = written.place(&span);
    meant.then(|| Name { text: text.to_owned(), span, means: Meaning::Part(rule) })
}

/// Where an expression says a name that no list around it has given to its items.
fn uses(expr: &Expr, name: &str, found: &mut Vec<Range<usize>>) {
    match &expr.node {
        Tree::Ident(said) if said == name => found.push(expr.span.clone()),
        Tree::Call { name: call, target: Some(target), args } if binds(call, args, name) => {
            uses(target, name, found);
        }
        _ => expr.children().into_iter().for_each(|child| uses(child, name, found)),
    }
}

fn binds(call: &str, args: &[Expr], name: &str) -> bool {
    let variable = args.first().map(|first| &first.node);
    BINDING.contains(&call) && matches!(variable, Some(Tree::Ident(given)) if given == name)
}

/// Where the name at a byte comes from.
pub fn definition(files: &Files, file: usize, offset: usize) -> Vec<Place> {
    let Some(name) = name_at(files, file, offset) else { return Vec::new() };
    let outline = Outline::read(files.text(file));
    match name.means {
        Meaning::Part(rule) => {
            let key = outline.entry(rule, "let").and_then(|lets| outline.entry(lets, &name.text));
            let span = key.and_then(|key| outline.node(key).key.clone());
            span.map(|span| Place { file, span }).into_iter().collect()
        }
        Meaning::Anchor => {
            let named = outline.nodes().filter_map(|(_, node)| node.anchor.clone());
            let named = named.filter(|anchor| outline.text[anchor.clone()] == name.text);
            let above = named.filter(|anchor| anchor.start <= name.span.start).last();
            above.map(|span| Place { file, span }).into_iter().collect()
        }
        Meaning::Rule => declared(files, &name.text),
        Meaning::File => {
            let wanted = complete::last_part(&name.text);
            let same = |found: &usize| complete::last_part(files.name(*found)) == wanted;
            (0..files.len()).find(same).map(|file| Place { file, span: 0..0 }).into_iter().collect()
        }
    }
}

/// Where the rules of this name are written.
fn declared(files: &Files, name: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for file in (0..files.len()).filter(|file| complete::is_rule_file(files.name(*file))) {
        let outline = Outline::read(files.text(file));
        for rule in sight::rules(&outline) {
            let alert = outline.entry(rule, "alert").filter(|alert| outline.raw(*alert) == name);
            places.extend(alert.map(|alert| Place { file, span: unquoted(&outline, alert) }));
        }
    }
    places
}

/// Where the name at a byte is used, and where it comes from.
pub fn references(files: &Files, file: usize, offset: usize) -> Vec<Place> {
    let Some(name) = name_at(files, file, offset) else { return Vec::new() };
    let mut places = definition(files, file, offset);
    match name.means {
        Meaning::Part(rule) => {
            let outline = Outline::read(files.text(file));
            for (index, template) in sight::formulas(&outline, rule) {
                let Some(written) = Written::of(&outline, index) else { continue };
                for tree in
                    sight::trees(&written.text, template).iter().filter_map(|f| f.tree.as_ref())
                {
                    let mut found = Vec::new();
                    uses(tree, &name.text, &mut found);
                    let placed = found.iter().map(|span| written.place(span));
                    places.extend(placed.map(|span| Place { file, span }));
                }
            }
        }
        Meaning::Anchor => {
            let outline = Outline::read(files.text(file));
            let aliases = outline.nodes().filter(|(_, node)| node.shape == Shape::Alias);
            let same =
                aliases.filter(|(i, _)| outline.raw(*i).trim_start_matches('*') == name.text);
            places.extend(
                same.map(|(_, node)| Place { file, span: node.value.start + 1..node.value.end }),
            );
        }
        Meaning::Rule => places.extend(tested(files, &name.text)),
        Meaning::File => {}
    }
    places.dedup();
    places
}

/// Where tests name a rule.
fn tested(files: &Files, name: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for file in 0..files.len() {
        let top = complete::top(files.name(file));
        let outline = Outline::read(files.text(file));
        for (index, node) in outline.nodes().filter(|(_, node)| node.shape.is_written()) {
            if outline.raw(index) == name
                && matches!(top.at(&outline.path(index)), Some(Holds::Rule))
                && node.shape != Shape::Alias
            {
                places.push(Place { file, span: unquoted(&outline, index) });
            }
        }
    }
    places
}

/// What has to be replaced so that the name at a byte becomes another; an error says why not.
pub fn rename(files: &Files, file: usize, offset: usize, to: &str) -> Result<Vec<Place>, String> {
    let name = name_at(files, file, offset).filter(|name| name.means != Meaning::File);
    let name = name.ok_or("only `let` names, rules and anchors can be renamed")?;
    let taken = match name.means {
        Meaning::Part(rule) => {
            let outline = Outline::read(files.text(file));
            fits_part(&outline, rule, &name.text, to)?
        }
        Meaning::Rule => {
            let camel = to.starts_with(|c: char| c.is_ascii_uppercase())
                && to.chars().all(|c| c.is_ascii_alphanumeric());
            if !camel {
                return Err(format!("`{to}` is not a name for an alert: write it in CamelCase"));
            }
            !declared(files, to).is_empty()
        }
        Meaning::Anchor | Meaning::File => {
            if to.is_empty() || !to.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)) {
                return Err(format!(
                    "`{to}` is not a name for an anchor: write letters and digits"
                ));
            }
            false
        }
    };
    if taken && to != name.text {
        return Err(format!("`{to}` means something already: take another name"));
    }
    Ok(references(files, file, offset))
}

/// Whether a name for a part is taken in the rule; an error where it cannot be one, or where the
/// rule has an expression that might say the old name and is not finished.
fn fits_part(outline: &Outline<'_>, rule: usize, from: &str, to: &str) -> Result<bool, String> {
    let word = to.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_name = expression::parse(to).is_ok_and(|e| e.node == Tree::Ident(to.to_owned()));
    if !word || !is_name {
        return Err(format!(
            "`{to}` is not a name for a part: write small letters, digits and `_`, and no word of CEL"
        ));
    }
    let mut taken = SCOPE.iter().chain(&words::OTHERS).any(|(known, _)| *known == to);
    if let Some(lets) = outline.entry(rule, "let") {
        taken |= outline.entry(lets, to).is_some();
    }
    for (index, template) in sight::formulas(outline, rule) {
        let Some(written) = Written::of(outline, index) else { continue };
        for formula in sight::trees(&written.text, template) {
            let text = &written.text[formula.range.clone()];
            let Some(tree) = formula.tree else {
                if text.contains(from) {
                    let key = outline.key(index);
                    return Err(format!("`{key}` is not finished: mend it first"));
                }
                continue;
            };
            // An item variable of the new name would hide the part, or be taken for it.
            tree.walk(&mut |expr| taken |= matches!(&expr.node, Tree::Ident(said) if said == to));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: First
        family: drift
        on: [order]
        let:
          table: &t {}
          recent: size(orders.last('30d'))
          sum: \"recent + orders.sum(recent, recent.net)\"
        when: recent > 5 && sum < 1
        annotations:
          summary: 'é {{ recent }} of {{ round(sum, recent) }} recent'
      - alert: Second
        let:
          recent: 1
          other: *t
        when: recent > 0 &&
";
    const TESTS: &str = "rule_files: [a.rules.yaml]\ntests:\n  - name: First\n    alerts: [{rule: First}]\n    quiet: ['First', Second]\n";

    fn folder() -> Files {
        let mut files = Files::default();
        files.add("x/a.rules.yaml", RULES);
        files.add("x/a.test.yaml", TESTS);
        files
    }

    /// The place of the `number`th such text, from 0.
    fn at(file: usize, text: &str, number: usize) -> usize {
        let source = if file == 0 { RULES } else { TESTS };
        source.match_indices(text).nth(number).unwrap().0
    }

    /// Places as `file:line`.
    fn lines(files: &Files, places: &[Place]) -> Vec<String> {
        let line = |place: &Place| files.position(place.file, place.span.start).line;
        places.iter().map(|place| format!("{}:{}", place.file, line(place))).collect()
    }

    #[test]
    fn a_name_leads_to_where_it_is_given() {
        let files = folder();
        for (file, text, number, want) in [
            (0, "recent > 5", 0, vec!["0:10"]),
            (0, "recent + ", 0, vec!["0:10"]),
            (0, "recent }}", 0, vec!["0:10"]),
            (0, "recent) }}", 0, vec!["0:10"]),
            (0, "recent: size", 0, vec!["0:10"]),
            (0, "sum, recent", 0, vec!["0:11"]),
            (0, "recent > 0", 0, vec!["0:17"]),
            (0, "recent, recent.net", 0, vec![]),
            (0, "recent.net", 0, vec![]),
            (0, " recent'", 0, vec![]),
            (0, "*t", 0, vec!["0:9"]),
            (0, "First", 0, vec!["0:5"]),
            (1, "First}", 0, vec!["0:5"]),
            (1, "First'", 0, vec!["0:5"]),
            (1, "Second", 0, vec!["0:15"]),
            (1, "First", 0, vec![]),
            (1, "a.rules", 0, vec!["0:1"]),
        ] {
            let found = definition(&files, file, at(file, text, number) + 1);
            assert_eq!(lines(&files, &found), want, "{text}");
        }
    }

    #[test]
    fn a_name_is_found_wherever_it_is_meant() {
        let files = folder();
        for (file, text, want) in [
            (0, "recent: size", vec!["0:10", "0:11", "0:12", "0:14", "0:14"]),
            (0, "First", vec!["0:5", "1:4", "1:5"]),
            (1, "Second", vec!["0:15", "1:5"]),
            (0, "&t", vec!["0:9", "0:18"]),
        ] {
            let found = references(&files, file, at(file, text, 0) + 1);
            assert_eq!(lines(&files, &found), want, "{text}");
            for place in found {
                let said = files.slice(place.file, place.span.clone());
                assert!(text.contains(said), "{said} of {text}");
            }
        }
    }

    #[test]
    fn a_name_is_changed_everywhere_or_nowhere() {
        let files = folder();
        for (text, to, want) in [
            ("recent: size", "newest", Ok(5)),
            ("recent: size", "sum", Err("means something already")),
            ("recent: size", "orders", Err("means something already")),
            ("recent: size", "Newest", Err("not a name")),
            ("recent: size", "in", Err("not a name")),
            ("recent: 1", "newest", Err("not finished")),
            ("First", "Earliest", Ok(3)),
            ("First", "Second", Err("means something already")),
            ("First", "first", Err("CamelCase")),
            ("family", "x", Err("only `let` names")),
        ] {
            match (rename(&files, 0, at(0, text, 0) + 1, to), want) {
                (Ok(places), Ok(count)) => assert_eq!(places.len(), count, "{text}"),
                (Err(error), Err(want)) => assert!(error.contains(want), "{error}"),
                (found, _) => panic!("{text} to {to}: {found:?}"),
            }
        }
    }
}
