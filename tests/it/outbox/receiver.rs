//! A receiver of webhooks that answers as it is told, by the number of the request.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;

/// What it does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status and more headers.
    Status(u16, &'static str),
    /// A body, with status 200.
    Json(String),
    /// Takes everything in, and says nothing.
    Hang,
    /// Takes everything in, and breaks the connection off.
    ResetAfterAccepting,
}

/// A request that came in whole.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the receiver took it, be it without saying so.
    pub(crate) is_accepted: bool,
}

type Script = dyn Fn(usize) -> Answer + Send + Sync;

/// A server on a port of its own; it ends with the process.
pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(crate) fn start(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&requests));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                std::thread::spawn(move || serve(socket, &*script, &seen));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection; ends with it.
fn serve(socket: TcpStream, script: &Script, seen: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    let mut socket = socket;
    loop {
        let mut request = read(&mut reader)?;
        let answer = {
            let mut seen = seen.lock().ok()?;
            let answer = script(seen.len());
            request.is_accepted = matches!(
                answer,
                Answer::Status(200..=299, _) | Answer::Json(_) | Answer::ResetAfterAccepting
            );
            seen.push(request);
            answer
        };
        let (status, headers, body) = match answer {
            Answer::Status(status, headers) => (status, headers, String::new()),
            Answer::Json(body) => (200, "content-type: application/json\r\n", body),
            // Until the other side gives up.
            Answer::Hang => return reader.read_to_end(&mut Vec::new()).map(drop).ok(),
            Answer::ResetAfterAccepting => return None,
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n");
        socket.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, body, is_accepted: false })
}
