//! The frame round every page: who is signed in, and what has to be known of the server.

use crate::access::viewer::Viewer;
use crate::api::Services;
use crate::api::gate::Caller;

/// What every page shows and carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Frame {
    /// Whether the data are made up.
    pub(in crate::api) demo: bool,
    /// Whether nobody has to sign in.
    pub(in crate::api) open: bool,
    /// Who is signed in.
    pub(in crate::api) account: Option<String>,
    /// What the page sends along with every change.
    pub(in crate::api) csrf: String,
}

impl Frame {
    /// The frame of a page that somebody asked for.
    pub(in crate::api) fn of(services: &Services, caller: &Caller) -> Self {
        Self {
            demo: services.http.demo,
            open: caller.viewer == Viewer::Local,
            account: match &caller.viewer {
                Viewer::Account { name, .. } => Some(name.clone()),
                Viewer::Token { .. } | Viewer::Local => None,
            },
            csrf: caller.csrf.clone().unwrap_or_default(),
        }
    }

    /// The frame of a page that anybody may see.
    pub(in crate::api) fn of_nobody(services: &Services) -> Self {
        Self { demo: services.http.demo, open: false, account: None, csrf: String::new() }
    }
}
