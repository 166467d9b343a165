//! Counts of many, copied at no cost: clones share their parts until one of them changes a part.
//!
//! ```text
//! clone ─► ║ part │ part │ part │ … ║     a change copies the one part that it touches, once
//! ```
//!
//! A snapshot takes a copy of what is learned at its place of the one order, and nothing there may
//! wait until a million customers are copied.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::model::matrix::Matrix;

/// Items in a part: few enough to be copied within a few microseconds.
const PART: usize = 128;

/// A list that only grows.
#[derive(Debug, Clone)]
pub(super) struct Shelf<T> {
    parts: Arc<Vec<Arc<Vec<T>>>>,
    length: usize,
}

/// Something known of names, found by their numbers.
#[derive(Debug, Clone)]
pub(super) struct ByName<T>(Shelf<Option<T>>);

/// The lower half of a symmetric matrix, with its diagonal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Vec<f64>>", into = "Vec<Vec<f64>>")]
pub(super) struct Triangle(Arc<Vec<Arc<Vec<f64>>>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { parts: Arc::default(), length: 0 }
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(Shelf::default())
    }
}

impl<T: Clone> Shelf<T> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, item: T) {
        let parts = Arc::make_mut(&mut self.parts);
        if self.length.is_multiple_of(PART) {
            parts.push(Arc::new(Vec::with_capacity(PART)));
        }
        if let Some(last) = parts.last_mut() {
            Arc::make_mut(last).push(item);
            self.length += 1;
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.parts.get(place / PART)?.get(place % PART)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let part = Arc::make_mut(&mut self.parts).get_mut(place / PART)?;
        Arc::make_mut(part).get_mut(place % PART)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

impl<T: Clone> ByName<T> {
    fn place(name: Symbol) -> usize {
        name.number() as usize
    }

    pub(super) fn get(&self, name: Symbol) -> Option<&T> {
        self.0.get(Self::place(name))?.as_ref()
    }

    pub(super) fn set(&mut self, name: Symbol, item: Option<T>) {
        let place = Self::place(name);
        while item.is_some() && self.0.len() <= place {
            self.0.push(None);
        }
        if let Some(known) = self.0.get_mut(place) {
            *known = item;
        }
    }

    /// Everything known, by rising numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Symbol, &T)> {
        self.0
            .iter()
            .zip(0..)
            .filter_map(|(item, number)| Some((Symbol::from_number(number)?, item.as_ref()?)))
    }
}

impl Triangle {
    /// All zero.
    pub(super) fn zero(size: usize) -> Self {
        let mut triangle = Self::default();
        triangle.grow(size);
        triangle
    }

    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// Has so many rows at least; new ones are zero.
    pub(super) fn grow(&mut self, size: usize) {
        if size > self.0.len() {
            let rows = Arc::make_mut(&mut self.0);
            (rows.len()..size).for_each(|row| rows.push(Arc::new(vec![0.0; row + 1])));
        }
    }

    /// Adds to one cell, whichever half it stands in.
    pub(super) fn add(&mut self, one: usize, other: usize, value: f64) {
        let row = Arc::make_mut(&mut self.0).get_mut(one.max(other)).map(Arc::make_mut);
        if let Some(cell) = row.and_then(|row| row.get_mut(one.min(other))) {
            *cell += value;
        }
    }

    /// All cells times a factor.
    pub(super) fn scale(&mut self, factor: f64) {
        for row in Arc::make_mut(&mut self.0) {
            for cell in Arc::make_mut(row) {
                *cell *= factor;
            }
        }
    }

    /// Both halves of the first rows; what is not there is zero.
    pub(super) fn matrix(&self, size: usize) -> Matrix {
        let mut matrix = Matrix::zero(size);
        for (row, cells) in self.0.iter().enumerate().take(size) {
            for (column, cell) in cells.iter().enumerate() {
                matrix.row_mut(row)[column] = *cell;
                matrix.row_mut(column)[row] = *cell;
            }
        }
        matrix
    }
}

impl From<Vec<Vec<f64>>> for Triangle {
    fn from(rows: Vec<Vec<f64>>) -> Self {
        let fitted = rows.into_iter().enumerate().map(|(row, mut cells)| {
            cells.resize(row + 1, 0.0);
            Arc::new(cells)
        });
        Self(Arc::new(fitted.collect()))
    }
}

impl From<Triangle> for Vec<Vec<f64>> {
    fn from(triangle: Triangle) -> Self {
        triangle.0.iter().map(|row| row.to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_stays_as_it_was_and_shares_what_nobody_changes() {
        let mut shelf = Shelf::default();
        (0..1_000).for_each(|number| shelf.push(number));
        let copy = shelf.clone();
        *shelf.get_mut(700).unwrap() = -1;
        shelf.push(-2);
        assert!(copy.iter().copied().eq(0..1_000));
        assert_eq!((shelf.len(), shelf.get(700), shelf.get(1_000)), (1_001, Some(&-1), Some(&-2)));
        assert_eq!((shelf.get(1_001), copy.get(1_000)), (None, None));
        let shared = shelf.parts.iter().zip(copy.parts.iter());
        assert_eq!(shared.filter(|(one, other)| !Arc::ptr_eq(one, other)).count(), 2);
    }

    #[test]
    fn names_are_found_set_and_forgotten() {
        let mut known = ByName::default();
        let name = |number| Symbol::from_number(number).unwrap();
        for number in [300, 5, 7] {
            known.set(name(number), Some(number));
        }
        known.set(name(7), None);
        known.set(name(9_000), None);
        assert_eq!(known.iter().map(|(_, item)| *item).collect::<Vec<_>>(), [5, 300]);
        assert_eq!(
            (known.get(name(5)), known.get(name(7)), known.get(name(8))),
            (Some(&5), None, None)
        );
    }

    #[test]
    fn a_triangle_is_a_symmetric_matrix() {
        let mut triangle = Triangle::zero(2);
        triangle.add(0, 1, 2.0);
        triangle.grow(4);
        triangle.add(3, 0, 1.0);
        triangle.add(9, 0, 1.0);
        triangle.scale(3.0);
        let matrix = triangle.matrix(5);
        for (row, column, want) in
            [(0, 1, 6.0), (1, 0, 6.0), (3, 0, 3.0), (0, 3, 3.0), (4, 4, 0.0_f64)]
        {
            assert_eq!(matrix.at(row, column).to_bits(), want.to_bits(), "{row} {column}");
        }
        assert_eq!(Triangle::from(Vec::from(triangle.clone())), triangle);
    }
}
