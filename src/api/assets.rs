//! The pages' own script, style and mark, within the program: nothing is fetched from elsewhere.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::api::problem::Problem;

const ASSETS: [(&str, &str, &str); 3] = [
    ("siaga.css", "text/css; charset=utf-8", include_str!("assets/siaga.css")),
    ("siaga.js", "text/javascript; charset=utf-8", include_str!("assets/siaga.js")),
    ("siaga.svg", "image/svg+xml", include_str!("assets/siaga.svg")),
];

/// `GET /assets/{name}`
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, kind, text) = found.ok_or_else(|| Problem::missing("No asset has this name."))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    Ok((headers, *text).into_response())
}
