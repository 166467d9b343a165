//! Mail: a text and a page, one thread an alert, and the digest.
//!
//! ```text
//! opened   Message-ID: <t.THREAD@example.com>
//! changed  Message-ID: <d.DELIVERY@example.com>   In-Reply-To, References: <t.THREAD@example.com>
//! ```
//!
//! Message ids come from the delivery's id, so that an attempt which was accepted and is made again
//! is one mail to a mailbox that looks at them. What goes into a header is one line without controls
//! before the mail library encodes it; HTML is escaped by its template.

use std::time::Duration;
use std::time::SystemTime;

use askama::Template;
use lettre::AsyncSmtpTransport;
use lettre::AsyncTransport;
use lettre::Tokio1Executor;
use lettre::message::Mailbox;
use lettre::message::MultiPart;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Tls;
use lettre::transport::smtp::client::TlsParameters;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::words;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;

/// A mail server.
pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: Server,
    sender: Sender,
}

/// Where mail is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
}

/// How the way to the server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the first byte: `smtps://`.
    Tls,
    /// TLS after STARTTLS, or nothing is sent: `smtp://`.
    StartTls,
    /// None: `smtp+plain://`, for a server on this machine or in your own network.
    Plain,
}

/// Who writes, and to whom.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) from: Mailbox,
    /// Where mail for nobody by name goes.
    pub(super) to: Vec<String>,
    /// How an address is made of a rep's id: `{rep}@example.com`.
    pub(super) pattern: Option<String>,
    /// What `List-Unsubscribe` says.
    pub(super) unsubscribe: String,
}

/// One alert in a mail.
struct Card {
    colour: &'static str,
    summary: String,
    who: String,
    stake: String,
    play: String,
    description: String,
    reasons: Vec<(String, String)>,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlMail<'a> {
    title: &'a str,
    state: &'a str,
    cards: &'a [Card],
    footer: &'a str,
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct TextMail<'a> {
    title: &'a str,
    state: &'a str,
    cards: &'a [Card],
    footer: &'a str,
}

impl Server {
    /// Reads `smtps://host`, `smtp://host:587` or `smtp+plain://127.0.0.1:25`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let (security, usual) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _ => return None,
        };
        let (host, port) = match rest.trim_end_matches('/').rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (rest.trim_end_matches('/'), usual),
        };
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
        (!host.is_empty() && host.chars().all(is_name)).then(|| {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            Self { host, port, security }
        })
    }
}

impl Email {
    /// Fails where the system has no TLS to offer.
    pub(super) fn new(
        server: Server,
        credentials: Option<(String, String)>,
        sender: Sender,
        timeout: Duration,
    ) -> Result<Self, String> {
        let parameters = || TlsParameters::new(server.host.clone()).map_err(|e| e.to_string());
        let tls = match server.security {
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::StartTls => Tls::Required(parameters()?),
            Security::Plain => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host);
        let mut builder = builder.port(server.port).tls(tls).timeout(Some(timeout));
        if let Some((user, password)) = credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self { transport: builder.build(), server, sender })
    }

    fn mail(&self, message: &Message) -> Result<(lettre::Message, String), RenderError> {
        let mail_error = |error: &dyn std::fmt::Display| RenderError::Mail(error.to_string());
        let (title, state, thread) = match message.about {
            About::Digest => (words::digest_title(message), String::new(), None),
            _ => {
                let alert = message.alert()?;
                let title = words::headline(message, alert);
                (title, words::state(alert), Some(self.thread(message, alert)))
            }
        };
        let cards: Vec<Card> =
            message.alerts.iter().map(|alert| Card::new(message, alert)).collect();
        let footer = "You get this because you look after this customer. Your hours and how much you \
                      get a day are set by whoever runs Siaga.";
        let parts = (title.as_str(), state.as_str(), cards.as_slice(), footer);
        let html = HtmlMail { title: parts.0, state: parts.1, cards: parts.2, footer }.render()?;
        let text = TextMail { title: parts.0, state: parts.1, cards: parts.2, footer }.render()?;
        let own = format!("<d.{}@{}>", message.id, self.sender.from.email.domain());
        let is_first = matches!(message.about, About::Opened);
        let id = thread.clone().filter(|_| is_first).unwrap_or(own);
        let sent_at = Duration::from_millis(message.sent_at.millis().unsigned_abs());
        let mut builder = lettre::Message::builder()
            .from(self.sender.from.clone())
            .date(SystemTime::UNIX_EPOCH + sent_at)
            .message_id(Some(id))
            .subject(subject(message, &title));
        for to in message.address.split(',').map(str::trim) {
            builder = builder.to(to.parse().map_err(|_| {
                RenderError::Mail(format!("`{}` is no mail address", words::line(to)))
            })?);
        }
        if let Some(thread) = thread.filter(|_| !is_first) {
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        for (name, value) in [
            ("List-Unsubscribe", self.sender.unsubscribe.clone()),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Siaga-Delivery", message.id.clone()),
        ] {
            let name = HeaderName::new_from_ascii_str(name);
            builder = builder.raw_header(HeaderValue::new(name, value));
        }
        let parts = MultiPart::alternative_plain_html(text, html.clone());
        let mail = builder.multipart(parts).map_err(|error| mail_error(&error))?;
        Ok((mail, html))
    }

    /// The id of the first mail of an alert to this address.
    fn thread(&self, message: &Message, alert: &Alert) -> String {
        let id = AlertId::new("thread", "email", &alert.id.to_string(), &message.address);
        format!("<t.{id}@{}>", self.sender.from.email.domain())
    }
}

/// All mails of an alert have one subject, or mailboxes part them.
fn subject(message: &Message, title: &str) -> String {
    match message.alerts.first().filter(|_| message.about != About::Digest) {
        Some(alert) => {
            let again = if message.about == About::Opened { "" } else { "Re: " };
            let more = match message.alerts.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!("{again}{}{more}", words::line(&alert.summary))
        }
        None => title.to_owned(),
    }
}

impl Card {
    fn new(message: &Message, alert: &Alert) -> Self {
        let reasons = alert.reasons.iter().filter(|reason| reason.name != "when");
        let reasons = reasons.map(|reason| (words::line(&reason.name), words::line(&reason.value)));
        Self {
            colour: words::colour(alert.severity),
            summary: words::line(&alert.summary),
            who: words::who(alert),
            stake: words::stake(alert),
            play: words::play(alert),
            description: words::line(&alert.description),
            reasons: if message.about == About::Digest { Vec::new() } else { reasons.collect() },
            page: message.page(alert),
        }
    }
}

/// What an error of the mail server means.
fn attempt(error: &smtp::Error) -> Attempt {
    let reason = words::line(&error.to_string());
    if error.is_permanent() {
        return Attempt::Refused(reason);
    }
    if error.is_transient() {
        return Attempt::Failed { reason, after: None, kind: "status" };
    }
    // Without a connection nothing was sent; anything else may have broken off behind the text.
    if reason.to_ascii_lowercase().contains("connection error") || error.is_tls() {
        return Attempt::Failed { reason, after: None, kind: "connect" };
    }
    Attempt::Uncertain(reason)
}

impl Channel for Email {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn address(&self, id: &str, person: Option<&Person>) -> Result<String, String> {
        let own = person.and_then(|person| person.email.clone());
        let made = || {
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
            let pattern = self.sender.pattern.as_ref()?;
            (!id.is_empty() && id.chars().all(is_word)).then(|| pattern.replace("{rep}", id))
        };
        let common = || (!self.sender.to.is_empty()).then(|| self.sender.to.join(", "));
        own.or_else(made).or_else(common).ok_or_else(|| match id {
            "" => "nobody to write to: set `email.to`, or `to` of the receiver".to_owned(),
            id => format!("{id} has no mail address: set people.{id}.email, or `email.address`"),
        })
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let (mail, html) = self.mail(message)?;
        let Server { host, port, .. } = &self.server;
        let head = format!("SMTP {host}:{port}\n");
        Ok(Rendered { head, body: mail.formatted(), html: Some(html) })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            match self.mail(message) {
                Ok((mail, _)) => match self.transport.send(mail).await {
                    Ok(_) => Attempt::Accepted(String::new()),
                    Err(error) => attempt(&error),
                },
                Err(error) => Attempt::Refused(error.to_string()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertState;
    use crate::delivery::channel::config::tests::message;
    use crate::delivery::inbox::sample;

    fn email() -> Email {
        let server = Server::parse("smtp+plain://127.0.0.1:2525").unwrap();
        let sender = Sender {
            from: "Siaga <siaga@example.com>".parse().unwrap(),
            to: Vec::new(),
            pattern: Some("{rep}@example.com".to_owned()),
            unsubscribe: "<mailto:siaga@example.com?subject=unsubscribe>".to_owned(),
        };
        Email::new(server, None, sender, Duration::from_secs(1)).unwrap()
    }

    fn written(message: &Message) -> String {
        String::from_utf8(email().render(message).unwrap().body).unwrap()
    }

    fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
        let head = mail.split("\r\n\r\n").next().unwrap();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[test]
    fn the_mails_of_an_alert_make_a_thread() {
        let mut message = message(sample::alert("c1", Some("12.5")));
        message.address = "r1@example.com".to_owned();
        let first = written(&message);
        let id = header(&first, "Message-ID").unwrap();
        assert!(id.starts_with("<t.") && id.ends_with("@example.com>"), "{id}");
        assert_eq!(header(&first, "References"), None);
        assert_eq!(
            header(&first, "List-Unsubscribe").map(|text| text.contains("mailto:")),
            Some(true)
        );
        assert_eq!(header(&first, "Date"), Some("Tue, 04 Mar 2025 09:30:00 +0000"));
        let by_ann = AlertState::Acknowledged { by: "ann".to_owned(), at: message.sent_at };
        message.alerts[0].state = by_ann;
        message.about = About::Changed;
        message.id = "another".to_owned();
        let second = written(&message);
        assert_eq!(header(&second, "References"), Some(id));
        assert_eq!(header(&second, "In-Reply-To"), Some(id));
        assert_eq!(header(&second, "Message-ID"), Some("<d.another@example.com>"));
        assert_eq!(header(&second, "Subject"), Some("Re: c1 has gone quiet"));
        assert!(second.contains("ann is on it."), "{second}");
    }

    #[test]
    fn a_customers_text_makes_no_header_and_no_markup() {
        let mut alert = sample::alert("c1", None);
        alert.summary = "Hi\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>".to_owned();
        alert.entity_name = Some("<img src=x onerror=alert(2)>\r\n.\r\nQUIT".to_owned());
        let mut message = message(alert);
        message.address = "r1@example.com".to_owned();
        let rendered = email().render(&message).unwrap();
        let mail = String::from_utf8(rendered.body).unwrap();
        assert_eq!(header(&mail, "Bcc"), None, "{mail}");
        let subject = header(&mail, "Subject").unwrap();
        assert!(subject.starts_with("Hi Bcc: all@example.com"), "{subject}");
        let html = rendered.html.unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        for bad in ["r1@example.com\r\nBcc: x@example.com", "nobody", ""] {
            message.address = bad.to_owned();
            let error = email().render(&message).unwrap_err().to_string();
            assert!(error.contains("is no mail address"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_address_is_the_persons_else_made_of_the_id() {
        let email = email();
        let person = Person { email: Some("maya@example.org".to_owned()), ..Person::default() };
        assert_eq!(email.address("r1", Some(&person)), Ok("maya@example.org".to_owned()));
        assert_eq!(email.address("r1", None), Ok("r1@example.com".to_owned()));
        for id in ["", "r1, all", "r1@evil.example\r\nBcc"] {
            assert!(email.address(id, None).is_err(), "{id}");
        }
    }

    #[test]
    fn a_server_has_a_scheme_that_says_how_it_is_kept_secret() {
        for (text, want) in [
            ("smtps://mail.example.com", Some(("mail.example.com", 465, Security::Tls))),
            ("smtp://mail.example.com:25/", Some(("mail.example.com", 25, Security::StartTls))),
            ("smtp+plain://127.0.0.1:2525", Some(("127.0.0.1", 2525, Security::Plain))),
            ("mail.example.com", None),
            ("smtp://", None),
            ("smtp://a b", None),
            ("smtp://a:port", None),
        ] {
            let got = Server::parse(text);
            let got = got.as_ref().map(|s| (s.host.as_str(), s.port, s.security));
            assert_eq!(got, want, "{text}");
        }
    }
}
