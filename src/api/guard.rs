//! Guards: may this request come in, and what may a browser do with the answer?
//!
//! ```text
//! Host    ─ a name of ours?   else 403   (another site's name that points here: DNS rebinding)
//! Origin  ─ our own page?     else 403   (another site's page that makes a rep act: CSRF)
//! answer  ─ in time?          else 408
//!         ─ our scripts and styles only, in no frame, of the type that it says
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::api::HttpConfig;
use crate::api::Services;
use crate::api::problem::Problem;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Refuses what comes under a foreign name or from a foreign page.
pub(super) async fn admit(
    State(services): State<Arc<Services>>,
    request: Request,
    next: Next,
) -> Response {
    let authority = request.uri().authority().map(|a| a.as_str().to_owned());
    let host = authority.or_else(|| text(request.headers(), &header::HOST).map(str::to_owned));
    let Some(host) = host else {
        return Problem::bad_request("The request has no `Host`: send one.").into_response();
    };
    // A browser that was led here by a foreign name has no token to show.
    let shows_token = request.headers().contains_key(header::AUTHORIZATION);
    if !shows_token && !is_ours(&host, &services.http) {
        let host: String = host.chars().take(100).collect();
        tracing::warn!(host, "refused a request under a foreign name");
        let detail = format!("This server is not {host}: add the name to http.hosts if it is.");
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    if !request.method().is_safe() && is_foreign(request.headers(), &host) {
        tracing::warn!(host, "refused a change that a foreign page asked for");
        let detail = "Another site's page may not act here: use this server's own pages.";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

/// Gives up what takes too long; a live stream has answered when it begins.
pub(super) async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        let detail =
            "It took too long, and may have been done all the same: look before you repeat it.";
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
    })
}

/// Tells browsers to be strict.
pub(super) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether we go by this name; the port is left out of it.
fn is_ours(host: &str, config: &HttpConfig) -> bool {
    // Everybody has to sign in there; what a foreign page gets by a foreign name carries no cookie.
    if !config.listen.ip().is_loopback() && config.hosts.is_empty() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_loopback
        || name.eq_ignore_ascii_case("localhost")
        || bare == config.listen.ip().to_string()
        || config.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a browser says that another site's page asks.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        !origin.is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_a_problem_like_others() {
        let limit = Duration::from_millis(5);
        let router = Router::new()
            .route("/", get(std::future::pending::<()>))
            .layer(from_fn(move |request, next| in_time(limit, request, next)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        socket.write_all(b"GET / HTTP/1.0\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        for want in ["HTTP/1.0 408", "application/problem+json", "look before you repeat it"] {
            assert!(answer.contains(want), "no `{want}` in {answer}");
        }
    }

    #[test]
    fn only_our_own_names_are_ours() {
        let config =
            HttpConfig { hosts: vec!["siaga.example".to_owned()], ..HttpConfig::default() };
        for (host, want) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("[::1]:8080", true),
            ("siaga.example:443", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:8080", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, &config), want, "{host}");
        }
    }
}
