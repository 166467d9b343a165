//! Which category that a customer never bought do customers like it buy?
//!
//! Owners instead of baskets are counted in pairs, and a shrunk log-lift ranks:
//! `logit P_j + Σ ln[(C_ij + 20) / (E_ij + 20)] / √n`, with n the number of owned categories and E
//! the owners expected if nothing went with anything (shrinkage to the base rate: DuMouchel,
//! "Bayesian data mining in large frequency tables", American Statistician 1999). A raw lift is
//! worse than chance: rare pairs win it.

use crate::model::affinity::Gram;
use crate::state::detector::count;

/// Pseudo-owners of each pair.
const PRIOR: f64 = 20.0;

/// Shrunk log-lift of every item for an owner of `owned`; `gram` counts customers.
pub fn lift_scores(gram: &Gram, owned: &[usize]) -> Vec<f64> {
    let size = gram.counts.size();
    let customers = gram.baskets.max(1.0);
    let owners = |item: usize| gram.counts.at(item, item);
    let spread = count(owned.len().max(1)).sqrt();
    (0..size)
        .map(|to| {
            let share = owners(to) / customers;
            let base = (share / (1.0 - share + 1e-9)).ln().clamp(-9.0, 9.0);
            let lift = |from: &usize| {
                let expected = owners(*from) * owners(to) / customers;
                ((gram.counts.at(*from, to) + PRIOR) / (expected + PRIOR)).ln()
            };
            let others = owned.iter().filter(|from| **from != to && **from < size);
            base + others.map(lift).sum::<f64>() / spread
        })
        .collect()
}

/// How many customers own both items, and how many own the first: the evidence "n of m peers that
/// buy X also buy Z".
pub fn peers_who_own(gram: &Gram, owned: usize, item: usize) -> (f64, f64) {
    (gram.counts.at(owned, item), gram.counts.at(owned, owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matrix::Matrix;

    #[test]
    fn a_shrunk_lift_equals_the_case_worked_out_by_hand() {
        let mut counts = Matrix::zero(3);
        for (row, cells) in
            [[40.0, 30.0, 2.0], [30.0, 50.0, 5.0], [2.0, 5.0, 10.0]].iter().enumerate()
        {
            counts.row_mut(row).copy_from_slice(cells);
        }
        let gram = Gram { counts, baskets: 100.0 };
        let scores = lift_scores(&gram, &[0, 1]);
        // Of 2: base ln(.1/.9); lifts ln(22/24) and ln(25/25), over √2.
        let want = (0.1_f64 / 0.9).ln() + (22.0_f64 / 24.0).ln() / 2.0_f64.sqrt();
        assert!((scores[2] - want).abs() < 1e-8, "{}", scores[2]);
        assert_eq!(peers_who_own(&gram, 0, 1), (30.0, 40.0));
    }
}
