//! The counts as pieces of bytes, for a snapshot, and back.
//!
//! ```text
//! piece   what it is 1 │ counts in all, or up to 4,096 customers, products, segments
//! ```
//!
//! Names are numbers, those of the snapshot's list of names. The bytes are those of `postcard`, which
//! hold no names of fields: another order or kind of field needs another format of snapshots.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Symbol;
use crate::model::learner::Learner;
use crate::model::learner::Product;
use crate::model::learner::customer::Known;

/// Items in a piece.
const ITEMS: usize = 4_096;

const COUNTS: u8 = 0;
const CUSTOMERS: u8 = 1;
const PRODUCTS: u8 = 2;
const SEGMENTS: u8 = 3;

/// The bytes are no piece of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was learned cannot be read: it is damaged")]
pub struct Damaged;

impl Learner {
    /// Everything counted, piece by piece.
    pub fn save(&self, piece: &mut impl FnMut(Vec<u8>)) {
        piece(written(COUNTS, self));
        pieces(CUSTOMERS, self.customers.iter(), piece);
        pieces(PRODUCTS, self.products.iter(), piece);
        pieces(SEGMENTS, self.segments.iter(), piece);
    }

    /// Takes a piece back, into a learner that has counted nothing yet; in the order in which they
    /// were written.
    pub fn restore(&mut self, piece: &[u8]) -> Result<(), Damaged> {
        let (what, body) = piece.split_first().ok_or(Damaged)?;
        match *what {
            COUNTS => {
                *self = read(body)?;
                for (sums, place) in self.categories.sums.iter().zip(0..) {
                    self.categories.places.set(sums.name, Some(place));
                }
            }
            CUSTOMERS => {
                for known in read::<Vec<Known>>(body)? {
                    let place = u32::try_from(self.customers.len()).map_err(|_| Damaged)?;
                    self.places.set(known.id, Some(place));
                    self.customers.push(known);
                }
            }
            PRODUCTS => {
                for (name, product) in read::<Vec<(Symbol, Product)>>(body)? {
                    self.products.set(name, Some(product));
                }
            }
            SEGMENTS => {
                for (name, segment) in read::<Vec<(Symbol, Symbol)>>(body)? {
                    self.segments.set(name, Some(segment));
                }
            }
            _ => return Err(Damaged),
        }
        Ok(())
    }
}

fn pieces<T: Serialize>(what: u8, items: impl Iterator<Item = T>, piece: &mut impl FnMut(Vec<u8>)) {
    let mut items = items.peekable();
    while items.peek().is_some() {
        let some: Vec<T> = items.by_ref().take(ITEMS).collect();
        piece(written(what, &some));
    }
}

/// Nothing here refuses to be written: the bytes are in memory, and every length is known.
fn written(what: u8, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, vec![what]).unwrap_or_default()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Damaged> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;
    use crate::model::learner::tests::shop;

    fn saved(learner: &Learner) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        learner.save(&mut |piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn what_was_counted_comes_back_and_goes_on_alike() {
        let symbols = Symbols::default();
        let learner = shop(&symbols, 300);
        let mut again = Learner::default();
        for piece in saved(&learner) {
            again.restore(&piece).unwrap();
        }
        assert_eq!(again.survey(), learner.survey());
        assert_eq!(saved(&again), saved(&learner));
    }

    #[test]
    fn nonsense_is_an_error() {
        let symbols = Symbols::default();
        let mut pieces = saved(&shop(&symbols, 20));
        for piece in &mut pieces {
            let cut = &piece[..piece.len() - 1];
            assert_eq!(Learner::default().restore(cut), Err(Damaged));
            piece.push(0);
            assert_eq!(Learner::default().restore(piece), Err(Damaged));
        }
        for nonsense in [&[][..], &[9], &[CUSTOMERS, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
            assert_eq!(Learner::default().restore(nonsense), Err(Damaged));
        }
    }
}
