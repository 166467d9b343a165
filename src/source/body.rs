//! What does the body of a request hold? One record, a list, lines, or CloudEvents.
//!
//! ```text
//! application/json               one object, or a list of them
//! application/x-ndjson           one object a line (also jsonl, and text/plain)
//! application/cloudevents+json, application/cloudevents-batch+json
//! ```

use std::sync::Arc;

use crate::event::Symbols;
use crate::event::decode;
use crate::event::decode::Decoder;
use crate::source::Batch;
use crate::source::Refused;
use crate::source::cloud_events;
use crate::source::excerpt;
use crate::source::framing::Framing;
use crate::source::framing::Splitter;

/// Why a body is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A media type that is not read.
    #[error(
        "the content type `{0}` is not read: send application/json, application/x-ndjson, \
         application/cloudevents+json or application/cloudevents-batch+json"
    )]
    MediaType(String),
}

/// Decodes every record of a body; refused ones go to [`Batch::refused`].
#[expect(
    clippy::too_many_arguments,
    reason = "what a body is, and what it is decoded with and into"
)]
pub fn decode_body(
    content_type: &str,
    bytes: &[u8],
    source: &Arc<str>,
    decoder: &mut Decoder,
    symbols: &Symbols,
    out: &mut Batch,
) -> Result<(), BodyError> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (framing, enveloped) = match media.as_str() {
        "application/json" | "" => (None, false),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "text/plain" => {
            (Some(Framing::Lines), false)
        }
        cloud_events::STRUCTURED | cloud_events::BATCH => (None, true),
        _ => return Err(BodyError::MediaType(media.chars().take(60).collect())),
    };
    let list = framing.is_none() && bytes.trim_ascii_start().first() == Some(&b'[');
    let mut writer = symbols.write();
    let mut take = |piece: &[u8], position, offset, too_long: bool| {
        let found = if too_long {
            Err(decode::too_long(decoder.mapping().record_bytes_max))
        } else if enveloped {
            decoder.decode_structured(piece, &mut writer)
        } else {
            decoder.decode_in_batch(out.records.len(), piece, &mut writer)
        };
        match found {
            Ok(record) => out.records.push(record),
            Err(reason) => {
                let (source, excerpt) = (Arc::clone(source), excerpt(piece));
                out.refused.push(Refused { source, position, offset, reason, excerpt });
            }
        }
    };
    if framing.is_none() && !list {
        take(bytes, 1, 0, false);
        decoder.settle(&mut out.records, &mut writer);
        return Ok(());
    }
    let framing = if list { Framing::Elements } else { Framing::Lines };
    // The whole body is at hand, so that no piece of it is longer than the splitter's limit.
    let mut splitter = Splitter::new(bytes, framing, bytes.len(), bytes.len() + 1);
    if list && splitter.open_list().is_err() {
        return Ok(());
    }
    while let Ok(Some(piece)) = splitter.next() {
        take(piece.bytes, piece.number, piece.offset, piece.too_long);
    }
    decoder.settle(&mut out.records, &mut writer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::mapping::Mapping;

    #[test]
    fn a_body_is_read_by_its_media_type() {
        let call = r#"{"event_id":"1","occurred_at":"2025-03-01","kind":"call"}"#;
        let cloud = r#"{"specversion":"1.0","id":"9","source":"/s","type":"call.started",
            "subject":"c1","time":"2025-03-01T09:30:00Z"}"#;
        let list = format!("[{call},{call}, 3]");
        let lines = format!("{call}\n\n{call}\nnonsense\n");
        let clouds = format!("[{cloud},{call}]");
        for (media, body, records, codes) in [
            ("application/json; charset=utf-8", call, 1, &[][..]),
            ("application/json", &list, 2, &["bad_json"]),
            ("application/json", "[]", 0, &[]),
            ("application/json", "", 0, &["bad_json"]),
            ("application/x-ndjson", &lines, 2, &["bad_json"]),
            ("application/json", cloud, 1, &[]),
            (cloud_events::STRUCTURED, cloud, 1, &[]),
            (cloud_events::BATCH, &clouds, 1, &["bad_envelope"]),
        ] {
            let symbols = Symbols::default();
            let source = Arc::from("http");
            let mut decoder = Decoder::new(Arc::new(Mapping::identity()), symbols.intern("http"));
            let mut out = Batch::default();
            let bytes = body.as_bytes();
            decode_body(media, bytes, &source, &mut decoder, &symbols, &mut out).unwrap();
            let found: Vec<_> = out.refused.iter().map(|r| r.reason.code()).collect();
            assert_eq!((out.records.len(), found.as_slice()), (records, codes), "{media} {body}");
        }
    }

    #[test]
    fn another_media_type_is_an_error() {
        let symbols = Symbols::default();
        let mut decoder = Decoder::new(Arc::new(Mapping::identity()), symbols.intern("http"));
        let mut out = Batch::default();
        let source = Arc::from("http");
        let found = decode_body("text/html", b"", &source, &mut decoder, &symbols, &mut out);
        assert_eq!(found, Err(BodyError::MediaType("text/html".to_owned())));
    }
}
