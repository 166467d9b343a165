//! A viewer: whoever asks, with what may be done and seen.

use crate::access::role::Right;
use crate::access::role::Role;
use crate::access::role::Scope;
use crate::delivery::inbox::people::People;
use crate::delivery::inbox::people::Sight;

/// Whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// A person who signed in.
    Account {
        /// Name of the account.
        name: String,
        /// What the person is to Siaga.
        role: Role,
        /// What the person is to customers: the id that the data have for the rep.
        person: Option<String>,
    },
    /// A program with a token.
    Token {
        /// Name of the token.
        name: String,
        /// What it is for.
        scopes: Vec<Scope>,
    },
    /// Anybody on this machine, while there is neither account nor token.
    Local,
}

impl Viewer {
    /// Whether this may be done, as far as sight reaches.
    pub fn may(&self, right: Right) -> bool {
        match self {
            Self::Account { role, .. } => role.may(right),
            Self::Token { scopes, .. } => scopes.iter().any(|scope| scope.may(right)),
            Self::Local => true,
        }
    }

    /// Whose alerts and customers may be seen.
    pub fn sight(&self, people: &People) -> Sight {
        match self {
            Self::Account { role: Role::Rep, person, .. } => {
                people.sight_of_rep(person.as_deref().unwrap_or_default())
            }
            Self::Account { role: Role::Manager, person, .. } => {
                people.sight_of_manager(person.as_deref().unwrap_or_default())
            }
            Self::Account { .. } | Self::Token { .. } | Self::Local => Sight::Everything,
        }
    }

    /// As the audit log and the program's log name it.
    pub fn key(&self) -> String {
        match self {
            Self::Account { name, .. } => format!("user:{name}"),
            Self::Token { name, .. } => format!("token:{name}"),
            Self::Local => "local".to_owned(),
        }
    }

    /// In whose name a person acts: as the rep that the data know, else by the account. A program
    /// and anybody on an open machine say for whom they act.
    pub fn acts_as(&self) -> Option<String> {
        match self {
            Self::Account { person: Some(person), .. } => Some(format!("rep:{person}")),
            Self::Account { name, .. } => Some(name.clone()),
            Self::Token { .. } | Self::Local => None,
        }
    }
}
