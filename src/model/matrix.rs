//! Dense symmetric matrices: as much linear algebra as the models need.
//!
//! A thousand items make 8 MB and an inverse of 10⁹ multiplications, a second in the background;
//! a linear-algebra crate would bring more code than all of this program's own.

/// A square matrix by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

/// The matrix has no Cholesky factor: it is not positive definite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the matrix is not positive definite in row {0}: write a larger ridge penalty")]
pub struct NotPositive(pub usize);

impl Matrix {
    /// All zero.
    pub fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    /// Rows and columns.
    pub fn size(&self) -> usize {
        self.size
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.size..(row + 1) * self.size]
    }

    /// One row, to be changed.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.cells[row * self.size..(row + 1) * self.size]
    }

    /// One cell.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    /// Adds to one cell.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.size + column] += value;
    }

    /// All cells times a factor.
    pub fn scale(&mut self, factor: f64) {
        self.cells.iter_mut().for_each(|cell| *cell *= factor);
    }

    /// The lower factor L of self = L·Lᵀ; only the lower triangle of self is read.
    pub fn cholesky(&self) -> Result<Self, NotPositive> {
        let mut lower = Self::zero(self.size);
        for row in 0..self.size {
            for column in 0..=row {
                let sum = dot(&lower.row(row)[..column], &lower.row(column)[..column]);
                let rest = self.at(row, column) - sum;
                if row > column {
                    let value = rest / lower.at(column, column);
                    lower.row_mut(row)[column] = value;
                } else if rest > 0.0 {
                    lower.row_mut(row)[row] = rest.sqrt();
                } else {
                    return Err(NotPositive(row));
                }
            }
        }
        Ok(lower)
    }

    /// The solution x of self·x = right, for a positive definite matrix.
    pub fn solve(&self, right: &[f64]) -> Result<Vec<f64>, NotPositive> {
        let lower = self.cholesky()?;
        let mut x = right.to_vec();
        for row in 0..self.size {
            x[row] = (x[row] - dot(&lower.row(row)[..row], &x[..row])) / lower.at(row, row);
        }
        for row in (0..self.size).rev() {
            x[row] /= lower.at(row, row);
            let (value, above) = (x[row], &lower.row(row)[..row]);
            x.iter_mut().zip(above).for_each(|(x, cell)| *x -= value * cell);
        }
        Ok(x)
    }

    /// The inverse of a positive definite matrix.
    pub fn inverse(&self) -> Result<Self, NotPositive> {
        let lower = self.cholesky()?;
        // Rows of L⁻¹ by forward substitution, each a sum of rows above it: long, even strides.
        let mut inverse_lower = Self::zero(self.size);
        for row in 0..self.size {
            let mut sums = vec![0.0; row];
            for (above, factor) in lower.row(row)[..row].iter().enumerate() {
                let known = &inverse_lower.row(above)[..=above];
                sums.iter_mut().zip(known).for_each(|(sum, cell)| *sum -= factor * cell);
            }
            let pivot = lower.at(row, row);
            let target = inverse_lower.row_mut(row);
            target.iter_mut().zip(&sums).for_each(|(cell, sum)| *cell = sum / pivot);
            target[row] = 1.0 / pivot;
        }
        // self⁻¹ = L⁻ᵀ·L⁻¹: the sum of the outer products of the rows of L⁻¹.
        let mut inverse = Self::zero(self.size);
        for source in 0..self.size {
            let values = &inverse_lower.row(source)[..=source];
            for (row, factor) in values.iter().enumerate() {
                let target = &mut inverse.row_mut(row)[..=source];
                target.iter_mut().zip(values).for_each(|(cell, value)| *cell += factor * value);
            }
        }
        Ok(inverse)
    }
}

/// Σ left·right, in four sums that the processor can keep at once; always the same four.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (left_four, right_four) = (left.chunks_exact(4), right.chunks_exact(4));
    let rest: f64 =
        left_four.remainder().iter().zip(right_four.remainder()).map(|(l, r)| l * r).sum();
    for (l, r) in left_four.zip(right_four) {
        for lane in 0..4 {
            sums[lane] += l[lane] * r[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rows: &[&[f64]]) -> Matrix {
        Matrix { size: rows.len(), cells: rows.concat() }
    }

    #[test]
    fn the_inverse_equals_the_one_worked_out_by_hand() {
        // det = 4·3 − 1·1 = 11.
        let inverse = of(&[&[4.0, 1.0], &[1.0, 3.0]]).inverse().unwrap();
        let want = [3.0 / 11.0, -1.0 / 11.0, -1.0 / 11.0, 4.0 / 11.0];
        for (found, want) in inverse.cells.iter().zip(want) {
            assert!((found - want).abs() < 1e-14, "{inverse:?}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        assert_eq!(of(&[&[1.0, 2.0], &[2.0, 1.0]]).inverse(), Err(NotPositive(1)));
    }

    proptest! {
        #[test]
        fn an_inverse_and_a_solution_undo_the_matrix(
            seeds in prop::collection::vec(-1.0..1.0_f64, 49), right in prop::array::uniform7(-9.0..9.0_f64),
        ) {
            // AᵀA + I is positive definite for any A.
            let mut matrix = Matrix::zero(7);
            for row in 0..7 {
                for column in 0..7 {
                    let sum: f64 = (0..7).map(|k| seeds[k * 7 + row] * seeds[k * 7 + column]).sum();
                    matrix.add(row, column, sum + f64::from(u8::from(row == column)));
                }
            }
            let inverse = matrix.inverse().unwrap();
            let x = matrix.solve(&right).unwrap();
            for (row, right) in right.iter().enumerate() {
                prop_assert!((dot(matrix.row(row), &x) - right).abs() < 1e-9);
                for column in 0..7 {
                    let unit = dot(matrix.row(row), inverse.row(column));
                    let want = f64::from(u8::from(row == column));
                    prop_assert!((unit - want).abs() < 1e-9);
                }
            }
        }
    }
}
