//! The names of one entry: each once, in front of the fields that refer to them.

use std::collections::HashMap;

use rapidhash::fast::RandomState;

use crate::event::Symbol;
use crate::event::Symbols;
use crate::journal::entry::EntryError;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;

/// Names while an entry is written.
#[derive(Debug, Default)]
pub(super) struct NamesOut {
    places: HashMap<Symbol, u64, RandomState>,
    symbols: Vec<Symbol>,
}

/// Names of an entry that is read, as symbols of this process.
#[derive(Debug)]
pub(super) struct NamesIn(Vec<Symbol>);

impl NamesOut {
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.symbols.clear();
    }

    /// Where the name stands in the list.
    pub(super) fn place(&mut self, symbol: Symbol) -> u64 {
        let Self { places, symbols } = self;
        *places.entry(symbol).or_insert_with(|| {
            symbols.push(symbol);
            symbols.len() as u64 - 1
        })
    }

    /// Writes the place of a name, if there is one.
    pub(super) fn put(&mut self, out: &mut Out, symbol: Option<Symbol>) {
        if let Some(symbol) = symbol {
            out.number(self.place(symbol));
        }
    }

    /// Writes the list.
    pub(super) fn write(&self, out: &mut Out, symbols: &Symbols) {
        out.length(self.symbols.len());
        if self.symbols.is_empty() {
            return;
        }
        let reader = symbols.read();
        for symbol in &self.symbols {
            out.text(reader.text(*symbol));
        }
    }
}

impl NamesIn {
    pub(super) fn read(body: &mut In<'_>, symbols: &Symbols) -> Result<Self, EntryError> {
        let count = body.length()?;
        if count == 0 {
            return Ok(Self(Vec::new()));
        }
        let mut writer = symbols.write();
        let names = (0..count).map(|_| Ok(writer.intern(body.text()?)));
        Ok(Self(names.collect::<Result<_, EntryError>>()?))
    }

    /// Reads the place of a name.
    #[inline]
    pub(super) fn get(&self, body: &mut In<'_>) -> Result<Symbol, EntryError> {
        let place = usize::try_from(body.number()?).unwrap_or(usize::MAX);
        self.0.get(place).copied().ok_or(EntryError::Value("name"))
    }

    /// Reads the place of a name, where there is one.
    #[inline]
    pub(super) fn get_if(
        &self,
        present: bool,
        body: &mut In<'_>,
    ) -> Result<Option<Symbol>, EntryError> {
        if present { self.get(body).map(Some) } else { Ok(None) }
    }
}
