//! Which field is meant by this name? Answered by a guess that is nearly always right.
//!
//! ```text
//! after `ts` came `customer_id` last time ──► compare with it ──same──► its fields, no hashing
//!                                                  └──other──► look it up, remember it for `ts`
//! ```
//!
//! Records of one source name their fields in one order, so a name is compared once and seldom
//! hashed.

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use smallvec::SmallVec;

use crate::event::mapping::Field;
use crate::event::mapping::Mapping;

/// A name's number.
pub(crate) type Key = u16;

/// The names that a mapping knows.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    entries: Vec<Entry>,
    index: HashMap<Box<str>, Key, RandomState>,
    /// The name that came behind each name, last time.
    follows: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Box<str>,
    /// One name of theirs may feed several of our fields.
    fields: SmallVec<[Field; 2]>,
}

impl Keys {
    /// Comes before the first name of a record.
    pub(crate) const RECORD: Key = 0;
    /// Comes before the first name of a line.
    pub(crate) const LINE: Key = 1;
    /// Any name outside of the mapping.
    const UNKNOWN: Key = 2;

    pub(crate) fn new(mapping: &Mapping) -> Self {
        let unknown: SmallVec<[Field; 2]> = SmallVec::from_slice(&[Field::Unknown]);
        let blank = Entry { name: Box::from(""), fields: unknown };
        let mut keys = Self {
            entries: vec![blank; usize::from(Self::UNKNOWN) + 1],
            index: HashMap::with_hasher(RandomState::new()),
            follows: Vec::new(),
        };
        for (theirs, field) in &mapping.names {
            if let Some(key) = keys.index.get(theirs.as_str()) {
                keys.entries[usize::from(*key)].fields.push(*field);
            } else if let Ok(key) = Key::try_from(keys.entries.len()) {
                keys.index.insert(Box::from(theirs.as_str()), key);
                let fields = SmallVec::from_slice(&[*field]);
                keys.entries.push(Entry { name: Box::from(theirs.as_str()), fields });
            }
        }
        keys.follows = vec![Self::UNKNOWN; keys.entries.len()];
        keys
    }

    /// The number of a name that comes behind another.
    #[inline]
    pub(crate) fn find(&mut self, behind: Key, name: &str) -> Key {
        let guess = self.follows[usize::from(behind)];
        if *self.entries[usize::from(guess)].name == *name && guess != Self::UNKNOWN {
            return guess;
        }
        let key = self.index.get(name).copied().unwrap_or(Self::UNKNOWN);
        self.follows[usize::from(behind)] = key;
        key
    }

    /// The fields of a name, looked up without a guess.
    pub(crate) fn fields_of(&self, name: &str) -> &[Field] {
        self.fields(self.index.get(name).copied().unwrap_or(Self::UNKNOWN))
    }

    /// The fields that a name feeds.
    #[inline]
    pub(crate) fn fields(&self, key: Key) -> &[Field] {
        &self.entries[usize::from(key)].fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whatever_was_guessed() {
        let mut mapping = Mapping::parse("[fields]\nevent_id = \"no\"\norder_id = \"no\"").unwrap();
        mapping.names.push(("order_number".to_owned(), Field::OrderId));
        let mut keys = Keys::new(&mapping);
        for _ in 0..2 {
            let no = keys.find(Keys::RECORD, "no");
            assert_eq!(keys.fields(no), [Field::EventId, Field::OrderId]);
            let other = keys.find(no, "event_id");
            assert_eq!(keys.fields(other), [Field::Unknown], "its own name no longer counts");
            let channel = keys.find(other, "channel");
            assert_eq!(keys.fields(channel), [Field::Channel]);
            let brand = keys.find(channel, "brand");
            assert_eq!(keys.fields(brand), [Field::Brand]);
            assert_eq!(keys.find(channel, ""), Keys::UNKNOWN);
        }
    }
}
