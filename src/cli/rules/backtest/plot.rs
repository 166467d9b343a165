//! Plots of the page: SVG made here, with a title and a description, so that no script is needed
//! and a screen reader can tell them.
//!
//! ```text
//! columns: up what the new rules raise,        rows:  rule   ▇▇▇▇▇▇▇▇▇▇
//!          down what is gone     ▄▇▄▂▇                other  ▇▇▇
//!                               ──▂───▄──
//! ```

use std::fmt::Write;

/// One column or row: a name, and the parts it is stacked of.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: Vec<Part>,
}

/// One part of a bar.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// `new`, `gone`, `kept`, `before`, `after`: how it is painted.
    pub(super) class: &'static str,
    pub(super) value: f64,
    /// What the pointer and a screen reader tell of it.
    pub(super) told: String,
}

/// What a plot is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caption<'a> {
    /// Unique within the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

const WIDTH: f64 = 960.0;
const COLUMNS_HEIGHT: f64 = 240.0;
const MARGIN_LEFT: f64 = 56.0;
const MARGIN_BELOW: f64 = 22.0;
const MARGIN_ABOVE: f64 = 10.0;
const ROW: f64 = 22.0;
const ROW_LABEL: f64 = 260.0;
const ROW_FIGURE: f64 = 120.0;

/// Columns side by side; a part of class `gone` hangs below the line.
pub(super) fn columns(bars: &[Bar], caption: Caption<'_>) -> String {
    let hanging = |part: &&Part| part.class == "gone";
    let height_of = |bar: &Bar, down: bool| -> f64 {
        bar.parts.iter().filter(|part| hanging(part) == down).map(|part| part.value).sum()
    };
    let most = |down| bars.iter().map(|bar| height_of(bar, down)).fold(0.0, f64::max);
    let (up, down) = (ceiling(most(false)), ceiling(most(true)));
    let room = COLUMNS_HEIGHT - MARGIN_ABOVE - MARGIN_BELOW;
    let scale = room / (up + down).max(1.0);
    let zero = MARGIN_ABOVE + up * scale;
    #[expect(clippy::cast_precision_loss, reason = "a number of columns")]
    let step = (WIDTH - MARGIN_LEFT) / bars.len().max(1) as f64;
    let mut out = head(caption, COLUMNS_HEIGHT);
    for (value, y) in [(up, MARGIN_ABOVE), (0.0, zero), (down, zero + down * scale)] {
        if value == 0.0 && (y - zero).abs() > 0.5 {
            continue;
        }
        let class = if value == 0.0 { "zero" } else { "grid" };
        let _ = write!(
            out,
            r#"<line class="{class}" x1="{MARGIN_LEFT}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}"/>"#
        );
        let (x, y) = (MARGIN_LEFT - 6.0, y + 4.0);
        let _ = write!(out, r#"<text class="end" x="{x}" y="{y:.1}">{value:.0}</text>"#);
    }
    for (index, bar) in bars.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
        let x = MARGIN_LEFT + index as f64 * step;
        let (mut top, mut bottom) = (zero, zero);
        for part in bar.parts.iter().filter(|part| part.value > 0.0) {
            let height = part.value * scale;
            let y = if hanging(&part) {
                bottom += height;
                bottom - height
            } else {
                top -= height;
                top
            };
            let width = (step * 0.8).max(0.6);
            rect(&mut out, part, (x, y), (width, height));
        }
    }
    // The first, the middle and the last are named: the others are told by their parts.
    let last = bars.len().saturating_sub(1);
    for (index, anchor) in [(0, "start"), (last / 2, "middle"), (last, "end")] {
        if (index == 0 && anchor != "start") || (index == last && anchor == "middle") {
            continue;
        }
        let Some(bar) = bars.get(index) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
        let x = match anchor {
            "start" => MARGIN_LEFT,
            "end" => WIDTH,
            _ => MARGIN_LEFT + (index as f64 + 0.4) * step,
        };
        let (y, label) = (COLUMNS_HEIGHT - 6.0, escaped(&bar.label));
        let _ = write!(out, r#"<text class="{anchor}" x="{x:.1}" y="{y}">{label}</text>"#);
    }
    out.push_str("</svg>");
    out
}

/// Rows below each other, with their sum behind them as `figure` writes it.
pub(super) fn rows(bars: &[Bar], caption: Caption<'_>, figure: impl Fn(f64) -> String) -> String {
    let sum = |bar: &Bar| bar.parts.iter().map(|part| part.value.max(0.0)).sum::<f64>();
    let most = bars.iter().map(sum).fold(0.0, f64::max);
    let scale = if most > 0.0 { (WIDTH - ROW_LABEL - ROW_FIGURE) / most } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let mut out = head(caption, ROW * bars.len().max(1) as f64 + 4.0);
    for (index, bar) in bars.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
        let y = ROW * index as f64 + 2.0;
        let (x, text_y, label) = (ROW_LABEL - 8.0, y + 14.0, escaped(&shortened(&bar.label)));
        let _ = write!(out, r#"<text class="end" x="{x}" y="{text_y:.1}">{label}</text>"#);
        let mut x = ROW_LABEL;
        for part in bar.parts.iter().filter(|part| part.value > 0.0) {
            let width = part.value * scale;
            rect(&mut out, part, (x, y), (width, ROW - 5.0));
            x += width;
        }
        let (x, figure) = (x + 6.0, escaped(&figure(sum(bar))));
        let _ = write!(out, r#"<text class="start" x="{x:.1}" y="{text_y:.1}">{figure}</text>"#);
    }
    out.push_str("</svg>");
    out
}

fn head(caption: Caption<'_>, height: f64) -> String {
    let Caption { id, title, description } = caption;
    let (title, description) = (escaped(title), escaped(description));
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title><desc id="{id}-desc">{description}</desc>"#
    )
}

fn rect(out: &mut String, part: &Part, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let Part { class, told, .. } = part;
    let told = escaped(told);
    let _ = write!(
        out,
        r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{told}</title></rect>"#
    );
}

/// A round number not below: 1, 2 or 5 with zeros behind it.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|round| *round >= value).unwrap_or(value)
}

fn shortened(label: &str) -> String {
    const CHARS_MAX: usize = 38;
    if label.chars().count() <= CHARS_MAX {
        return label.to_owned();
    }
    label.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}

/// As HTML has it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, new: f64, gone: f64) -> Bar {
        let part = |class, value| Part { class, value, told: format!("{class} {value}") };
        Bar { label: label.to_owned(), parts: vec![part("new", new), part("gone", gone)] }
    }

    const CAPTION: Caption<'_> = Caption { id: "p", title: "A <title>", description: "D" };

    #[test]
    fn new_alerts_stand_on_the_line_and_gone_ones_hang() {
        let svg = columns(&[bar("2025-01-01", 4.0, 1.0), bar("2025-01-02", 0.0, 0.0)], CAPTION);
        // Five up and one down share 208: the line lies at 10 + 5 × 34.7.
        assert!(svg.contains(r#"class="new" x="56.0" y="44.7""#), "{svg}");
        assert!(svg.contains(r#"class="gone" x="56.0" y="183.3""#), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2, "nothing is painted for nothing: {svg}");
        assert!(svg.contains("A &lt;title&gt;") && svg.contains("2025-01-02"), "{svg}");
    }

    #[test]
    fn an_empty_plot_is_a_plot() {
        for svg in [columns(&[], CAPTION), rows(&[], CAPTION, |sum| sum.to_string())] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn the_scale_ends_on_a_round_number() {
        for (value, want) in [(0.0, 0.0), (1.0, 1.0), (3.0, 5.0), (11.0, 20.0), (640.0, 1000.0)] {
            assert!((ceiling(value) - want).abs() < 1e-9, "{value}");
        }
    }
}
