//! What is asked of another process, over its API.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use crate::delivery::channel::secret::Secret;
use crate::delivery::inbox::copy::Place;
use crate::delivery::wire::WireDeed;
use crate::engine::ActionInput;
use crate::engine::port::EntityView;
use crate::engine::port::IngestError;
use crate::event::EntityKind;
use crate::gather::Copies;
use crate::gather::config::GatherConfig;
use crate::gather::config::GatherError;

/// How long a process holds its answer back while it has nothing to tell.
const WAIT: Duration = Duration::from_secs(10);

/// Most bytes of one answer.
const BYTES_MAX: usize = 64 << 20;

/// Asks processes; clones share their connections.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    token: Option<Secret>,
    timeout: Duration,
}

/// Why there is no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// It was not reached, or broke off.
    #[error("{0}")]
    Broken(String),
    /// It says no.
    #[error("it answers {0}: {1}")]
    Refused(u16, String),
    /// It says something else.
    #[error("its answer is not understood, is it of another version? {0}")]
    Form(#[from] serde_json::Error),
    /// It goes on and on.
    #[error("its answer is above {BYTES_MAX} bytes")]
    Endless,
}

/// How a problem is told.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    pub(super) fn new(config: &GatherConfig) -> Result<Self, GatherError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(config.timeout())
            .user_agent(concat!("siaga/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| GatherError::Client(error.to_string()))?;
        Ok(Self { http, token: config.secret()?, timeout: config.timeout() })
    }

    /// What is new behind a place of the inbox of this name; waits for a while where nothing is.
    pub(super) async fn copies(
        &self,
        address: &str,
        from: Option<&(String, Place)>,
        people: &str,
    ) -> Result<Copies, AskError> {
        let mut url = url(address, &["v1", "copies"])?;
        {
            let mut query = url.query_pairs_mut();
            if let Some((inbox, place)) = from {
                query.append_pair("inbox", inbox).append_pair("from", &place.to_string());
            }
            query.append_pair("people", people);
            query.append_pair("wait_s", &WAIT.as_secs().to_string());
        }
        let asked = self.http.get(url).timeout(WAIT + self.timeout);
        Ok(serde_json::from_slice(&self.answer(asked).await?)?)
    }

    /// What a process knows of an entity; none where it has not heard of it.
    pub(super) async fn entity(
        &self,
        address: &str,
        kind: EntityKind,
        id: &str,
    ) -> Result<Option<EntityView>, AskError> {
        let url = url(address, &["v1", "copies", kind.name(), id])?;
        match self.answer(self.http.get(url).timeout(self.timeout)).await {
            Ok(body) => Ok(Some(serde_json::from_slice(&body)?)),
            Err(AskError::Refused(404, _)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands what a sales person did to the process that has the alert.
    pub(super) async fn act(&self, address: &str, did: &ActionInput) -> Result<(), IngestError> {
        let away = |error: AskError| match error {
            AskError::Refused(409, detail) => IngestError::Refused(detail),
            other => IngestError::Away(format!("{address} did not take it: {other}")),
        };
        let alert = did.alert.to_string();
        let url = url(address, &["v1", "alerts", &alert, "actions"]).map_err(away)?;
        let deed =
            crate::alert::Deed { action: did.action.clone(), by: did.by.clone(), at: did.at };
        let mut body = json!(WireDeed::from(&deed));
        // It has a clock of its own.
        if let Some(fields) = body.as_object_mut() {
            fields.remove("at");
        }
        let asked = self.http.post(url).timeout(self.timeout);
        let asked = asked.header(CONTENT_TYPE, "application/json").body(body.to_string());
        self.answer(asked).await.map(|_| ()).map_err(away)
    }

    async fn answer(&self, asked: RequestBuilder) -> Result<Vec<u8>, AskError> {
        let asked = match &self.token {
            Some(token) => asked.bearer_auth(token.reveal()),
            None => asked,
        };
        let mut answer = asked.send().await.map_err(|error| AskError::Broken(why(&error)))?;
        let (status, mut body) = (answer.status(), Vec::new());
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| AskError::Broken(why(&error)))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > BYTES_MAX {
                return Err(AskError::Endless);
            }
        }
        if status.is_success() {
            return Ok(body);
        }
        let told = serde_json::from_slice::<Problem>(&body).map(|problem| problem.detail);
        let detail = told.unwrap_or_else(|_| "no reason".to_owned());
        let detail = detail.chars().filter(|c| !c.is_control()).take(300).collect();
        Err(AskError::Refused(status.as_u16(), detail))
    }
}

/// An address with a path behind it.
fn url(address: &str, path: &[&str]) -> Result<Url, AskError> {
    let broken = || AskError::Broken(format!("{address} is no web address"));
    let mut url = Url::parse(address).map_err(|_| broken())?;
    url.path_segments_mut().map_err(|()| broken())?.pop_if_empty().extend(path);
    Ok(url)
}

/// The innermost cause says what it was.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
