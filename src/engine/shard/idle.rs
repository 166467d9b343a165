//! The customers in memory in the order of their last event, with what each takes.
//!
//! ```text
//! coldest ◄─► … ◄─► warmest       links between numbers: 12 bytes a customer, and each step is O(1)
//! ```

/// Links in a page: all of them in one vector would be copied as it grows, while events wait.
const PAGE: usize = 4_096;

/// Stands for no number: nobody has it, since names are counted from 1 by each shard's share.
const NOBODY: u32 = u32::MAX;

/// What stands for bytes where a customer is on disk.
const AWAY: u32 = u32::MAX;

/// Customers by number, from the one that was idle for the longest on.
#[derive(Debug)]
pub(super) struct Order {
    pages: Vec<Box<[Link]>>,
    coldest: u32,
    warmest: u32,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    colder: u32,
    warmer: u32,
    /// 0 for a number that nobody has, [`AWAY`] for one on disk.
    bytes: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self { pages: Vec::new(), coldest: NOBODY, warmest: NOBODY, bytes: 0 }
    }
}

impl Order {
    /// Bytes of all customers in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn link(&self, number: u32) -> Option<&Link> {
        let number = number as usize;
        self.pages.get(number / PAGE).map(|page| &page[number % PAGE])
    }

    fn link_mut(&mut self, number: u32) -> &mut Link {
        let number = number as usize;
        while self.pages.len() <= number / PAGE {
            let empty = Link { colder: NOBODY, warmer: NOBODY, bytes: 0 };
            self.pages.push(vec![empty; PAGE].into_boxed_slice());
        }
        &mut self.pages[number / PAGE][number % PAGE]
    }

    /// Whether a customer is on disk.
    #[inline]
    pub(super) fn is_away(&self, number: u32) -> bool {
        self.link(number).is_some_and(|link| link.bytes == AWAY)
    }

    /// Whether a customer is in memory.
    fn is_here(&self, number: u32) -> bool {
        self.link(number).is_some_and(|link| link.bytes != 0 && link.bytes != AWAY)
    }

    /// Who was idle for the longest.
    pub(super) fn coldest(&self) -> Option<u32> {
        (self.coldest != NOBODY).then_some(self.coldest)
    }

    /// Something happened to a customer, that takes so many bytes now.
    pub(super) fn warm(&mut self, number: u32, bytes: usize) {
        self.unlink(number);
        let last = std::mem::replace(&mut self.warmest, number);
        match last {
            NOBODY => self.coldest = number,
            last => self.link_mut(last).warmer = number,
        }
        self.enter(number, (last, NOBODY), bytes);
    }

    /// A customer is in memory to whom nothing happened.
    pub(super) fn cool(&mut self, number: u32, bytes: usize) {
        self.unlink(number);
        let first = std::mem::replace(&mut self.coldest, number);
        match first {
            NOBODY => self.warmest = number,
            first => self.link_mut(first).colder = number,
        }
        self.enter(number, (NOBODY, first), bytes);
    }

    fn enter(&mut self, number: u32, (colder, warmer): (u32, u32), bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, AWAY - 1);
        self.bytes += u64::from(bytes);
        *self.link_mut(number) = Link { colder, warmer, bytes };
    }

    /// A customer goes to disk; what it took.
    pub(super) fn leave(&mut self, number: u32) -> usize {
        let bytes = self.unlink(number);
        self.link_mut(number).bytes = AWAY;
        bytes
    }

    /// Takes a customer out; what it took.
    pub(super) fn unlink(&mut self, number: u32) -> usize {
        if !self.is_here(number) {
            return 0;
        }
        let empty = Link { colder: NOBODY, warmer: NOBODY, bytes: 0 };
        let Link { colder, warmer, bytes } = std::mem::replace(self.link_mut(number), empty);
        match colder {
            NOBODY => self.coldest = warmer,
            colder => self.link_mut(colder).warmer = warmer,
        }
        match warmer {
            NOBODY => self.warmest = colder,
            warmer => self.link_mut(warmer).colder = colder,
        }
        self.bytes -= u64::from(bytes);
        bytes as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_coldest_is_who_was_idle_for_the_longest(
            steps in prop::collection::vec((0_u32..4, 0_u32..9_000, 1_usize..500), 1..200)
        ) {
            let (mut order, mut model) = (Order::default(), Vec::<(u32, usize)>::new());
            let mut away = std::collections::BTreeSet::new();
            for (what, number, bytes) in steps {
                let number = number * 7 % 13 + 4_090;
                let known = model.iter().position(|(known, _)| *known == number);
                match what {
                    0 | 1 => {
                        known.map(|place| model.remove(place));
                        model.push((number, bytes));
                        away.remove(&number);
                        order.warm(number, bytes);
                    }
                    2 => {
                        known.map(|place| model.remove(place));
                        model.insert(0, (number, bytes));
                        away.remove(&number);
                        order.cool(number, bytes);
                    }
                    _ => {
                        let Some(coldest) = order.coldest() else { continue };
                        let (want, took) = model.remove(0);
                        prop_assert_eq!((coldest, order.leave(coldest)), (want, took));
                        away.insert(coldest);
                    }
                }
                prop_assert_eq!(order.coldest(), model.first().map(|(number, _)| *number));
                let bytes: usize = model.iter().map(|(_, bytes)| bytes).sum();
                prop_assert_eq!(order.bytes(), bytes as u64);
                prop_assert_eq!(order.is_away(number), away.contains(&number));
            }
        }
    }
}
