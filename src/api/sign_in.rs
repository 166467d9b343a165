//! Signing in and out, and the link by which the first account is made.
//!
//! ```text
//! GET /sign-in?next=… ─► POST /sign-in ─► cookie, back to where one wanted to go
//!                        POST /sign-in/demo: by one click, in the demo only
//! GET /setup?key=…    ─► POST /setup    ─► the first account, signed in
//!                        POST /sign-out ─► the session ends, here and in open streams
//! ```
//!
//! The cookie is out of reach of scripts, goes to no other site, and over TLS only where the browser
//! came by TLS. A form of another site is refused by `guard`, so nobody is signed in as somebody
//! else unawares.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::Form;
use axum::extract::ConnectInfo;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use serde::Deserialize;

use crate::access::AccessError;
use crate::access::address::encoded;
use crate::access::role::Role;
use crate::access::session::SignIn;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::COOKIE;
use crate::api::gate::Caller;
use crate::api::pages::frame::Frame;
use crate::api::pages::html;
use crate::api::problem::Problem;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    name: String,
    refusal: Option<String>,
    /// What stands on the button that leads to the company's directory.
    directory: Option<String>,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    key: String,
    name: String,
    refusal: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Key {
    key: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Given {
    name: String,
    password: String,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    role: String,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct First {
    key: String,
    name: String,
    password: String,
}

type Filled<T> = Result<Form<T>, FormRejection>;
type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// Where to sign in, to be led to `next` afterwards.
pub(super) fn address(next: &str) -> String {
    if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", encoded(next)) }
}

/// `GET /sign-in`
pub(super) async fn page(
    State(services): State<Arc<Services>>,
    Query(asked): Query<Asked>,
) -> Response {
    sign_in_page(&services, StatusCode::OK, (local(asked.next), String::new()), None)
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(services): State<Arc<Services>>,
    peer: Peer,
    headers: HeaderMap,
    form: Filled<Given>,
) -> Result<Response, Problem> {
    let Form(Given { name, password, next }) = filled(form)?;
    let next = local(next);
    let from = peer.map(|Extension(ConnectInfo(address))| address.ip());
    let shown: String = name.chars().take(64).collect();
    let hashing = services.hashing.acquire().await.map_err(|error| Problem::internal(&error))?;
    let done =
        blocking(&services, move |services| Ok(services.access.sign_in(&name, &password, from)?));
    let done = done.await?;
    drop(hashing);
    Ok(match done {
        SignIn::Welcome(cookie) => welcome(&cookie, &headers, &next),
        SignIn::Wrong => {
            let refusal = "Name or password is wrong.".to_owned();
            sign_in_page(&services, StatusCode::UNAUTHORIZED, (next, shown), Some(refusal))
        }
        SignIn::Wait(seconds) => {
            let refusal = format!("Too many attempts: try again in {seconds} s.");
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut page = sign_in_page(&services, status, (next, shown), Some(refusal));
            page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            page
        }
    })
}

/// `POST /sign-in/demo`
pub(super) async fn demo(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    form: Filled<Chosen>,
) -> Result<Response, Problem> {
    let Form(Chosen { role, next }) = filled(form)?;
    if !services.http.demo {
        return Err(Problem::missing("Only the demo signs in by one click."));
    }
    let role = Role::from_name(&role).ok_or_else(|| Problem::bad_request("No such role."))?;
    let cookie =
        blocking(&services, move |services| Ok(services.access.begin_session(role.name())?));
    Ok(welcome(&cookie.await?, &headers, &local(next)))
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    blocking(&services, move |services| {
        let cookie = caller.credentials.cookie().unwrap_or_default();
        Ok(services.access.sign_out(cookie)?)
    })
    .await?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, "", "; Max-Age=0", &headers);
    Ok(response)
}

/// `GET /setup`
pub(super) async fn setup_page(
    State(services): State<Arc<Services>>,
    Query(Key { key }): Query<Key>,
) -> Result<Response, Problem> {
    let key = key.unwrap_or_default();
    let asked = key.clone();
    let is_good = blocking(&services, move |services| Ok(services.access.is_setup(&asked)?));
    if !is_good.await? {
        return Err(spent());
    }
    Ok(first_page(&services, StatusCode::OK, (key, String::new()), None))
}

/// `POST /setup`
pub(super) async fn setup(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    form: Filled<First>,
) -> Result<Response, Problem> {
    let Form(First { key, name, password }) = filled(form)?;
    let (shown, again): (String, _) = (name.chars().take(64).collect(), key.clone());
    let hashing = services.hashing.acquire().await.map_err(|error| Problem::internal(&error))?;
    let done = blocking(&services, move |services| {
        let access = &services.access;
        match access.set_up(&key, &name, &password) {
            Ok(true) => Ok(Ok(access.begin_session(&name.to_ascii_lowercase())?)),
            Ok(false) => Err(spent()),
            Err(error @ (AccessError::Name(_) | AccessError::Password(_))) => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    });
    let done = done.await?;
    drop(hashing);
    Ok(match done {
        Ok(cookie) => welcome(&cookie, &headers, "/"),
        Err(refusal) => {
            first_page(&services, StatusCode::BAD_REQUEST, (again, shown), Some(refusal))
        }
    })
}

fn spent() -> Problem {
    Problem::missing("This link was used, or is not the newest: `siaga users add` makes accounts.")
}

fn filled<T>(form: Filled<T>) -> Result<Form<T>, Problem> {
    form.map_err(|error| Problem::new(error.status(), error.body_text()))
}

/// A path of our own, whatever was asked for.
pub(super) fn local(next: Option<String>) -> String {
    let next = next.unwrap_or_default();
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { next } else { "/".to_owned() }
}

pub(super) fn welcome(cookie: &str, headers: &HeaderMap, next: &str) -> Response {
    let mut response = Redirect::to(next).into_response();
    set_cookie(&mut response, cookie, "", headers);
    response
}

/// Whether the browser came by TLS, as a proxy in front of us says.
pub(super) fn is_by_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

fn set_cookie(response: &mut Response, value: &str, age: &str, headers: &HeaderMap) {
    let secure = if is_by_tls(headers) { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

pub(super) fn sign_in_page(
    services: &Services,
    status: StatusCode,
    (next, name): (String, String),
    refusal: Option<String>,
) -> Response {
    let frame = Frame::of_nobody(services);
    let directory = services.oidc.as_ref().map(|provider| provider.label().to_owned());
    let page = SignInPage { frame, next, name, refusal, directory };
    (status, html(&page)).into_response()
}

fn first_page(
    services: &Services,
    status: StatusCode,
    (key, name): (String, String),
    refusal: Option<String>,
) -> Response {
    let frame = Frame::of_nobody(services);
    let page = SetupPage { frame, key, name, refusal };
    (status, html(&page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for (next, want) in [
            ("/?owner=rep:r1", "/?owner=rep:r1"),
            ("/alerts/1", "/alerts/1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nset-cookie: x=y", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(Some(next.to_owned())), want, "{next}");
        }
        assert_eq!(address("/?q=a&b"), "/sign-in?next=%2F%3Fq%3Da%26b");
    }
}
