//! What channels say of an alert, as plain text: each escapes it for the place it lands in.

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::alert::Severity;
use crate::delivery::channel::Message;
use crate::delivery::outbox::About;
use crate::money;
use crate::time::Timestamp;

/// Characters of a line; a longer one is cut.
const LINE_CHARS_MAX: usize = 300;

/// One line without anything that does not show: line breaks, controls, marks that turn the order of
/// writing round. What joins letters, or keeps them apart, is part of how a name is written.
pub(super) fn line(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    let plain: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= LINE_CHARS_MAX {
        return plain;
    }
    plain.chars().take(LINE_CHARS_MAX - 1).chain(['…']).collect()
}

/// What people call whom it is about.
pub(super) fn who(alert: &Alert) -> String {
    line(alert.entity_name.as_deref().unwrap_or(&alert.entity_id))
}

/// The money at stake; empty when none is.
pub(super) fn stake(alert: &Alert) -> String {
    alert.value.map_or_else(String::new, |value| money::display(value.amount, value.currency))
}

/// What to do; empty where the rule does not say.
pub(super) fn play(alert: &Alert) -> String {
    let words = line(&alert.labels.get("play").map_or("", String::as_str).replace('_', " "));
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `2025-03-01 09:30 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    let shown = at.to_string().get(..16).unwrap_or_default().replace('T', " ");
    format!("{shown} UTC")
}

/// Where it stands, as a sentence; empty while it waits for somebody.
pub(super) fn state(alert: &Alert) -> String {
    match &alert.state {
        AlertState::Pending | AlertState::Firing => String::new(),
        AlertState::Acknowledged { by, .. } => format!("{} is on it.", by_whom(by)),
        AlertState::Snoozed { by, until } => {
            format!("{} put it aside until {}.", by_whom(by), time(*until))
        }
        AlertState::Waiting { by, .. } => {
            format!("{} put it aside until something new happens.", by_whom(by))
        }
        AlertState::Closed { reason, .. } => match reason {
            CloseReason::Resolved => "Over: it resolved by itself.".to_owned(),
            CloseReason::Expired => "Over: the moment has passed.".to_owned(),
            CloseReason::Withdrawn => "Over: its rule was taken out.".to_owned(),
            CloseReason::Won => "Won.".to_owned(),
            CloseReason::Lost => "Lost.".to_owned(),
            CloseReason::Dismissed(note) => format!("Dismissed: {}", line(note)),
        },
    }
}

fn by_whom(by: &str) -> String {
    let by = line(by);
    by.strip_prefix("rep:").map(str::to_owned).unwrap_or(by)
}

/// The line that comes before all: what this message is.
pub(super) fn headline(message: &Message, alert: &Alert) -> String {
    let summary = line(&alert.summary);
    match (message.about, &alert.state) {
        (About::Escalated, _) => format!("Nobody has taken this on: {summary}"),
        (_, AlertState::Closed { .. }) => format!("Closed: {summary}"),
        _ => summary,
    }
}

/// `critical`, `warning`, `info`, in a colour that the light and the dark bear.
pub(super) fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#c0392b",
        Severity::Warning => "#b7791f",
        Severity::Info => "#2b6cb0",
    }
}

/// The title of a digest.
pub(super) fn digest_title(message: &Message) -> String {
    let (count, day) = (message.alerts.len(), time(message.sent_at));
    let alerts = if count == 1 { "alert" } else { "alerts" };
    format!("Your digest of {}: {count} {alerts}", day.get(..10).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_what_shows() {
        for (text, want) in [
            ("plain", "plain"),
            ("a\r\nBcc: all@example.com", "a Bcc: all@example.com"),
            ("tab\tand\u{0}nul", "tab and nul"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("a\u{2028}b\u{feff}c", "a b c"),
            ("Żółw & <b>", "Żółw & <b>"),
            ("می\u{200c}خواهم 🏳️\u{200d}🌈", "می\u{200c}خواهم 🏳️\u{200d}🌈"),
            ("a\u{200b}b\u{200f}c", "a b c"),
        ] {
            assert_eq!(line(text), want);
        }
        assert_eq!(line(&"é".repeat(1_000)).chars().count(), LINE_CHARS_MAX);
    }
}
