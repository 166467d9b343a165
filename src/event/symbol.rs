//! Names as numbers: every id, category and channel is stored once and carried as four bytes.
//!
//! ```text
//! "Power tools" ──intern──► Symbol(7) ──text──► "Power tools"
//! ```
//!
//! Who interns holds the writing side for a whole batch of records, so that a name costs a hash
//! and no lock. A symbol is never taken back; numbers are given in order of first sight, which
//! makes them the same in every replay of the same input. Only who is erased gets another name.

use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;
use parking_lot::RwLockReadGuard;
use parking_lot::RwLockWriteGuard;
use rapidhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;

/// A name, as its number in the [`Symbols`] that interned it; written down only where these are
/// written down as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Names of at most [`SHORT`] bytes, found without a look at the text: most ids are so short.
    short: Parts<Short>,
    /// All others.
    long: Parts<Symbol>,
    hasher: RandomState,
    /// The names, one behind the other.
    bytes: String,
    /// Where each name ends in `bytes`.
    ends: Vec<u32>,
}

/// How often a side that others have is asked for again before the thread sleeps: some 50 µs.
const TRIES: u32 = 1_000;

/// What is free again within a batch. Sides are held for microseconds, and where every processor is
/// busy a thread that sleeps comes back after milliseconds: partitions that are decoded side by side
/// would wait for each other all the time.
#[cold]
fn soon<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    (0..TRIES).find_map(|_| {
        std::hint::spin_loop();
        ask()
    })
}

/// Parts of an index. One of them grows at a time, so that no event waits until a million names have
/// found their new places.
const PARTS: usize = 64;

/// An index in parts, which hold about as many names each.
struct Parts<T>([HashTable<T>; PARTS]);

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| HashTable::new()))
    }
}

impl<T> Parts<T> {
    /// The place of the part of a hash. A table looks at the lowest bits and at the highest ones.
    #[inline]
    fn place(hash: u64) -> usize {
        (hash >> 40) as usize % PARTS
    }

    #[inline]
    fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.0[Self::place(hash)].find(hash, is_it)
    }

    fn insert(&mut self, hash: u64, value: T, hash_of: impl Fn(&T) -> u64) {
        self.0[Self::place(hash)].insert_unique(hash, value, hash_of);
    }
}

/// A short name as the index holds it: 12 bytes, not 16.
#[derive(Clone, Copy)]
struct Short {
    key: [u32; 2],
    symbol: Symbol,
}

/// Bytes of a short name, at most; the eighth byte of its key is its length.
const SHORT: usize = 7;

/// A short name as a number: equal for equal names only.
#[inline]
fn key(name: &[u8]) -> Option<u64> {
    if name.len() > SHORT {
        return None;
    }
    let text = name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Some(text | (name.len() as u64) << 56)
}

impl Short {
    #[inline]
    fn key(self) -> u64 {
        u64::from(self.key[0]) | u64::from(self.key[1]) << 32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    fn new(key: u64, symbol: Symbol) -> Self {
        Self { key: [key as u32, (key >> 32) as u32], symbol }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            short: Parts::default(),
            long: Parts::default(),
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
    #[inline]
    pub fn read(&self) -> Reader<'_> {
        let table = self.table.try_read();
        Reader(
            table.or_else(|| soon(|| self.table.try_read())).unwrap_or_else(|| self.table.read()),
        )
    }

    /// The writing side.
    #[inline]
    pub fn write(&self) -> Writer<'_> {
        let table = self.table.try_write();
        Writer(
            table.or_else(|| soon(|| self.table.try_write())).unwrap_or_else(|| self.table.write()),
        )
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

    /// How many names there are; the last one has this number.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.ends.len()).unwrap_or(u32::MAX)
    }
}

impl Writer<'_> {
    /// The symbol of a name, new or known.
    pub fn intern(&mut self, name: &str) -> Symbol {
        self.0.intern(name)
    }

    /// The symbol of a short name, new or known. The key is the name's bytes, the first one lowest,
    /// and its length in the highest byte; the bytes have to be UTF-8.
    #[inline]
    pub(crate) fn known_or_new(&mut self, key: u64) -> Symbol {
        match self.0.known(key) {
            Some(known) => known,
            None => self.new_short(key),
        }
    }

    #[inline(never)]
    fn new_short(&mut self, key: u64) -> Symbol {
        let bytes = key.to_le_bytes();
        let length = usize::from(bytes[SHORT]).min(SHORT);
        self.0.intern(&String::from_utf8_lossy(&bytes[..length]))
    }

    /// The name of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.0.text(symbol)
    }

    /// Gives a symbol another name, which nothing has; the old one is forgotten, and would get
    /// another symbol. `false`: something has the name already. Takes as long as there are names.
    pub fn rename(&mut self, symbol: Symbol, name: &str) -> bool {
        if self.0.find(name).is_some() {
            return false;
        }
        let names: Vec<String> = (1..=self.0.ends.len())
            .filter_map(|number| Symbol::from_number(u32::try_from(number).ok()?))
            .map(|known| if known == symbol { name } else { self.0.text(known) }.to_owned())
            .collect();
        *self.0 = Table::default();
        for name in &names {
            self.0.intern(name);
        }
        true
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

    #[inline]
    fn known(&self, key: u64) -> Option<Symbol> {
        let hash = self.hasher.hash_one(key);
        self.short.find(hash, |short| short.key() == key).map(|short| short.symbol)
    }

    fn find(&self, name: &str) -> Option<Symbol> {
        if let Some(key) = key(name.as_bytes()) {
            return self.known(key);
        }
        let hash = self.hasher.hash_one(name);
        self.long.find(hash, |symbol| self.bytes_of(*symbol) == name.as_bytes()).copied()
    }

    fn intern(&mut self, name: &str) -> Symbol {
        if let Some(found) = self.find(name) {
            return found;
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
        let Self { short, long, hasher, bytes, ends } = self;
        if let Some(key) = key(name.as_bytes()) {
            let hash = |short: &Short| hasher.hash_one(short.key());
            short.insert(hasher.hash_one(key), Short::new(key, symbol), hash);
            return symbol;
        }
        long.insert(hasher.hash_one(name), symbol, |symbol| {
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
    fn short_and_long_names_are_kept_apart() {
        let symbols = Symbols::default();
        let names = ["", "\0", "\0\0", "1234567", "12345678", "ünï", "1234567\0", "café au lait"];
        let numbers: Vec<Symbol> = names.iter().map(|name| symbols.intern(name)).collect();
        for (name, number) in names.iter().zip(&numbers) {
            assert_eq!(symbols.read().find(name), Some(*number), "{name:?}");
            assert_eq!(symbols.text(*number), *name);
            let known = key(name.as_bytes()).map(|key| symbols.write().known_or_new(key));
            assert_eq!(known, (name.len() <= SHORT).then_some(*number), "{name:?}");
        }
        let new = key("näher".as_bytes()).map(|key| symbols.write().known_or_new(key)).unwrap();
        assert_eq!(symbols.text(new), "näher");
    }

    #[test]
    fn a_symbol_that_is_renamed_leaves_its_name_and_all_others_alone() {
        let symbols = Symbols::default();
        let names = ["c1", "a long name of somebody", "c10", "c100"];
        let numbers: Vec<Symbol> = names.iter().map(|name| symbols.intern(name)).collect();
        for (place, to) in [(1, "x"), (0, "nobody that anybody knows")] {
            assert!(!symbols.write().rename(numbers[place], "c10"), "it is taken");
            assert!(symbols.write().rename(numbers[place], to));
            assert_eq!(symbols.text(numbers[place]), to);
            assert_eq!(symbols.read().find(names[place]), None);
            assert_eq!(symbols.read().find(to), Some(numbers[place]));
        }
        for place in [2, 3] {
            assert_eq!(symbols.text(numbers[place]), names[place]);
            assert_eq!(symbols.read().find(names[place]), Some(numbers[place]));
        }
        assert_eq!(symbols.read().count(), 4);
        assert_eq!(symbols.intern("c1").number(), 5, "who comes back is somebody else");
    }

    #[test]
    fn the_empty_name_is_a_name() {
        let symbols = Symbols::default();
        let empty = symbols.intern("");
        assert_eq!(symbols.text(empty), "");
        assert_ne!(empty, symbols.intern("a"));
    }
}
