//! What does a code mean?

use crate::cli::rules::ExplainCodeArgs;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::rule::diagnostic::codes;
use crate::rule::diagnostic::suggest;

/// Explains one code, or lists all.
pub(super) fn explain_code(
    args: &ExplainCodeArgs,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Verdict> {
    let Some(code) = &args.code else {
        for known in codes::CODES {
            writeln!(terminal.out, "{}  {}", known.code, known.title)?;
        }
        return Ok(Verdict::Good);
    };
    let bare = code.trim_start_matches("error[").trim_start_matches("warning[");
    let bare = bare.trim_end_matches(']');
    let Some(known) = codes::explain(bare) else {
        let near = suggest(bare, codes::CODES.iter().map(|known| known.code));
        let near = near.map_or_else(
            || "`siaga rules explain-code` lists all".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        writeln!(terminal.err, "error: there is no code `{bare}`: {near}")?;
        return Ok(Verdict::Misused);
    };
    writeln!(terminal.out, "{}: {}\n\n{}", known.code, known.title, known.explanation)?;
    Ok(Verdict::Good)
}
