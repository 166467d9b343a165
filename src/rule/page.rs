//! A page of text for people, written as Markdown or as HTML.
//!
//! A text may hold `code` between backticks, in both forms; all else is plain, and is written so
//! that it stays plain.

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading, of level 2 to 4.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// What somebody gets to read, word by word.
    Quote(String),
    /// Lines of source.
    Code(String),
    /// The names of the columns, then the rows.
    Table(Vec<String>, Vec<Vec<String>>),
}

/// What an HTML page looks like: readable at any width, by day and by night, and on paper.
const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}
code,pre{font:.9em ui-monospace,monospace}
pre{overflow-x:auto;padding:.6rem;background:color-mix(in srgb,currentColor 7%,transparent)}
blockquote{margin:1rem 0;padding:.2rem 1rem;border-left:.25rem solid color-mix(in srgb,currentColor 30%,transparent)}
@media print{h2{break-before:auto}table,pre{break-inside:avoid}}
";

impl Page {
    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n", self.title);
        for block in &self.blocks {
            out.push('\n');
            match block {
                Block::Heading(level, text) => {
                    out.push_str(&"#".repeat(usize::from(*level)));
                    out.push_str(&format!(" {text}\n"));
                }
                Block::Text(text) => out.push_str(&format!("{text}\n")),
                Block::Quote(text) => {
                    text.lines().for_each(|line| out.push_str(&format!("> {line}\n")));
                }
                Block::Code(text) => out.push_str(&format!("```cel\n{}\n```\n", text.trim_end())),
                Block::Table(head, rows) => {
                    let row = |cells: &[String]| {
                        let mut line = "|".to_owned();
                        for cell in cells {
                            let cell = cell.replace("\\|", "|").replace('|', "\\|");
                            let cell = cell.replace('\n', " ");
                            line.push_str(&if cell.is_empty() {
                                " |".to_owned()
                            } else {
                                format!(" {cell} |")
                            });
                        }
                        line + "\n"
                    };
                    out.push_str(&row(head));
                    out.push_str(&format!("|{}\n", "---|".repeat(head.len())));
                    for cells in rows {
                        out.push_str(&row(cells));
                    }
                }
            }
        }
        out
    }

    /// As a whole HTML page that needs nothing beside it.
    pub fn to_html(&self) -> String {
        let title = escaped(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n"
        );
        for block in &self.blocks {
            let block = match block {
                Block::Heading(level, text) => {
                    format!("<h{level} id=\"{}\">{}</h{level}>", anchor(text), inline(text))
                }
                Block::Text(text) => format!("<p>{}</p>", inline(text)),
                Block::Quote(text) => format!("<blockquote>{}</blockquote>", inline(text)),
                Block::Code(text) => format!("<pre>{}</pre>", escaped(text.trim_end())),
                Block::Table(head, rows) => {
                    let cells = |tag: &str, cells: &[String]| {
                        let cells =
                            cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", inline(cell)));
                        format!("<tr>{}</tr>\n", cells.collect::<String>())
                    };
                    let rows: String = rows.iter().map(|row| cells("td", row)).collect();
                    format!("<table>\n{}{rows}</table>", cells("th", head))
                }
            };
            out.push_str(&block);
            out.push('\n');
        }
        out.push_str("</html>\n");
        out
    }
}

/// Text with its `code`.
fn inline(text: &str) -> String {
    let even = text.matches('`').count().is_multiple_of(2);
    if !even {
        return escaped(text);
    }
    let parts = text.split('`').enumerate().map(|(number, part)| {
        if number % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) }
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn anchor(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            title: "A & B".to_owned(),
            blocks: vec![
                Block::Heading(2, "One".to_owned()),
                Block::Text("`a < b` & c".to_owned()),
                Block::Quote("said\ntwice".to_owned()),
                Block::Code("x > 1\n".to_owned()),
                Block::Table(
                    vec!["K".to_owned(), String::new()],
                    vec![vec!["`a || b`".to_owned(), "<i>".to_owned()]],
                ),
            ],
        }
    }

    #[test]
    fn a_page_is_markdown() {
        let want = "# A & B\n\n## One\n\n`a < b` & c\n\n> said\n> twice\n\n```cel\nx > 1\n```\n\n| K | |\n|---|---|\n| `a \\|\\| b` | <i> |\n";
        assert_eq!(page().to_markdown(), want);
    }

    #[test]
    fn a_page_is_html_and_its_texts_stay_texts() {
        let html = page().to_html();
        for part in [
            "<title>A &amp; B</title>",
            "<h2 id=\"One\">One</h2>",
            "<p><code>a &lt; b</code> &amp; c</p>",
            "<pre>x &gt; 1</pre>",
            "<tr><td><code>a || b</code></td><td>&lt;i&gt;</td></tr>",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("<i>"), "{html}");
    }
}
