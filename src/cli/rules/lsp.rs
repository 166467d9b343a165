//! `siaga rules lsp`: what an editor asks about rule files, answered over standard input and output.
//!
//! ```text
//! stdin ─► frames ─► queue ─► server ─► answers ─► stdout
//!          (thread)    │        │
//!                      │        └─► mistakes, once nothing more waits
//!                      └─ `$/cancelRequest` takes a request out again
//! ```
//!
//! The meaning is in [`assist`](crate::rule::assist), which knows neither the protocol nor a file.
//! The protocol is small enough to be written down here; so messages have a limit, which the usual
//! crate does not give them.

mod answer;
mod documents;
mod frame;
mod position;
mod protocol;
mod server;

use std::collections::VecDeque;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::sync_channel;
use std::thread;

use serde_json::Value;

use crate::cli::rules::LspArgs;
use crate::cli::rules::Terminal;
use crate::cli::rules::Verdict;
use crate::cli::rules::lsp::frame::Frame;
use crate::cli::rules::lsp::protocol::Refusal;
use crate::cli::rules::lsp::server::Next;
use crate::cli::rules::lsp::server::Server;
use crate::time;

/// Most messages that wait; the client waits with more.
const WAITING_MAX: usize = 256;

/// Serves one client until it says goodbye.
pub(super) fn lsp(args: &LspArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Verdict> {
    let trace: Option<&mut dyn Write> = if args.trace { Some(terminal.err) } else { None };
    let polite = serve(io::stdin(), terminal.out, trace)?;
    Ok(if polite { Verdict::Good } else { Verdict::Bad })
}

/// Serves until `exit` or the end of the input; gives whether `shutdown` came first, as the exit
/// code of the protocol wants it.
fn serve(
    input: impl Read + Send + 'static,
    out: &mut dyn Write,
    mut trace: Option<&mut dyn Write>,
) -> io::Result<bool> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    // The thread ends with its input, or with the process.
    thread::Builder::new().name("lsp-input".to_owned()).spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(frame)) = frame::read(&mut input) {
            if sender.send(frame).is_err() {
                return;
            }
        }
    })?;
    let (mut server, mut waiting) = (Server::new(), VecDeque::new());
    let mut says = Vec::new();
    loop {
        let ended = fill(&receiver, &mut waiting, &mut says);
        let started = time::steady();
        let (about, next) = match waiting.pop_front() {
            Some(message) => {
                let method = message.get("method").and_then(Value::as_str);
                let about = trace.as_ref().map(|_| method.unwrap_or("response").to_owned());
                (about, server.take(message, &mut says))
            }
            // One file at a time: whoever asks something meanwhile does not wait for all of them.
            None if server.prepare() => (None, Next::More),
            None => {
                server.publish(&mut says);
                let about = trace.as_ref().filter(|_| !says.is_empty());
                (about.map(|_| "textDocument/publishDiagnostics".to_owned()), Next::Wait)
            }
        };
        if let (Some(trace), Some(about)) = (trace.as_mut(), about) {
            writeln!(trace, "{about} {} µs", started.elapsed().as_micros())?;
        }
        tell(out, &mut says)?;
        match next {
            Next::More => {}
            Next::Exit(polite) => return Ok(polite),
            Next::Wait => match receiver.recv() {
                Ok(frame) => queue(frame, &mut waiting, &mut says),
                Err(_) if ended => return Ok(false),
                Err(_) => {}
            },
        }
    }
}

/// Takes in what has come; gives whether nothing will come any more.
fn fill(receiver: &Receiver<Frame>, waiting: &mut VecDeque<Value>, says: &mut Vec<Value>) -> bool {
    while waiting.len() < WAITING_MAX {
        match receiver.try_recv() {
            Ok(frame) => queue(frame, waiting, says),
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => return true,
        }
    }
    false
}

/// Puts a message in line; one that takes back another finds it there, or it is answered already.
fn queue(frame: Frame, waiting: &mut VecDeque<Value>, says: &mut Vec<Value>) {
    let message = match frame {
        Frame::Message(message) => message,
        Frame::Bad(message) => {
            let refusal = Refusal { code: protocol::PARSE_ERROR, message };
            says.push(protocol::response(&Value::Null, Err(refusal)));
            return;
        }
    };
    if message.get("method").and_then(Value::as_str) != Some("$/cancelRequest") {
        waiting.push_back(message);
        return;
    }
    let Some(id) = message.pointer("/params/id") else { return };
    let place = waiting.iter().position(|waits| waits.get("id") == Some(id));
    if let Some(place) = place {
        waiting.remove(place);
        let refusal = Refusal {
            code: protocol::REQUEST_CANCELLED,
            message: "the request was cancelled".to_owned(),
        };
        says.push(protocol::response(id, Err(refusal)));
    }
}

fn tell(out: &mut dyn Write, says: &mut Vec<Value>) -> io::Result<()> {
    for message in says.drain(..) {
        frame::write(out, &message)?;
    }
    Ok(())
}
