//! Names as numbers: every id, category and channel is stored once and carried as four bytes.
//!
//! ```text
//! "Power tools" ──intern──► Symbol(7) ──text──► "Power tools"
//! ```
//!
//! Who interns holds the writing side for a whole batch of records, so that a name costs a hash
//! and no lock. A symbol is never taken back; numbers are given in order of first sight, which
//! makes them the same in every replay of the same input.

use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;
use parking_lot::RwLockReadGuard;
use parking_lot::RwLockWriteGuard;
use rapidhash::fast::RandomState;

/// A name, as its number in the [`Symbols`] that interned it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(NonZeroU32);

/// All names seen so far; clones share them.
#[derive(Clone, Default)]
pub struct Symbols {
    table: Arc<RwLock<Table>>,
}

/// The reading side of [`Symbols`].
pub struct Reader<'a>(RwLockReadGuard<'a, Table>);

/// The writing side of [`Symbols`]: hold it for a batch, not for longer.
pub struct Writer<'a>(RwLockWriteGuard<'a, Table>);

struct Table {
    index: HashTable<Symbol>,
    hasher: RandomState,
    /// The names, one behind the other.
    bytes: String,
    /// Where each name ends in `bytes`.
    ends: Vec<u32>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            // A secret per process: hostile ids cannot be chosen to collide.
            hasher: RandomState::new(),
            bytes: String::new(),
            ends: Vec::new(),
        }
    }
}

impl Symbol {
    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// The symbol with this number; it must have come from [`Symbol::number`].
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({})", self.0)
    }
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbols({} names)", self.table.read().ends.len())
    }
}

impl Symbols {
    /// The reading side; drop it before the next batch is decoded.
    pub fn read(&self) -> Reader<'_> {
        Reader(self.table.read())
    }

    /// The writing side.
    pub fn write(&self) -> Writer<'_> {
        Writer(self.table.write())
    }

    /// Interns one name. For many, hold [`Symbols::write`].
    pub fn intern(&self, name: &str) -> Symbol {
        let found = self.read().find(name);
        found.unwrap_or_else(|| self.write().intern(name))
    }

    /// The name of a symbol, copied.
    pub fn text(&self, symbol: Symbol) -> String {
        self.read().text(symbol).to_owned()
    }
}

impl Reader<'_> {
    /// The name of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.0.text(symbol)
    }

    /// The symbol of a name, if it was ever interned.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.0.find(name)
    }
}

impl Writer<'_> {
    /// The symbol of a name, new or known.
    pub fn intern(&mut self, name: &str) -> Symbol {
        self.0.intern(name)
    }

    /// The name of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.0.text(symbol)
    }
}

impl Table {
    fn text(&self, symbol: Symbol) -> &str {
        let index = symbol.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// As [`Table::text`], for comparisons: bytes have no boundaries to check.
    #[inline]
    fn bytes_of(&self, symbol: Symbol) -> &[u8] {
        let index = symbol.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes.as_bytes()[start..self.ends[index] as usize]
    }

    fn find(&self, name: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(name);
        self.index.find(hash, |symbol| self.bytes_of(*symbol) == name.as_bytes()).copied()
    }

    fn intern(&mut self, name: &str) -> Symbol {
        let hash = self.hasher.hash_one(name);
        let same = |symbol: &Symbol| self.bytes_of(*symbol) == name.as_bytes();
        if let Some(found) = self.index.find(hash, same) {
            return *found;
        }
        self.bytes.push_str(name);
        let end = u32::try_from(self.bytes.len());
        let number = u32::try_from(self.ends.len() + 1).ok().and_then(NonZeroU32::new);
        let (Ok(end), Some(number)) = (end, number) else {
            // Four thousand million bytes of names: going on would mix customers up.
            std::process::abort();
        };
        self.ends.push(end);
        let symbol = Symbol(number);
        let Self { index, hasher, bytes, ends } = self;
        index.insert_unique(hash, symbol, |symbol| {
            let at = symbol.index();
            let start = if at == 0 { 0 } else { ends[at - 1] as usize };
            hasher.hash_one(&bytes[start..ends[at] as usize])
        });
        symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let symbols = Symbols::default();
        let names: Vec<String> = (0..10_000).map(|i| format!("c{i}")).collect();
        let first: Vec<Symbol> = names.iter().map(|n| symbols.intern(n)).collect();
        let again: Vec<Symbol> = names.iter().map(|n| symbols.write().intern(n)).collect();
        assert_eq!(first, again);
        let reader = symbols.read();
        assert!(first.iter().zip(&names).all(|(s, n)| reader.text(*s) == n));
        assert_eq!(reader.find("c10000"), None);
        assert_eq!(reader.find("c7"), Some(first[7]));
    }

    #[test]
    fn the_empty_name_is_a_name() {
        let symbols = Symbols::default();
        let empty = symbols.intern("");
        assert_eq!(symbols.text(empty), "");
        assert_ne!(empty, symbols.intern("a"));
    }
}
