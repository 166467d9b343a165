//! The way out by HTTP: which addresses may we send to, and what does an answer mean?
//!
//! ```text
//! url ─► https? ─► host an address? ─► is it public?
//!                  host a name?     ─► resolver ─► only public addresses ─► connect to these
//! ```
//!
//! Whoever may write a configuration or change a name server must not reach through us what only we
//! can reach: the loopback, private networks, a cloud's metadata. So addresses are checked inside of
//! the resolver, where no second look-up can give another answer (DNS rebinding), and no redirect is
//! followed. No proxy of the environment is used, which would look names up for itself.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::Url;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;
use reqwest::header::HeaderMap;
use reqwest::header::RETRY_AFTER;

use crate::delivery::channel::Attempt;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Which addresses a channel may send to, beside public ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// This machine, also without TLS.
    pub loopback: bool,
    /// Private networks, also without TLS.
    pub private: bool,
}

/// A destination that was checked as far as it can be without a look-up.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No URL, or one for something else.
    #[error("is no web address: write e.g. `https://example.com/hook`")]
    Format,
    /// Not encrypted.
    #[error(
        "is not encrypted: write `https://`; `http://` is for this machine with \
         `allow_loopback = true`, and for your own network with `allow_private = true`"
    )]
    Plain,
    /// A name and a password in front of the host.
    #[error("carries a user or a password: leave out what stands before the `@`")]
    Credentials,
    /// An address that is not public.
    #[error(
        "leads to {0}, which is not public: set `allow_loopback` for this machine or \
         `allow_private` for your own network, if that is meant"
    )]
    Address(IpAddr),
}

/// Sends, within its reach.
#[derive(Clone)]
pub struct Egress {
    client: Client,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// How long it asks to wait.
    pub retry_after: Option<Span>,
    /// The first bytes of its body, as a text.
    pub body: String,
}

/// How far an address lies away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Public,
    Private,
    Loopback,
    /// Link-local, multicast, unassigned, or of a cloud's metadata: nothing to send to.
    Never,
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        match zone(address) {
            Zone::Public => true,
            Zone::Private => self.private,
            Zone::Loopback => self.loopback,
            Zone::Never => false,
        }
    }
}

fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(address) => zone_v4(address),
        IpAddr::V6(address) => zone_v6(address),
    }
}

/// By the IANA IPv4 special-purpose address registry.
fn zone_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        [127, ..] => Zone::Loopback,
        [10, ..] | [192, 168, ..] => Zone::Private,
        [172, second, ..] if (16..32).contains(&second) => Zone::Private,
        [100, second, ..] if (64..128).contains(&second) => Zone::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Zone::Never
        }
        [198, 18 | 19, ..] | [192, 88, 99, _] | [224..=255, ..] => Zone::Never,
        _ => Zone::Public,
    }
}

/// By the IANA IPv6 special-purpose address registry; an address within an address counts as that.
fn zone_v6(address: Ipv6Addr) -> Zone {
    // The address of a cloud's metadata lies within a private range.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let within = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        zone_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Zone::Loopback,
        // Mapped, compatible, translated (RFC 6052), and 6to4 addresses.
        [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => within(high, low),
        _ if address == METADATA => Zone::Never,
        [0xfc00..=0xfdff, ..] => Zone::Private,
        [0x64, 0xff9b, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, ..] => Zone::Never,
        // What is assigned as global unicast.
        [0x2000..=0x3fff, ..] => Zone::Public,
        _ => Zone::Never,
    }
}

impl Endpoint {
    /// Reads a destination; the message of an error follows the name of its key.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, EndpointError> {
        let url = Url::parse(text.trim()).map_err(|_| EndpointError::Format)?;
        // The URL's parser has made 127.0.0.1 of 2130706433, 0x7f.1 and the like.
        let host = url.host_str().ok_or(EndpointError::Format)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>().ok();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Credentials);
        }
        if let Some(address) = address.filter(|address| !reach.allows(*address)) {
            return Err(EndpointError::Address(address));
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            // Unencrypted to a public address is never right; the resolver sees to that for names.
            "http" if address.is_some_and(|a| zone(a) == Zone::Public) => Err(EndpointError::Plain),
            "http" if reach.private || reach.loopback => Ok(Self(url)),
            "http" => Err(EndpointError::Plain),
            _ => Err(EndpointError::Format),
        }
    }

    /// Its path made longer.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        Self(url)
    }

    /// Host and port, which are no secret; the path may be one.
    pub fn shown(&self) -> String {
        let port = self.0.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}/…", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// Looks names up, and leaves out the addresses that may not be reached.
struct Guarded {
    reach: Reach,
    is_encrypted: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { reach, is_encrypted } = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let fits = |ip: IpAddr| reach.allows(ip) && (is_encrypted || zone(ip) != Zone::Public);
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| fits(address.ip())).collect();
            match found.first() {
                Some(first) if allowed.is_empty() && reach.allows(first.ip()) => {
                    Err(EndpointError::Plain.into())
                }
                Some(first) if allowed.is_empty() => Err(EndpointError::Address(first.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

impl Egress {
    /// Bytes of an answer that are read.
    const BODY_BYTES_MAX: usize = 64 * 1024;

    /// A way to this destination. Fails where the system has no TLS to offer.
    pub fn new(to: &Endpoint, reach: Reach, timeout: Duration) -> Result<Self, String> {
        let is_encrypted = to.0.scheme() == "https";
        let client = Client::builder()
            .dns_resolver(Arc::new(Guarded { reach, is_encrypted }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .timeout(timeout)
            .pool_max_idle_per_host(4)
            .user_agent(concat!("siaga/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(|client| Self { client }).map_err(|error| error.without_url().to_string())
    }

    /// Posts a body; a broken attempt says whether it may have arrived.
    pub async fn post(
        &self,
        to: &Endpoint,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Reply, Attempt> {
        let request = self.client.post(to.0.clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| broken(&error))?;
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|text| retry_after(text, time::now()));
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        // The status has decided it: a body that breaks off changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= Self::BODY_BYTES_MAX {
                break;
            }
        }
        Ok(Reply { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// What a request that got no answer means.
fn broken(error: &reqwest::Error) -> Attempt {
    // The innermost cause says what it was; the URL, which may be a secret, is in none of them.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let reason =
        if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    if error.is_connect() || error.is_builder() || error.is_dns() {
        let kind = if error.is_timeout() { "timeout" } else { "connect" };
        return Attempt::Failed { reason, after: None, kind };
    }
    Attempt::Uncertain(reason)
}

/// Seconds, or a date (RFC 9110, 10.2.3), as a time to wait; what is neither is no wish.
fn retry_after(text: &str, now: Timestamp) -> Option<Span> {
    let longest = Span::DAY;
    let span = match text.trim().parse::<u32>() {
        Ok(seconds) => Span::from_millis(i64::from(seconds) * 1_000),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
            Timestamp::saturating(date.timestamp().as_millisecond()) - now
        }
    };
    Some(span.clamp(Span::ZERO, longest))
}

impl Reply {
    const SHOWN_CHARS_MAX: usize = 160;

    /// What it means where only the status speaks.
    pub fn attempt(&self) -> Attempt {
        let reason = || {
            let line = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
            let line: String = line.chars().take(Self::SHOWN_CHARS_MAX).collect();
            format!("status {}{}{line}", self.status, if line.is_empty() { "" } else { ": " })
        };
        match self.status {
            200..=299 => Attempt::Accepted(String::new()),
            410 => Attempt::Gone(reason()),
            408 | 425 | 429 | 500..=599 => {
                let kind = if self.status == 429 { "rate_limited" } else { "status" };
                Attempt::Failed { reason: reason(), after: self.retry_after, kind }
            }
            300..=399 => Attempt::Refused(format!("{}: redirects are not followed", reason())),
            _ => Attempt::Refused(reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Reach = Reach { loopback: false, private: false };

    #[test]
    fn only_public_addresses_are_reached() {
        for (address, want) in [
            ("93.184.216.34", Zone::Public),
            ("100.63.255.255", Zone::Public),
            ("127.8.8.8", Zone::Loopback),
            ("0.0.0.0", Zone::Never),
            ("10.1.2.3", Zone::Private),
            ("172.31.255.255", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.0.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("169.254.169.254", Zone::Never),
            ("224.0.0.1", Zone::Never),
            ("255.255.255.255", Zone::Never),
            ("2606:2800:220:1::1", Zone::Public),
            ("::1", Zone::Loopback),
            ("::", Zone::Never),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("::ffff:169.254.169.254", Zone::Never),
            ("::127.0.0.1", Zone::Loopback),
            ("64:ff9b::a00:1", Zone::Private),
            ("64:ff9b:1::1", Zone::Never),
            ("2002:7f00:1::1", Zone::Loopback),
            ("2001:0:53aa:64c::1", Zone::Never),
            ("fd00:ec2::254", Zone::Never),
            ("fd12::1", Zone::Private),
            ("fe80::1", Zone::Never),
            ("ff02::1", Zone::Never),
            ("2001:db8::1", Zone::Never),
        ] {
            assert_eq!(zone(address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn a_destination_is_encrypted_and_public_unless_it_is_said_otherwise() {
        let home = Reach { loopback: true, private: false };
        let network = Reach { loopback: false, private: true };
        for (text, reach, want) in [
            ("https://hooks.example.com/a", NOWHERE, Ok("https://hooks.example.com/…")),
            ("http://hooks.example.com/a", NOWHERE, Err("not encrypted")),
            ("http://93.184.216.34/a", network, Err("not encrypted")),
            ("https://127.0.0.1/a", NOWHERE, Err("127.0.0.1, which is not public")),
            ("https://2130706433/a", NOWHERE, Err("127.0.0.1, which is not public")),
            ("https://0x7f.1/a", NOWHERE, Err("127.0.0.1, which is not public")),
            ("https://[::ffff:10.0.0.1]/a", NOWHERE, Err("which is not public")),
            ("https://169.254.169.254/latest", network, Err("which is not public")),
            ("http://127.0.0.1:9000/a", home, Ok("http://127.0.0.1:9000/…")),
            ("http://10.0.0.7:9093", network, Ok("http://10.0.0.7:9093/…")),
            ("http://10.0.0.7:9093", home, Err("which is not public")),
            ("https://a:b@example.com/", NOWHERE, Err("a user or a password")),
            ("ftp://example.com/", NOWHERE, Err("no web address")),
            ("hooks.example.com", NOWHERE, Err("no web address")),
        ] {
            let got = Endpoint::parse(text, reach);
            match (&got, want) {
                (Ok(endpoint), Ok(shown)) => assert_eq!(endpoint.shown(), shown, "{text}"),
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{text}: {error}");
                }
                _ => panic!("{text}: {:?}", got.map(|endpoint| endpoint.shown())),
            }
        }
    }

    #[tokio::test]
    async fn a_name_is_checked_by_the_addresses_that_it_has() {
        let to = Endpoint::parse("https://localhost:1/secret", NOWHERE).unwrap();
        let egress = Egress::new(&to, NOWHERE, Duration::from_secs(5)).unwrap();
        let attempt = egress.post(&to, HeaderMap::new(), Vec::new()).await.unwrap_err();
        let Attempt::Failed { reason, kind: "connect", .. } = attempt else {
            panic!("{attempt:?}");
        };
        assert!(reason.contains("which is not public") && !reason.contains("secret"), "{reason}");
    }

    #[test]
    fn a_receiver_may_ask_for_time() {
        let now = Timestamp::parse("2025-03-04T09:30:00Z").unwrap();
        for (text, want) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Tue, 04 Mar 2025 09:31:00 GMT", Some(60)),
            ("Tue, 04 Mar 2025 09:29:00 GMT", Some(0)),
            ("4000000000", Some(86_400)),
            ("soon", None),
        ] {
            let got = retry_after(text, now).map(|span| span.millis() / 1_000);
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn an_answer_means_what_its_status_says() {
        let status = |status| Reply { status, retry_after: None, body: String::new() }.attempt();
        for (code, want) in [
            (200, "accepted"),
            (204, "accepted"),
            (301, "refused"),
            (400, "refused"),
            (404, "refused"),
            (408, "failed"),
            (410, "gone"),
            (429, "failed"),
            (500, "failed"),
            (503, "failed"),
        ] {
            let got = match status(code) {
                Attempt::Accepted(_) => "accepted",
                Attempt::Failed { .. } => "failed",
                Attempt::Refused(_) => "refused",
                Attempt::Gone(_) => "gone",
                Attempt::Uncertain(_) => "uncertain",
            };
            assert_eq!(got, want, "{code}");
        }
    }
}
