//! The JSON Schema of rule files and test files: editors complete and check by it.

use clap::Args;

use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::rule::schema;

/// What `rules schema` takes.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  siaga rules schema > rules.schema.json          for *.rules.yaml
  siaga rules schema --tests > test.schema.json   for *.test.yaml

Editors with a YAML language server read it from the first line of a file:
  # yaml-language-server: $schema=rules.schema.json")]
pub struct SchemaArgs {
    /// The schema of test files in place of that of rule files
    #[arg(long)]
    pub tests: bool,
}

/// Writes the schema.
pub(super) fn schema(args: &SchemaArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let schema = if args.tests { schema::of_test_files() } else { schema::of_rule_files() };
    writeln!(terminal.out, "{schema:#}")?;
    Ok(Verdict::Good)
}
