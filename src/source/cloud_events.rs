//! How does a CloudEvent arrive by HTTP? (CloudEvents 1.0.2, HTTP protocol binding.)
//!
//! ```text
//! structured  application/cloudevents+json        one envelope with its data
//! batch       application/cloudevents-batch+json  a list of them
//! binary      ce-id, ce-source, ce-type … headers; the body is the data
//! ```

use std::borrow::Cow;

use crate::event::Record;
use crate::event::decode::Decoder;
use crate::event::decode::Envelope;
use crate::event::decode::Refusal;
use crate::event::symbol;

/// Media type of one event in structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// Media type of a batch of events.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// Decodes one event in structured mode; what is no CloudEvent is refused.
pub fn unwrap_structured(
    bytes: &[u8],
    decoder: &mut Decoder,
    symbols: &mut symbol::Writer<'_>,
) -> Result<Record, Refusal> {
    decoder.decode_structured(bytes, symbols)
}

/// The envelope of binary mode, from pairs of header names and values; `None` without `ce-id`
/// and `ce-specversion`, which is what tells binary mode.
pub fn from_headers<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<Result<Envelope, Refusal>> {
    let mut attributes: Vec<(String, &str)> = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let Some(attribute) = name.strip_prefix("ce-") {
            attributes.push((attribute.to_owned(), value));
        }
    }
    let find = |name: &str| attributes.iter().find(|(known, _)| known == name);
    if find("specversion").is_none() && find("id").is_none() {
        return None;
    }
    let get = |name: &str| find(name).map(|(_, value)| unescape(value));
    Some(Envelope::from_attributes(get))
}

/// Undoes the percent-encoding of header values (section 3.1.3.2 of the binding).
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let (bytes, mut out, mut at) = (value.as_bytes(), Vec::with_capacity(value.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, pair) {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_make_an_envelope() {
        let headers = [
            ("Host", "siaga"),
            ("ce-specversion", "1.0"),
            ("Ce-Id", "7"),
            ("ce-source", "/caf%C3%A9"),
            ("ce-type", "call.started"),
            ("ce-subject", "c1"),
            ("ce-time", "2025-03-01T09:30:00Z"),
        ];
        let envelope = from_headers(headers).unwrap().unwrap();
        assert_eq!((envelope.id.as_str(), envelope.source.as_str()), ("7", "/café"));
        assert_eq!(envelope.subject.as_deref(), Some("c1"));
        assert!(from_headers([("host", "siaga")]).is_none());
    }

    #[test]
    fn an_envelope_that_breaks_the_standard_is_refused() {
        for (headers, want) in [
            (&[("ce-specversion", "0.3"), ("ce-id", "1")][..], "specversion"),
            (&[("ce-specversion", "1.0")], "`id` is missing"),
            (&[("ce-specversion", "1.0"), ("ce-id", "1")], "`source` is missing"),
            (&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s")], "`type` is missing"),
        ] {
            let message = from_headers(headers.to_vec()).unwrap().unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        }
    }
}
