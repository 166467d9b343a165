//! The gate before every route: who asks, may that be asked, and does a page of ours ask it?
//!
//! ```text
//! authorization: Bearer ─► token   ─┐                       401 nobody (pages: to the sign-in)
//! cookie                ─► session ─┼─► viewer ─► right? ─► 403 not yours
//! neither, open machine ─► local   ─┘             page's key? 403 (changes by cookie only)
//! ```
//!
//! In the demo, too, a program without credentials is let in as on an open machine: everybody could
//! click. Its pages ask as whom one wants to look.
//!
//! A change that comes with a cookie has to bring the key of its session along, which only our own
//! pages have: a header, or a field of a form (synchroniser token, OWASP's first choice against
//! CSRF; it is a hash of the session's secret, so nothing more is stored, and unlike a doubled cookie
//! it cannot be planted by a neighbouring subdomain). `guard` has looked at the origin before.
//! Tokens need none: a browser does not send them by itself.

use std::sync::Arc;

use axum::body::Body;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use crate::access::AccessError;
use crate::access::role::Right;
use crate::access::role::Scope;
use crate::access::viewer::Viewer;
use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;
use crate::api::routes::Reader;
use crate::api::routes::Route;
use crate::delivery::inbox::people::Sight;

/// Name of the session's cookie.
pub(super) const COOKIE: &str = "siaga_session";
/// Most bytes of a form that a page of ours sends.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// What stands before one route.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) services: Arc<Services>,
    pub(super) route: &'static Route,
}

/// What a request says of who sends it; never to be logged.
#[derive(Clone, Default)]
pub(super) struct Credentials {
    bearer: Option<String>,
    cookie: Option<String>,
    is_program: bool,
}

/// Whoever asks, as the handlers see it.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) viewer: Viewer,
    /// What a page has to send along with every change; only sessions have it.
    pub(super) csrf: Option<String>,
    pub(super) credentials: Credentials,
}

/// Lets a request through to its route, or refuses it.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Gate { services, route } = gate;
    if route.need.is_nothing(&services.http) {
        return next.run(request).await;
    }
    let is_program = matches!(route.reader, Reader::Program(_));
    let credentials = Credentials { is_program, ..Credentials::of(request.headers()) };
    let found = blocking(&services, move |services| Ok(credentials.caller(services)?)).await;
    let caller = match found {
        Ok(Some(caller)) => caller,
        Ok(None) => return unknown(route, &request),
        Err(problem) => return problem.into_response(),
    };
    if !route.need.is_met_by(&caller.viewer) {
        denied(&caller.viewer, route.path);
        let detail = "This account or token may not do that: ask an operator for another role.";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let mut request = match (&caller.csrf, request.method().is_safe()) {
        (Some(csrf), false) => match with_key(request, csrf).await {
            Ok(request) => request,
            Err(problem) => {
                tracing::warn!(who = caller.viewer.key(), route = route.path, "no page's key");
                return problem.into_response();
            }
        },
        _ => request,
    };
    request.extensions_mut().insert(Arc::new(caller));
    next.run(request).await
}

/// Logs a denial: who and where, and nothing of what was asked for.
pub(super) fn denied(viewer: &Viewer, what: &str) {
    tracing::warn!(who = viewer.key(), what, "denied");
}

/// Nobody we know asks.
fn unknown(route: &Route, request: &Request) -> Response {
    if route.reader == Reader::Person {
        let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
        let next = if route.method == "GET" { asked } else { "/" };
        return Redirect::to(&crate::api::sign_in::address(next)).into_response();
    }
    tracing::warn!(route = route.path, "nobody we know asks");
    let detail = "Sign in, or send `authorization: Bearer` with a token: `siaga tokens add` makes \
                  one.";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"siaga\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Lets a request through that carries the key of its session, in a header or in a form.
async fn with_key(request: Request, csrf: &str) -> Result<Request, Problem> {
    let right = |given: &str| bool::from(given.as_bytes().ct_eq(csrf.as_bytes()));
    let refused = || {
        let detail = "The page is out of date: load it again. A program sends a token instead.";
        Problem::new(StatusCode::FORBIDDEN, detail)
    };
    if let Some(given) = request.headers().get("x-csrf-token") {
        return if given.to_str().is_ok_and(right) { Ok(request) } else { Err(refused()) };
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        return Err(refused());
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| refused())?;
    let mut fields = std::str::from_utf8(&body).unwrap_or_default().split('&');
    // The key is of letters that a form does not encode.
    let given = fields.find_map(|field| field.strip_prefix("csrf="));
    if given.is_some_and(right) {
        Ok(Request::from_parts(head, Body::from(body)))
    } else {
        Err(refused())
    }
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let texts = |name| headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok());
        let bearer = texts(header::AUTHORIZATION).next().map(|text| {
            let (scheme, token) = text.split_once(' ').unwrap_or_default();
            let token = if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" };
            token.to_owned()
        });
        let pairs = texts(header::COOKIE).flat_map(|text| text.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        let cookie = pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned());
        Self { bearer, cookie, is_program: false }
    }

    /// The session's cookie, whatever it is worth.
    pub(super) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Who sends them; none where nobody is known by them.
    pub(super) fn caller(&self, services: &Services) -> Result<Option<Caller>, AccessError> {
        let known = |viewer, csrf| Caller { viewer, csrf, credentials: self.clone() };
        // Who shows a token is judged by it alone.
        if let Some(token) = &self.bearer {
            if services.is_inbox(token) {
                let (name, scopes) = ("inbox".to_owned(), vec![Scope::Inbox]);
                return Ok(Some(known(Viewer::Token { name, scopes }, None)));
            }
            return Ok(services.access.bearer(token)?.map(|viewer| known(viewer, None)));
        }
        if let Some(cookie) = &self.cookie
            && let Some(session) = services.access.session(cookie)?
        {
            return Ok(Some(known(session.viewer, Some(session.csrf))));
        }
        let is_of_demo = services.http.demo && self.is_program && self.cookie.is_none();
        let is_open = is_of_demo || services.is_open()?;
        Ok(is_open.then(|| known(Viewer::Local, None)))
    }
}

impl Caller {
    /// Whose alerts and customers may be seen at this moment.
    pub(super) fn sight(&self, services: &Services) -> Sight {
        self.viewer.sight(&services.inbox.people())
    }

    /// Whether what belongs to this owner may be seen; a denial is logged.
    pub(super) fn sees(&self, services: &Services, owner: &str, what: &str) -> bool {
        let sees = self.sight(services).covers(owner);
        if !sees {
            denied(&self.viewer, what);
        }
        sees
    }

    /// Whether what fires in the shadow may be seen.
    pub(super) fn sees_shadow(&self) -> bool {
        self.viewer.may(Right::Rules)
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Name(_)
            | AccessError::Taken(_)
            | AccessError::Unknown(_)
            | AccessError::Person(_)
            | AccessError::Password(_) => Self::bad_request(error.to_string()),
            _ => Self::internal(&error),
        }
    }
}
