//! Mail to a server that takes it, puts it off or refuses it: what arrives, and as which thread?

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use siaga::alert::Alert;
use siaga::delivery::outbox::Status;
use siaga::engine::Output;
use siaga::time;

use crate::outbox::Post;
use crate::outbox::alert;

/// A mail server that answers the end of the n-th text with this.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(usize) -> &'static str + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), Arc::clone(&mails));
        std::thread::spawn(move || {
            let number = Arc::new(AtomicUsize::new(0));
            for socket in listener.incoming().flatten() {
                let (answer, number, kept) =
                    (Arc::clone(&answer), Arc::clone(&number), Arc::clone(&kept));
                std::thread::spawn(move || converse(&socket, &*answer, &number, &kept));
            }
        });
        Self { address, mails }
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

/// RFC 5321, as much of it as a client needs to hand in mail.
fn converse(
    mut socket: &TcpStream,
    answer: &(dyn Fn(usize) -> &'static str + Send + Sync),
    number: &AtomicUsize,
    kept: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    let mut say = |line: &str| socket.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 test ESMTP")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.get(..4)?.to_ascii_uppercase().as_str() {
            "EHLO" => say("250-test\r\n250 8BITMIME")?,
            "DATA" => {
                say("354 go on")?;
                let mut mail = String::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).ok()?;
                    if line == ".\r\n" {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                let said = answer(number.fetch_add(1, Ordering::SeqCst));
                if said.starts_with('2') {
                    kept.lock().ok()?.push(mail);
                }
                say(said)?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 fine")?,
        }
    }
}

/// What a header of this name says, if there is one.
pub(crate) fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    let head = mail.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn mail_is_put_off_and_taken_refused_and_dead_and_makes_threads() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|number| match number {
        0 => "451 later",
        2 => "550 no such mailbox",
        _ => "250 taken",
    });
    let mut post = Post::new(folder.path());
    post.start(&format!(
        "[delivery]\ngroup_wait = '0s'\npages = 'https://siaga.example.com'\n\
         [channels.mail]\nemail.server = 'smtp+plain://{}'\nemail.from = 'Siaga <siaga@example.com>'\n\
         email.address = '{{rep}}@example.com'\nat_once = 1\nfirst_pause = '1ms'\n",
        server.address
    ));
    let hostile = Alert {
        entity_name: Some("Acme\r\n.\r\nQUIT\r\n<script>".to_owned()),
        summary: "Ünlü & <b>Söhne</b>\r\nBcc: all@example.com".to_owned(),
        ..alert("c1", time::now())
    };
    let id = hostile.id;
    post.tell(&[Output::Opened { alert: Box::new(hostile), arrived: None }]);
    post.wait_for(1, Status::Delivered);
    post.open("c2");
    post.wait_for(1, Status::Dead);
    let at = time::now();
    let reason = siaga::alert::CloseReason::Expired;
    let state = siaga::alert::AlertState::Closed { at, reason };
    post.tell(&[Output::Changed { id, state, at }]);
    post.wait_for(2, Status::Delivered);
    post.stop();

    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "To"), Some("r1@example.com"));
    assert_eq!(header(&mails[0], "Bcc"), None);
    let (text, html) = mails[0].split_once("text/html").unwrap();
    assert!(text.contains("text/plain"));
    assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    let thread = header(&mails[0], "Message-ID");
    assert_eq!(header(&mails[1], "References"), thread);
    assert_eq!(header(&mails[1], "In-Reply-To"), thread);
    assert_ne!(header(&mails[1], "Message-ID"), thread);
    let dead = post.list().into_iter().find(|delivery| delivery.status == Status::Dead).unwrap();
    assert!(dead.reason.contains("550"), "{}", dead.reason);
}
