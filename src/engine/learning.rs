//! When is it learned anew, and from where on does it hold? Both by event time, so that a replay
//! gives the same.
//!
//! ```text
//! first order   survey             adopted                    next survey
//! ─────●───────────●──────────────────●───────────────────────────●──────► event time
//!      │   7 days  │     1 day        │  as long as before the    │
//!      └───────────┘  fit, in the     │  survey, 7 to 28 days     │
//!                     background      └ Input::Models, to every shard
//! ```
//!
//! A live stream never waits: a fit takes seconds, and has a day. A replay at full speed comes to
//! the day's end sooner, and waits there for the fit. So refits need no clock and no luck: the
//! journal's events alone decide where they take effect.
//!
//! All of it can be copied at a place of the one order within microseconds, and written down while
//! the order goes on; who starts from there learns what would have been learned.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbols;
use crate::model::fitting;
use crate::model::form;
use crate::model::learner::Damaged;
use crate::model::learner::Learner;
use crate::model::report::Version;
use crate::model::survey::Survey;
use crate::state::models::Models;
use crate::time::Span;
use crate::time::Timestamp;

/// From a survey to the place where its fit takes effect.
pub const FIT_TIME: Span = Span::DAY;
/// From the first order to the first survey, and between two surveys at the least.
pub const REFIT_MIN: Span = Span::from_millis(7 * Span::DAY.millis());
/// Between two surveys at the most: what is learned changes slowly.
pub const REFIT_MAX: Span = Span::from_millis(28 * Span::DAY.millis());

/// Versions that are told of.
const VERSIONS_MAX: usize = 100;

/// What a piece of it is: everything but the counts.
const STANDING: u8 = 0;
/// A piece of the counts.
const COUNTS: u8 = 1;

/// What is being learned beside the one order; a clone shares what neither changes.
#[derive(Clone)]
pub struct Learning {
    /// The counts.
    pub learner: Learner,
    models: Arc<Models>,
    /// The versions so far, the newest last.
    versions: Vec<Version>,
    last_survey: Option<Timestamp>,
    fit: Option<Fit>,
}

/// A fit on its way.
#[derive(Clone)]
struct Fit {
    /// Where it takes effect.
    at: Timestamp,
    work: Work,
}

/// The new version once it is there; none where the fit broke off: the version before goes on.
type Work = Arc<OnceLock<Option<Arc<Models>>>>;

/// What is written of it beside the counts: models in their own form.
#[derive(Serialize, Deserialize)]
struct Written {
    models: Vec<u8>,
    /// Number, event time, customers, orders.
    versions: Vec<(u32, Timestamp, u64, u64)>,
    last_survey: Option<Timestamp>,
    fit: Option<(Timestamp, Option<Vec<u8>>)>,
}

impl Learning {
    /// Starts with nothing counted, and with what was learned elsewhere.
    pub fn new(models: Arc<Models>) -> Self {
        Self {
            learner: Learner::default(),
            models,
            versions: Vec::new(),
            last_survey: None,
            fit: None,
        }
    }

    /// The version that holds.
    pub fn models(&self) -> &Arc<Models> {
        &self.models
    }

    /// Event time has come so far: the version that takes effect now, if one does, before anything
    /// that happens now. Waits for its fit where that is still under way.
    pub fn reach(&mut self, now: Timestamp) -> Option<Arc<Models>> {
        let fit = self.fit.take_if(|fit| fit.at <= now);
        let adopted = fit.and_then(|fit| fit.work.wait().clone());
        if let Some(models) = &adopted {
            self.hold(models);
        }
        if self.fit.is_none() && self.due().is_some_and(|due| due <= now) {
            self.last_survey = Some(now);
            let work = start(self.learner.survey(), &self.models);
            self.fit = Some(Fit { at: now + FIT_TIME, work });
        }
        adopted
    }

    fn hold(&mut self, models: &Arc<Models>) {
        self.models = Arc::clone(models);
        if self.versions.len() >= VERSIONS_MAX {
            self.versions.remove(0);
        }
        self.versions.push(Version::from(&**models));
    }

    /// The versions so far, the newest last; of many the newest.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// What is known so far becomes a version at once, in place of a fit that is under way.
    pub fn conclude(&mut self) -> Arc<Models> {
        let survey = self.learner.survey();
        (self.last_survey, self.fit) = (Some(survey.at), None);
        let models = Arc::new(fitting::fit(&survey, &self.models));
        self.hold(&models);
        models
    }

    /// When the next survey is due; none before the first order.
    fn due(&self) -> Option<Timestamp> {
        let first = self.learner.first()?;
        let Some(last) = self.last_survey else { return Some(first + REFIT_MIN) };
        Some(last + (last - first).clamp(REFIT_MIN, REFIT_MAX))
    }
}

/// Fits in the background.
fn start(survey: Survey, before: &Arc<Models>) -> Work {
    let work = Work::default();
    let (told, before) = (Arc::clone(&work), Arc::clone(before));
    let survey = Arc::new(survey);
    let fit = move |survey: &Survey| {
        let fitted = catch_unwind(AssertUnwindSafe(|| fitting::fit(survey, &before)));
        let _ = told.set(fitted.ok().map(Arc::new));
    };
    let (asked, at_once) = (Arc::clone(&survey), fit.clone());
    let thread = std::thread::Builder::new().name("models".to_owned());
    if thread.spawn(move || fit(&asked)).is_err() {
        // Where no thread can be had, the work is done at once: the same result, later.
        at_once(&survey);
    }
    work
}

impl Learning {
    /// All of it, piece by piece. Waits for a fit that is under way.
    pub fn save(&self, symbols: &Symbols, mut piece: impl FnMut(Vec<u8>)) {
        let written = Written {
            models: form::encode(&self.models, symbols),
            versions: self
                .versions
                .iter()
                .map(|one| (one.version, one.fitted_to, one.customers, one.orders))
                .collect(),
            last_survey: self.last_survey,
            fit: self.fit.as_ref().map(|fit| {
                let fitted = fit.work.wait().as_ref();
                (fit.at, fitted.map(|models| form::encode(models, symbols)))
            }),
        };
        // Nothing here refuses to be written.
        piece(postcard::to_extend(&written, vec![STANDING]).unwrap_or_default());
        self.learner.save(&mut |counts| {
            piece([&[COUNTS], &counts[..]].concat());
        });
    }

    /// Takes a piece back, in the order in which they were written.
    pub fn restore(&mut self, piece: &[u8], symbols: &Symbols) -> Result<(), Damaged> {
        match piece.split_first() {
            Some((&STANDING, body)) => {
                let written: Written = postcard::from_bytes(body).map_err(|_| Damaged)?;
                let models = |bytes: &[u8]| match form::decode(bytes, symbols) {
                    Ok(models) => Ok(Arc::new(models)),
                    Err(_) => Err(Damaged),
                };
                self.models = models(&written.models)?;
                let versions = written.versions.into_iter();
                self.versions = versions
                    .map(|(version, fitted_to, customers, orders)| Version {
                        version,
                        fitted_to,
                        customers,
                        orders,
                    })
                    .collect();
                self.last_survey = written.last_survey;
                self.fit = match written.fit {
                    Some((at, fitted)) => {
                        let fitted = fitted.map(|bytes| models(&bytes)).transpose()?;
                        Some(Fit { at, work: Arc::new(OnceLock::from(fitted)) })
                    }
                    None => None,
                };
                Ok(())
            }
            Some((&COUNTS, body)) => self.learner.restore(body),
            _ => Err(Damaged),
        }
    }
}
