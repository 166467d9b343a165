//! Alerts as lines: one JSON object a line, for a file, a pipe or another program.
//!
//! ```text
//! {"output":"opened","alert":{"id":"…","summary":"…",…}}
//! {"output":"changed","id":"…","at":"2025-03-04T09:30:00Z","state":{"name":"closed","reason":"won"}}
//! ```

use std::io::Write;

use serde::Serialize;

use crate::alert::AlertId;
use crate::delivery::wire::WireAlert;
use crate::delivery::wire::WireDeed;
use crate::delivery::wire::WireState;
use crate::delivery::wire::WireTime;
use crate::engine::Output;

/// Why lines could not be written.
#[derive(Debug, thiserror::Error)]
pub enum NdjsonError {
    /// The file or pipe refused them.
    #[error("alerts cannot be written: {0}: check the disk, or who reads the pipe")]
    Io(#[from] std::io::Error),
    /// An alert has no JSON form.
    #[error("an alert cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "output")]
#[expect(clippy::large_enum_variant, reason = "lives for one line, on the stack")]
enum OutputLine<'a> {
    Opened { alert: WireAlert<'a> },
    Changed { id: AlertId, at: WireTime, state: WireState<'a> },
    Acted { id: AlertId, deed: WireDeed<'a> },
}

/// Writes one line for each output, and flushes.
pub fn write(to: &mut dyn Write, outputs: &[Output]) -> Result<(), NdjsonError> {
    for output in outputs {
        let line = match output {
            Output::Opened { alert, .. } => OutputLine::Opened { alert: alert.as_ref().into() },
            Output::Changed { id, state, at } => {
                OutputLine::Changed { id: *id, at: WireTime(*at), state: state.into() }
            }
            Output::Acted { id, deed } => OutputLine::Acted { id: *id, deed: deed.into() },
            Output::Duty(_) => continue,
        };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")?;
    }
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertState;
    use crate::alert::CloseReason;
    use crate::delivery::inbox::sample;
    use crate::time::Timestamp;

    #[test]
    fn a_line_holds_exact_money_and_readable_times() {
        let alert = sample::alert("c1", Some("1234.5"));
        let id = alert.id;
        let at = Timestamp::parse("2025-03-04T09:30:00Z").unwrap();
        let reason = CloseReason::Dismissed("no\nbudget".to_owned());
        let mut out = Vec::new();
        let outputs = [
            Output::Opened { alert: Box::new(alert), arrived: None },
            Output::Changed { id, state: AlertState::Closed { at, reason }, at },
        ];
        write(&mut out, &outputs).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains(r#""value":{"amount":1234.5,"currency":"USD"}"#), "{}", lines[0]);
        assert!(lines[0].contains(r#""opened_at":"2025-03-01T09:00:00Z""#), "{}", lines[0]);
        assert!(lines[1].contains(r#""reason":"dismissed","note":"no\nbudget""#), "{}", lines[1]);
    }
}
