//! The comparison as a page that stands alone: plots, and the tables behind them. No script, no
//! font and no image is fetched; it is light or dark as the reader's system is.

use std::collections::BTreeMap;

use askama::Template;

use crate::cli::rules::backtest::Facts;
use crate::cli::rules::backtest::json::date;
use crate::cli::rules::backtest::money;
use crate::cli::rules::backtest::plot;
use crate::cli::rules::backtest::plot::Bar;
use crate::cli::rules::backtest::plot::Caption;
use crate::cli::rules::backtest::plot::Part;
use crate::cli::rules::backtest::table;
use crate::engine::backtest::comparison::Split;
use crate::engine::backtest::comparison::Volume;
use crate::money::Currency;
use crate::money::Decimal;
use crate::money::display;
use crate::money::grouped;

/// More columns than this are put together by weeks, then by four weeks.
const COLUMNS_MAX: usize = 130;

/// Rows of a plot, at most.
const ROWS_MAX: usize = 25;

/// Differences that the page lists.
const LISTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "backtest.html")]
struct Page {
    /// Which part of the history.
    span: String,
    total: Line,
    before: Sum,
    after: Sum,
    volumes: Vec<String>,
    days: String,
    money: Vec<String>,
    reps: String,
    rules: Vec<Line>,
    owners: Vec<Line>,
    listed: Vec<Listed>,
    more: String,
}

/// A line of a table.
struct Line {
    name: String,
    note: String,
    new: String,
    gone: String,
    kept: String,
    changed: String,
    before: String,
    after: String,
    precision: String,
}

struct Sum {
    alerts: String,
    money: String,
    precision: String,
}

struct Listed {
    change: String,
    rule: String,
    entity: String,
    opened: String,
    value: String,
    owner: String,
}

/// The page.
pub(super) fn page(facts: &Facts<'_>) -> Result<String, askama::Error> {
    let comparison = &facts.found.comparison;
    let sum = |count: &crate::engine::backtest::comparison::Count| Sum {
        alerts: grouped(count.alerts),
        money: money::shown(count),
        precision: count.judged.to_string(),
    };
    let rules = table::rules(facts);
    let owners = owners(facts);
    let different =
        comparison.total.new.alerts + comparison.total.gone.alerts + comparison.total.changed;
    let listed: Vec<Listed> = listed(facts);
    let rest = different - listed.len() as u64;
    let page = Page {
        span: span(facts),
        total: line("all", "", &comparison.total),
        before: sum(&comparison.total.before()),
        after: sum(&comparison.total.after()),
        volumes: [("Before", &comparison.old_volume), ("After", &comparison.new_volume)]
            .into_iter()
            .filter_map(|(name, volume)| volume_of(name, volume))
            .collect(),
        days: days_plot(&comparison.days),
        money: money_plots(&rules),
        reps: owners_plot(&owners),
        rules: rules.iter().map(|rule| line(&rule.name, note(rule, facts), &rule.split)).collect(),
        owners: owners.iter().map(|(name, split)| line(name, "", split)).collect(),
        more: if rest > 0 { grouped(rest) } else { String::new() },
        listed,
    };
    page.render()
}

fn span(facts: &Facts<'_>) -> String {
    let days = &facts.found.comparison.days;
    let first = facts.args.alerts_from.or(facts.args.from).map(|at| at.to_string());
    let first = first.or_else(|| days.keys().next().map(|day| date(*day)));
    let read = grouped(facts.read);
    match first {
        None => format!("{read} records, no alert"),
        Some(first) => {
            format!("{read} records; alerts from {first} to {}", facts.found.newest)
        }
    }
}

fn note(rule: &table::RuleLine, facts: &Facts<'_>) -> &'static str {
    match (rule.sets, rule.mode) {
        ("new", _) if facts.old.is_some() => "added",
        ("old", _) => "removed",
        (_, "live") => "",
        (_, mode) => mode,
    }
}

fn line(name: &str, note: &str, split: &Split) -> Line {
    let (before, after) = (split.before(), split.after());
    let precision = match before.judged.precision() {
        Some(_) => format!("{} → {}", before.judged, after.judged),
        None => after.judged.to_string(),
    };
    Line {
        name: name.to_owned(),
        note: note.to_owned(),
        new: grouped(split.new.alerts),
        gone: grouped(split.gone.alerts),
        kept: grouped(split.kept.alerts),
        changed: grouped(split.changed),
        before: money::shown(&before),
        after: money::shown(&after),
        precision,
    }
}

fn volume_of(name: &str, volume: &Volume) -> Option<String> {
    let (owner, day, alerts) = volume.busiest.as_ref()?;
    let (mean, day, alerts) = (volume.mean(), date(*day), grouped(*alerts));
    Some(format!(
        "{name}: {mean:.3} alerts for a rep and day in the mean of {} reps and {} days; most on \
         {day}, {alerts} for {owner}.",
        grouped(volume.reps),
        grouped(volume.days),
    ))
}

fn listed(facts: &Facts<'_>) -> Vec<Listed> {
    let args = crate::cli::rules::backtest::BacktestArgs {
        list: facts.args.list.max(LISTED_MAX),
        ..facts.args.clone()
    };
    let wider = Facts { args: &args, refused: BTreeMap::new(), ..*facts };
    let listed = table::listed(&wider).into_iter().map(|compared| {
        let differences: Vec<_> = compared.differences().collect();
        let change = match differences.as_slice() {
            [] => compared.change.name().to_owned(),
            some => format!("{}: {}", compared.change.name(), some.join(", ")),
        };
        let entry = compared.entry;
        let value = entry.value.map(|value| display(value.amount, value.currency));
        Listed {
            change,
            rule: compared.rule().to_owned(),
            entity: format!("{} {}", entry.kind.name(), compared.entity()),
            opened: entry.opened_at.to_string(),
            value: value.unwrap_or_default(),
            owner: compared.owner().to_owned(),
        }
    });
    listed.collect()
}

/// Owners by how much changes for them.
fn owners(facts: &Facts<'_>) -> Vec<(String, Split)> {
    let owners = facts.found.comparison.owners.iter();
    let mut owners: Vec<_> = owners.map(|(name, split)| (name.clone(), split.clone())).collect();
    owners.sort_by_key(|(_, split)| {
        std::cmp::Reverse(split.new.alerts + split.gone.alerts + split.kept.alerts)
    });
    owners
}

#[expect(clippy::cast_precision_loss, reason = "the length of a bar")]
fn parts(label: &str, split: &Split) -> Vec<Part> {
    let part = |class, count: u64| Part {
        class,
        value: count as f64,
        told: format!("{label}: {} {class}", grouped(count)),
    };
    vec![
        part("kept", split.kept.alerts),
        part("new", split.new.alerts),
        part("gone", split.gone.alerts),
    ]
}

/// Alerts a day; days are put together where there are too many.
fn days_plot(days: &BTreeMap<i64, Split>) -> String {
    let (Some(first), Some(last)) = (days.keys().next(), days.keys().next_back()) else {
        return String::new();
    };
    let length = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
    let step = match length {
        few if few <= COLUMNS_MAX => 1,
        more if more <= 7 * COLUMNS_MAX => 7,
        _ => 28,
    };
    let mut bars = Vec::new();
    let mut from = *first;
    while from <= *last && bars.len() < 10 * COLUMNS_MAX {
        let mut sum = Split::default();
        for split in days.range(from..from + step).map(|(_, split)| split) {
            sum.new.alerts += split.new.alerts;
            sum.gone.alerts += split.gone.alerts;
            sum.kept.alerts += split.kept.alerts;
        }
        let label = date(from);
        bars.push(Bar { parts: parts(&label, &sum), label });
        from += step;
    }
    let each = match step {
        1 => "a day",
        7 => "a week, by its first day",
        _ => "four weeks, by their first day",
    };
    let description = format!(
        "{} columns, one for {each}, from {} to {}: kept and new alerts upwards, gone ones downwards.",
        bars.len(),
        date(*first),
        date(*last)
    );
    let caption = Caption { id: "days", title: "Alerts over time", description: &description };
    plot::columns(&bars, caption)
}

/// Money at stake by rule, before and after: a plot for each currency.
fn money_plots(rules: &[table::RuleLine]) -> Vec<String> {
    let mut currencies: Vec<Option<Currency>> = Vec::new();
    for rule in rules {
        for currency in rule.split.after().money.keys().chain(rule.split.before().money.keys()) {
            if !currencies.contains(currency) {
                currencies.push(*currency);
            }
        }
    }
    let plot_of = |(index, currency): (usize, &Option<Currency>)| {
        let shown = |sum: f64| {
            Decimal::from_f64(sum).map_or_else(|_| String::new(), |sum| display(sum, *currency))
        };
        let mut bars = Vec::new();
        for rule in rules {
            let sums = [("before", rule.split.before()), ("after", rule.split.after())];
            if sums.iter().all(|(_, count)| !count.money.contains_key(currency)) {
                continue;
            }
            for (class, count) in sums {
                let value = money::plain(&count, *currency);
                let told = format!("{} {class}: {}", rule.name, shown(value));
                let label = format!("{} {class}", rule.name);
                bars.push(Bar { label, parts: vec![Part { class, value, told }] });
            }
        }
        bars.truncate(2 * ROWS_MAX);
        let name = currency.map_or_else(|| "no currency".to_owned(), |c| c.to_string());
        let title = format!("Money at stake by rule, {name}");
        let count = bars.len() / 2;
        let description = format!("Two rows for each of {count} rules: before and after.");
        let id = format!("money-{index}");
        plot::rows(&bars, Caption { id: &id, title: &title, description: &description }, shown)
    };
    currencies.iter().enumerate().map(plot_of).collect()
}

fn owners_plot(owners: &[(String, Split)]) -> String {
    let bars: Vec<Bar> = owners
        .iter()
        .take(ROWS_MAX)
        .map(|(name, split)| Bar { label: name.clone(), parts: parts(name, split) })
        .collect();
    let description = format!(
        "A row for each of the {} owners with the most alerts: kept, new, gone.",
        bars.len()
    );
    let caption = Caption { id: "reps", title: "Alerts by owner", description: &description };
    plot::rows(&bars, caption, |sum| format!("{sum:.0}"))
}
