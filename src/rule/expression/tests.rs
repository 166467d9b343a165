//! Which expressions are read, and how are slips explained?

use super::*;

/// Every node with its text, the outer before the inner: `mark` in brackets where it differs.
fn spans(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).walk(&mut |expr| {
        let (span, mark) = (&text[expr.span.clone()], &text[expr.mark.clone()]);
        found.push(if span == mark { span.to_owned() } else { format!("{span} [{mark}]") });
    });
    found
}

#[test]
fn a_node_covers_its_whole_sub_expression() {
    for (text, want) in [
        ("event.topic == 'é' && größe", vec![]),
        (
            "a.b + 'é' + f(x, 1)",
            vec![
                "a.b + 'é' + f(x, 1) [+]",
                "a.b + 'é' [+]",
                "a.b [b]",
                "a",
                "'é'",
                "f(x, 1) [f]",
                "x",
                "1",
            ],
        ),
        (
            "((a + b)) * c .d( 1 )[2]",
            vec![
                "((a + b)) * c .d( 1 )[2] [*]",
                "a + b [+]",
                "a",
                "b",
                "c .d( 1 )[2] [[2]]",
                "c .d( 1 ) [d]",
                "c",
                "1",
                "2",
            ],
        ),
        (
            "'ü' in [ 'é' , -1 ]",
            vec!["'ü' in [ 'é' , -1 ] [in]", "'ü'", "[ 'é' , -1 ]", "'é'", "-1"],
        ),
        (
            "a ? (b) : (c ? d : e)",
            vec!["a ? (b) : (c ? d : e) [?]", "a", "b", "c ? d : e [?]", "c", "d", "e"],
        ),
        (
            "a && b && (c && d) && e",
            vec![
                "a && b && (c && d) && e [&&]",
                "a && b && (c && d) [&&]",
                "a && b [&&]",
                "a",
                "b",
                "c && d [&&]",
                "c",
                "d",
                "e",
            ],
        ),
        ("!has(x.y) // é", vec!["!has(x.y) [!]", "has(x.y) [y]", "x"]),
        ("-(x) - -2.5", vec!["-(x) - -2.5 [-]", "-(x) [-]", "x", "-2.5"]),
        (
            "{'k': [1u], 'l': null}",
            vec!["{'k': [1u], 'l': null}", "'k'", "[1u]", "1u", "'l'", "null"],
        ),
    ] {
        if want.is_empty() {
            assert!(parse(text).is_err(), "{text}");
        } else {
            assert_eq!(spans(text), want, "{text}");
        }
    }
}

#[test]
fn macros_stay_plain_calls() {
    for name in ["all", "exists", "exists_one", "filter", "map"] {
        let text = format!("lines.{name}(l, l.net > 0)");
        let Node::Call { name: called, target, args } = parse(&text).unwrap().node else {
            panic!("{text} is no call");
        };
        assert_eq!((called.as_str(), target.is_some(), args.len()), (name, true, 2));
    }
    assert_eq!(
        parse("has(event.topic)").unwrap().node,
        Node::Has(Box::new(parse("event").unwrap()), "topic".to_owned())
    );
}

#[test]
fn a_tree_is_printed_in_one_way_and_read_back_equal() {
    for (text, want) in [
        ("((a+b))*\"x\".size()", "(a + b) * 'x'.size()"),
        ("a&&b&&c&&d||e", "a && b && c && d || e"),
        ("a && (b && c)", "a && (b && c)"),
        ("(a && b) && c", "a && b && c"),
        ("a - (b - c) - d", "a - (b - c) - d"),
        ("a && (b || !c)", "a && (b || !c)"),
        ("!(!a) || !(a == b)", "!(!a) || !(a == b)"),
        ("-(5) + -(x) - (-2)", "-5 + -x - -2"),
        ("(a ? b : c) ? (d ? e : f) : g ? h : i", "(a ? b : c) ? (d ? e : f) : g ? h : i"),
        ("0.05 + 1e30 + 1.0 + 0x1F", "0.05 + 1e30 + 1.0 + 31"),
        (r#"'it\'s' + "a\n\\" + r'\d'"#, r"'it\'s' + 'a\n\\' + '\\d'"),
        ("lines.filter(l,l.a in ['x'])[0].b", "lines.filter(l, l.a in ['x'])[0].b"),
        ("(a + b).c[-1]", "(a + b).c[-1]"),
        ("{'a':1,\n'b' : {}}", "{'a': 1, 'b': {}}"),
        ("has( a.b.c )", "has(a.b.c)"),
        ("(1 < 2) == (3 <= 4)", "1 < 2 == (3 <= 4)"),
        ("(-5).abs()", "(-5).abs()"),
    ] {
        let tree = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(tree.to_text(), want);
        assert_eq!(parse(want).unwrap(), tree, "{want}");
    }
}

#[test]
fn a_slip_is_explained_in_the_authors_words() {
    for (text, at, message, help) in [
        ("x = 5", "=", "does not compare", "`==`"),
        ("x === 5", "===", "not an operator", "`==`"),
        ("x => 5", "=>", "not an operator", "`>=`"),
        ("x <> 5", "<>", "not an operator", "`!=`"),
        ("a and b", "and", "not an operator", "`&&`"),
        ("a OR b", "OR", "not an operator", "`||`"),
        ("not a", "not", "not an operator", "`!`"),
        ("x not in y", "not", "not an operator", "!(x in list)"),
        ("a & b", "&", "not an operator", "`&&`"),
        ("a | b", "|", "not an operator", "`||`"),
        ("f(a, (b + c)", "(", "never closed", "`)`"),
        ("(a + b))", ")", "closes nothing", "take it away"),
        ("f(a]", "(", "never closed", "`)`"),
        ("a +", "+", "right of `+`", ""),
        ("a + * b", "+", "right of `+`", ""),
        ("&& b", "&&", "left of `&&`", ""),
        ("x == 'é", "'é", "not closed", "`'`"),
        ("x > 30%", "30%", "percent", "`0.3`"),
        ("x > 2.5% && y", "2.5%", "percent", "`0.025`"),
        ("f(a,)", ",", "last comma", "away"),
        ("x == ‘é’", "‘", "straight quote", "`'`"),
        ("lines.last(30d)", "30d", "not a number", "`'30d'`"),
        ("x > 5x", "5x", "not a number", ""),
        ("x ≥ 5", "≥", "not an operator", "`>=`"),
        ("x > $100", "$", "not part of a number", "alone"),
        ("x > 1,000", ",", "between arguments", "thousands"),
        ("a b", "b", "no operator", "between"),
        ("a..b", "..", "two dots", ""),
        ("a.", ".", "no name", ""),
        ("a ? b", "?", "no second value", "condition ?"),
        ("if a then b else c", "if", "not an operator", "condition ?"),
        ("x between 1 and 5", "between", "not an operator", "two comparisons"),
        ("{{ x }}", "{{", "templates", "alone"),
        ("a; b", ";", "one expression", "let"),
        ("'a\\q'", "\\q", "means nothing", "backslash"),
        ("x ^ 2", "^", "not an operator", "multiply"),
        ("99999999999999999999", "99999999999999999999", "too large", ""),
        ("has(x)", "x", "asks for a field", "has(event.topic)"),
        ("while == 1", "while", "keeps for itself", "another name"),
        ("1 + ()", "()", "nothing stands", ""),
        ("a.?b", ".", "not in the rule language", ""),
        ("b'x'", "b'x'", "not in the rule language", ""),
        ("T{a: 1}", "{", "not in the rule language", ""),
        ("a in", "in", "right of `in`", ""),
        ("  ", "  ", "empty", ""),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(&text[error.span.clone()], at, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.as_deref().unwrap_or("").contains(help), "{text}: {:?}", error.help);
    }
}

#[test]
fn size_and_depth_have_limits() {
    let fits = format!("{}1", "1 + ".repeat(DEPTH_MAX - 1));
    assert!(parse(&fits).is_ok());
    for text in [
        "1 + ".repeat(3_000) + "1",
        "(".repeat(4_000),
        "(".repeat(200) + "1" + &")".repeat(200),
        "!".repeat(9_000) + "a",
        "a ? b : ".repeat(1_000) + "c",
        "a ? b && c : ".repeat(700) + "c",
        "a && ".repeat(1_900) + "c",
        "a.b".repeat(1_000),
        "f(".repeat(2_000) + &")".repeat(2_000),
        "a[".repeat(2_000),
        "1".repeat(20_000),
    ] {
        assert_eq!(parse(&text).map_err(|e| e.code), Err("E121"), "{text:.40}");
    }
}

#[test]
fn no_text_brings_the_parser_down() {
    let words = [
        "a", "'", "\"", "\\", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "=", "&&", "é",
        "‘", "1", "%", " ", "\n", "in", "-", "!", "'x'", "r'", "b\"", "0x", "1e", "//", "`", "𝄞",
    ];
    // A small generator of its own: the texts are the same in every run.
    let mut seed = 7_u64;
    for _ in 0..800 {
        let mut text = String::new();
        for _ in 0..=(seed >> 40) % 9 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(words[usize::try_from(seed >> 33).unwrap() % words.len()]);
        }
        match parse(&text) {
            Ok(tree) => tree.walk(&mut |expr| {
                assert!(text.get(expr.span.clone()).is_some(), "{text:?}");
                assert!(text.get(expr.mark.clone()).is_some(), "{text:?}");
            }),
            Err(error) => assert!(text.get(error.span.clone()).is_some(), "{text:?} {error:?}"),
        }
    }
}
