//! Roles and scopes: what may a person of this role do, what a program with this token?
//!
//! ```text
//!             read        act    rules  promote  ingest  operate  audit  copy
//! rep         own         own
//! manager     the team's  same   yes
//! author      all                yes    yes
//! operator    all         all    yes    yes      yes     yes      yes    yes
//! auditor     all                yes                              yes
//! ```

/// What a person is to Siaga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sells: sees and acts on what is his or hers.
    Rep,
    /// Leads reps: sees and acts on what is theirs.
    Manager,
    /// Writes rules: sees what they find and sets them live, acts on no alert.
    Author,
    /// Keeps the program running, and its accounts: may do everything.
    Operator,
    /// Looks at who did what: sees everything, changes nothing.
    Auditor,
}

/// What a route may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To see alerts and customers, as far as one's sight reaches.
    Read,
    /// To act on alerts, as far as one's sight reaches.
    Act,
    /// To see rules, how they do, and what they find in the shadow.
    Rules,
    /// To set a rule live that has been in the shadow.
    Promote,
    /// To hand in events.
    Ingest,
    /// To see how the program is.
    Operate,
    /// To see who did what.
    Audit,
    /// To copy all alerts with all that is kept of them.
    Copy,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Handing in events.
    Ingest,
    /// Reading everything.
    Read,
    /// Reading everything and acting on alerts.
    Act,
    /// Watching the program: metrics and the audit log.
    Operate,
    /// Copying alerts to an inbox over several processes, and acting on them from there.
    Inbox,
}

impl Role {
    /// Every role with its word.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Rep, "rep"),
        (Self::Manager, "manager"),
        (Self::Author, "author"),
        (Self::Operator, "operator"),
        (Self::Auditor, "auditor"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The role of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(role, _)| *role)
    }

    /// Whether it may do this; [`Right::Read`] and [`Right::Act`] as far as its sight reaches.
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::Read => true,
            Right::Act => matches!(self, Self::Rep | Self::Manager | Self::Operator),
            Right::Rules => self != Self::Rep,
            Right::Promote => matches!(self, Self::Author | Self::Operator),
            Right::Ingest | Right::Operate | Right::Copy => self == Self::Operator,
            Right::Audit => matches!(self, Self::Operator | Self::Auditor),
        }
    }

    /// Whether what it sees depends on who the person is to customers.
    pub fn is_of_a_person(self) -> bool {
        matches!(self, Self::Rep | Self::Manager)
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Act,
        Self::Rules,
        Self::Promote,
        Self::Ingest,
        Self::Operate,
        Self::Audit,
        Self::Copy,
    ];
}

impl Scope {
    /// Every scope with its word.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Ingest, "ingest"),
        (Self::Read, "read"),
        (Self::Act, "act"),
        (Self::Operate, "operate"),
        (Self::Inbox, "inbox"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The scope of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(scope, _)| *scope)
    }

    /// Whether a token with it may do this.
    pub fn may(self, right: Right) -> bool {
        match self {
            Self::Ingest => right == Right::Ingest,
            Self::Read => matches!(right, Right::Read | Right::Rules),
            Self::Act => matches!(right, Right::Read | Right::Act),
            Self::Operate => matches!(right, Right::Operate | Right::Audit),
            Self::Inbox => matches!(right, Right::Copy | Right::Read | Right::Act),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_what_they_stand_for() {
        for (role, name) in Role::ALL {
            assert_eq!((role.name(), Role::from_name(name)), (name, Some(role)));
        }
        for (scope, name) in Scope::ALL {
            assert_eq!((scope.name(), Scope::from_name(name)), (name, Some(scope)));
        }
        assert_eq!((Role::from_name("root"), Scope::from_name("")), (None, None));
    }

    #[test]
    fn a_role_may_do_what_the_table_says() {
        let rights = |role: Role| Right::ALL.map(|right| u8::from(role.may(right)));
        for (role, want) in [
            (Role::Rep, [1, 1, 0, 0, 0, 0, 0, 0]),
            (Role::Manager, [1, 1, 1, 0, 0, 0, 0, 0]),
            (Role::Author, [1, 0, 1, 1, 0, 0, 0, 0]),
            (Role::Operator, [1, 1, 1, 1, 1, 1, 1, 1]),
            (Role::Auditor, [1, 0, 1, 0, 0, 0, 1, 0]),
        ] {
            assert_eq!(rights(role), want, "{role:?}");
        }
    }
}
