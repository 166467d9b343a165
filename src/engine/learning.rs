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
//! journal's events alone decide where they take effect. A version can be kept in the
//! journal as well (`model::form`), for who starts behind those events.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::model::fitting;
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

/// What is being learned beside the one order.
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
struct Fit {
    /// Where it takes effect.
    at: Timestamp,
    work: Work,
}

enum Work {
    Background(JoinHandle<Models>),
    /// There was no thread to be had.
    Done(Box<Models>),
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
        let adopted = fit.and_then(|fit| fit.work.result()).map(Arc::new);
        if let Some(models) = &adopted {
            self.hold(models);
        }
        if self.fit.is_none() && self.due().is_some_and(|due| due <= now) {
            self.last_survey = Some(now);
            let work = Work::start(self.learner.survey(), &self.models);
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

impl Work {
    fn start(survey: Survey, before: &Arc<Models>) -> Self {
        // Where no thread can be had, the work is done at once: the same result, later.
        let survey = Arc::new(survey);
        let (asked, known) = (Arc::clone(&survey), Arc::clone(before));
        let thread = std::thread::Builder::new().name("models".to_owned());
        match thread.spawn(move || fitting::fit(&asked, &known)) {
            Ok(thread) => Self::Background(thread),
            Err(_) => Self::Done(Box::new(fitting::fit(&survey, before))),
        }
    }

    /// The new version; none where the fit broke off: the version before goes on.
    fn result(self) -> Option<Models> {
        match self {
            Self::Done(models) => Some(*models),
            Self::Background(thread) => thread.join().ok(),
        }
    }
}
