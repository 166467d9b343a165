//! The frame round every page: who is signed in, and what has to be known of the server.

use crate::access::role::Right;
use crate::access::viewer::Viewer;
use crate::api::Services;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::time::Timestamp;

/// What stands round every page.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "what a template asks for, one by one")]
pub(in crate::api) struct Frame {
    /// Whether the data are made up.
    pub(in crate::api) demo: bool,
    pub(in crate::api) clock: Timestamp,
    /// Number of the newest change that the page shows.
    pub(in crate::api) seq: u64,
    /// Which page of the navigation it is.
    pub(in crate::api) here: &'static str,
    /// Whether somebody is known to ask.
    pub(in crate::api) known: bool,
    /// Whether who asks may see rules.
    pub(in crate::api) rules: bool,
    /// Whether who asks may see who did what.
    pub(in crate::api) audit: bool,
    /// Whether nobody has to sign in.
    pub(in crate::api) open: bool,
    /// Who is signed in.
    pub(in crate::api) account: Option<String>,
    /// What the page sends along with every change.
    pub(in crate::api) csrf: String,
}

impl Frame {
    /// To be made before the page is read: a change in between is then shown and told, never lost.
    pub(in crate::api) fn new(
        services: &Services,
        caller: &Caller,
        here: &'static str,
    ) -> Result<Self, Problem> {
        let (clock, seq) = (services.clock(), services.inbox.newest_seq()?);
        Ok(Self { clock, seq, here, ..Self::bare(services, caller) })
    }

    /// The frame of a page that shows no alerts.
    pub(in crate::api) fn bare(services: &Services, caller: &Caller) -> Self {
        Self {
            known: true,
            rules: caller.viewer.may(Right::Rules),
            audit: caller.viewer.may(Right::Audit),
            open: caller.viewer == Viewer::Local,
            account: match &caller.viewer {
                Viewer::Account { name, .. } => Some(name.clone()),
                Viewer::Token { .. } | Viewer::Local => None,
            },
            csrf: caller.csrf.clone().unwrap_or_default(),
            ..Self::of_nobody(services)
        }
    }

    /// The frame of a page that anybody may see.
    pub(in crate::api) fn of_nobody(services: &Services) -> Self {
        Self {
            demo: services.http.demo,
            clock: Timestamp::EPOCH,
            seq: 0,
            here: "",
            known: false,
            rules: false,
            audit: false,
            open: false,
            account: None,
            csrf: String::new(),
        }
    }
}
