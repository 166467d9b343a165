//! Deeds: what somebody does with an alert, on a page or in another program.
//!
//! ```text
//! a click ─────────┐
//! another program ─┼─► Deed: action, by whom, when ─► Feedback: about which alert ─► the one order
//! ```

use serde::Deserialize;
use serde::Serialize;

use crate::money::Decimal;
use crate::time::Timestamp;

/// What a sales person does with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// "I am on it."
    Acknowledge,
    /// "Not before then."
    Snooze {
        /// When it should come back.
        until: Timestamp,
    },
    /// "Not before something new happens."
    Wait,
    /// Back to firing: undoes an acknowledgement, a snooze or a close by hand.
    Reopen,
    /// "Over", for this reason.
    Close {
        /// Why.
        reason: CloseReason,
        /// What it brought in or cost, in the alert's currency, where somebody said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Decimal>,
    },
    /// "This is yours."
    Reassign {
        /// Who should act from now on.
        owner: Owner,
    },
    /// A note for whoever opens the alert.
    Comment {
        /// What it says.
        text: String,
    },
    /// Takes a comment of the same words back.
    Retract {
        /// What it said.
        text: String,
    },
}

/// Something that somebody did with an alert, as its history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// What was done.
    #[serde(flatten)]
    pub action: Action,
    /// By whom.
    pub by: String,
    /// When, in event time.
    pub at: Timestamp,
}

/// Why an alert was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The condition no longer holds.
    Resolved,
    /// The moment passed.
    Expired,
    /// The rule was taken out, or switched off.
    Withdrawn,
    /// It made business.
    Won,
    /// It was tried and did not make business.
    Lost,
    /// It was not worth trying, for this reason.
    Dismissed(String),
}

/// Who should act on an alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Owner {
    /// The customer's rep, by the rep's id.
    Rep(String),
    /// Whoever looks after the territory.
    Territory(String),
    /// Nobody is known: the default queue.
    Queue,
}

impl Action {
    /// Whether it shows that somebody has taken the alert in hand: response times end with it.
    pub fn is_response(&self) -> bool {
        !matches!(self, Self::Reopen | Self::Retract { .. })
    }
}

impl CloseReason {
    /// Whether nobody decided it: the engine found out that there is nothing left to do.
    pub fn is_by_engine(&self) -> bool {
        matches!(self, Self::Resolved | Self::Expired | Self::Withdrawn)
    }
}

impl Owner {
    /// The owner of this word, which [`Owner::key`] wrote.
    pub fn from_key(key: &str) -> Self {
        match key.split_once(':') {
            Some(("rep", id)) => Self::Rep(id.to_owned()),
            Some(("territory", id)) => Self::Territory(id.to_owned()),
            _ => Self::Queue,
        }
    }

    /// As one word, for a column or a query: `rep:r12`, `territory:North`, `queue`.
    pub fn key(&self) -> String {
        match self {
            Self::Rep(id) => format!("rep:{id}"),
            Self::Territory(id) => format!("territory:{id}"),
            Self::Queue => "queue".to_owned(),
        }
    }
}
