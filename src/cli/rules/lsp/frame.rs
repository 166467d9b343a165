//! Where does one message end and the next begin?
//!
//! ```text
//! Content-Length: 52\r\n
//! \r\n
//! {"jsonrpc":"2.0","id":1,"method":"shutdown"}          so many bytes of JSON
//! ```
//!
//! Source: Language Server Protocol 3.17, "Base Protocol". Headers and messages have limits, and a
//! message that is none is told from the end of the stream: the one behind it is read.

use std::io;
use std::io::BufRead;
use std::io::Read;
use std::io::Write;

use serde_json::Value;

/// Longest message. A file has at most 4 MiB, and escapes make it longer.
pub(super) const MESSAGE_BYTES_MAX: u64 = 32 << 20;

/// Longest line of a header.
const HEADER_BYTES_MAX: u64 = 8 << 10;

/// What came in.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// A message: any JSON.
    Message(Value),
    /// Bytes that are no message, and why.
    Bad(String),
}

/// The next message; none at the end of the stream.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let mut length = None;
    let mut started = false;
    loop {
        let mut line = Vec::new();
        let taken = input.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
        if taken == 0 {
            return Ok(None);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            // Blank lines between messages are nobody's.
            if !started {
                continue;
            }
            break;
        }
        started = true;
        let text = String::from_utf8_lossy(line);
        if let Some((name, value)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let Some(length) = length else {
        let message = "the header has no `Content-Length` with a number of bytes";
        return Ok(Some(Frame::Bad(message.to_owned())));
    };
    if length > MESSAGE_BYTES_MAX {
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        let message =
            format!("the message has {length} bytes, at most {MESSAGE_BYTES_MAX} are read");
        return Ok(Some(Frame::Bad(message)));
    }
    let mut body = Vec::new();
    let taken = input.by_ref().take(length).read_to_end(&mut body)?;
    if (taken as u64) < length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice(&body) {
        Ok(message) => Frame::Message(message),
        Err(error) => Frame::Bad(format!("the message is not JSON: {error}")),
    }))
}

/// Sends a message.
pub(super) fn write(out: &mut dyn Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// All that a stream holds, bad messages as the first words of why.
    fn all(stream: &str) -> Vec<Value> {
        let mut input = stream.as_bytes();
        let mut found = Vec::new();
        while let Some(frame) = read(&mut input).unwrap() {
            found.push(match frame {
                Frame::Message(message) => message,
                Frame::Bad(why) => json!(why.split(' ').take(4).collect::<Vec<_>>().join(" ")),
            });
        }
        found
    }

    #[test]
    fn a_bad_message_leaves_the_next_one_alone() {
        let huge = format!("Content-Length: 40000000\r\n\r\n{}", " ".repeat(40_000_000));
        let good = "Content-Length: 2\r\n\r\n{}";
        for (stream, want) in [
            ("", vec![]),
            (good, vec![json!({})]),
            ("content-length:2\n\n{}\r\n\r\n", vec![json!({})]),
            ("Content-Type: x\r\nContent-Length: 2\r\n\r\n{}", vec![json!({})]),
            ("Content-Length: 3\r\n\r\n{é", vec![json!("the message is not")]),
            ("Content-Length: 4\r\n\r\n{é}", vec![json!("the message is not")]),
            ("Content-Length: x\r\n\r\n", vec![json!("the header has no")]),
            ("Content-Length: -1\r\n\r\n", vec![json!("the header has no")]),
            ("Content-Length: 9\r\n\r\n{}", vec![]),
            (&huge, vec![json!("the message has 40000000")]),
        ] {
            assert_eq!(all(stream), want);
            if !stream.ends_with("\n{}") || want.is_empty() {
                continue;
            }
            let both = [want, vec![json!({})]].concat();
            assert_eq!(all(&format!("{stream}{good}")), both);
        }
        assert_eq!(all(&format!("{huge}{good}")).last(), Some(&json!({})));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut bytes = Vec::new();
        write(&mut bytes, &json!({"é": [1]})).unwrap();
        let mut input = bytes.as_slice();
        assert_eq!(read(&mut input).unwrap(), Some(Frame::Message(json!({"é": [1]}))));
        assert_eq!(read(&mut input).unwrap(), None);
    }
}
