//! The identity of an alert: a hash of rule, entity and episode.
//!
//! It depends on nothing that differs between two replays, so a repeat can be told by its id
//! everywhere: in the inbox, in a channel, in a spreadsheet.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// 128 bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertId(u128);

/// Why a text is not an alert's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an alert id: it has 32 hexadecimal digits")]
pub struct AlertIdError(String);

impl AlertId {
    /// The id of the alert of `rule` for this entity and episode.
    pub fn new(rule: &str, entity_kind: &str, entity_id: &str, episode: &str) -> Self {
        // FNV-1a over 128 bits (Fowler, Noll, Vo): stable by definition, and no secret is at stake.
        let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
        for part in [rule, entity_kind, entity_id, episode] {
            for byte in part.bytes().chain([0xff]) {
                hash = (hash ^ u128::from(byte))
                    .wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            }
        }
        Self(hash)
    }

    /// As a number.
    pub fn bits(self) -> u128 {
        self.0
    }
}

impl AlertId {
    /// The id of these bits; they must have come from [`AlertId::bits`].
    pub(crate) fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl FromStr for AlertId {
    type Err = AlertIdError;
    fn from_str(text: &str) -> Result<Self, AlertIdError> {
        let error = || AlertIdError(text.chars().take(40).collect());
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits {
            return Err(error());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| error())
    }
}

impl TryFrom<String> for AlertId {
    type Error = AlertIdError;
    fn try_from(text: String) -> Result<Self, AlertIdError> {
        text.parse()
    }
}

impl From<AlertId> for String {
    fn from(id: AlertId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_changes() {
        // A change of this value would send every alert a second time after an upgrade.
        let id = AlertId::new("R1", "customer", "c1", "2025-01-01");
        assert_eq!(id.to_string(), AlertId::new("R1", "customer", "c1", "2025-01-01").to_string());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, AlertId::new("R1", "customer", "c12025", "-01-01"));
        assert!("xyz".parse::<AlertId>().is_err());
    }
}
