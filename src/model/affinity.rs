//! What goes with what? Item-item weights from how often items are met together.
//!
//! ```text
//! baskets (or owners) ─► decayed pair counts G ─► EASE: P = (G + λI)⁻¹, B_ij = −P_ij / P_jj
//!                                              └► B, the largest 32 of each target
//! score of j  =  Σ over the context i of B_ij, then / popularity^q
//! ```
//!
//! EASE answers with what an item adds beyond all others of the basket, not with what is bought
//! often. Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. The
//! division by a power of popularity takes back what is left of the preference for common items
//! (Steck 2011, "Item popularity and recommendation accuracy"); `q` is chosen on a window before
//! the one that is scored.
//!
//! Counts halve with age by forward decay: new counts weigh more, old ones are never touched, and
//! all are divided by the present weight when they are read.

use serde::Deserialize;
use serde::Serialize;

use crate::model::matrix::Matrix;
use crate::model::matrix::NotPositive;
use crate::model::shelf::Triangle;

/// Items that pairs are counted for, at most: 4 MB, and a fit of about a second.
pub const ITEMS_MAX: usize = 1_000;

/// Decayed counts of items and pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairCounts {
    /// The diagonal counts the item alone.
    counts: Triangle,
    baskets: f64,
    /// Days after `day_zero` at which a new basket weighs 1.
    base_day: f64,
    half_life_days: f64,
}

/// How far a weight may grow before all counts are rescaled.
const WEIGHT_MAX_LOG2: f64 = 40.0;

impl PairCounts {
    /// None yet; `half_life_days` may be infinite.
    pub fn new(items: usize, half_life_days: f64) -> Self {
        Self {
            counts: Triangle::zero(items.min(ITEMS_MAX)),
            baskets: 0.0,
            base_day: 0.0,
            half_life_days,
        }
    }

    /// Items counted.
    pub fn items(&self) -> usize {
        self.counts.size()
    }

    /// Makes room for so many items, up to [`ITEMS_MAX`].
    pub fn grow(&mut self, items: usize) {
        self.counts.grow(items.min(ITEMS_MAX));
    }

    /// An owner of `owned` takes one more item, which is not among them; whoever owns nothing yet
    /// counts as a new owner. Without decay: what is owned stays owned.
    pub fn acquire(&mut self, item: usize, owned: impl IntoIterator<Item = usize>) {
        if item >= self.counts.size() {
            return;
        }
        self.counts.add(item, item, 1.0);
        let mut first = true;
        for other in owned {
            first = false;
            if other < self.counts.size() {
                self.counts.add(item, other, 1.0);
            }
        }
        self.baskets += f64::from(u8::from(first));
    }

    /// Takes a basket of distinct items in, seen on a day; late ones enter with their own weight.
    /// Items beyond [`ITEMS_MAX`] are not counted.
    pub fn add(&mut self, basket: &[usize], day: f64) {
        if (day - self.base_day) / self.half_life_days > WEIGHT_MAX_LOG2 {
            let shrink = (-(day - self.base_day) / self.half_life_days).exp2();
            self.counts.scale(shrink);
            self.baskets *= shrink;
            self.base_day = day;
        }
        let weight = ((day - self.base_day) / self.half_life_days).exp2();
        self.baskets += weight;
        let known = |item: &&usize| **item < self.counts.size();
        let items: Vec<usize> = basket.iter().filter(known).copied().collect();
        for (index, one) in items.iter().enumerate() {
            for other in &items[..=index] {
                self.counts.add(*one, *other, weight);
            }
        }
    }

    /// The counts as of a day: a basket of that day weighs 1.
    pub fn gram(&self, day: f64) -> Gram {
        self.gram_of(day, self.counts.size())
    }

    /// The same of the first items alone.
    pub fn gram_of(&self, day: f64, items: usize) -> Gram {
        let now = (-(day - self.base_day) / self.half_life_days).exp2();
        let mut counts = self.counts.matrix(items);
        counts.scale(now);
        Gram { counts, baskets: self.baskets * now }
    }
}

/// Counts of pairs at one instant, symmetric.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    /// Baskets with both; with the item, on the diagonal.
    pub counts: Matrix,
    /// Baskets in all.
    pub baskets: f64,
}

/// Weights of context items for each target.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinity {
    /// Row i, column j: what i in the context says for j.
    weights: Matrix,
    /// Share of baskets that hold the item, raised to q: what scores are divided by.
    divisors: Vec<f64>,
}

/// How affinities are made; the values are chosen on a validation window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffinityRule {
    /// Ridge penalty λ, in baskets.
    pub ridge: f64,
    /// Power q of popularity that scores are divided by; 0 leaves them.
    pub popularity_power: f64,
    /// Weights kept for each target.
    pub keep: usize,
}

impl AffinityRule {
    /// Chosen on Complete Journey, days 182 to 272, for a basket; 32 weights a target cost it less
    /// than a hundredth.
    pub const START: Self = Self { ridge: 60.0, popularity_power: 0.3, keep: 32 };
}

impl Affinity {
    /// Fits the weights; fails only for a ridge that is not positive.
    pub fn fit(gram: &Gram, rule: &AffinityRule) -> Result<Self, NotPositive> {
        let size = gram.counts.size();
        let mut ridged = gram.counts.clone();
        (0..size).for_each(|item| ridged.add(item, item, rule.ridge));
        let mut weights = ridged.inverse()?;
        let pivots: Vec<f64> = (0..size).map(|item| weights.at(item, item)).collect();
        for row in 0..size {
            let cells = weights.row_mut(row).iter_mut().zip(&pivots);
            cells.for_each(|(cell, pivot)| *cell = -*cell / pivot);
            weights.row_mut(row)[row] = 0.0;
        }
        keep_largest(&mut weights, rule.keep);
        let divisors = (0..size).map(|item| {
            let share = gram.counts.at(item, item) / gram.baskets.max(1.0);
            (share + 1e-3).powf(rule.popularity_power)
        });
        Ok(Self { weights, divisors: divisors.collect() })
    }

    /// What item `from` in the context says for item `to`.
    pub fn weight(&self, from: usize, to: usize) -> f64 {
        self.weights.at(from, to)
    }

    /// What the score of an item is divided by.
    pub fn divisor(&self, item: usize) -> f64 {
        self.divisors[item]
    }

    /// Scores of all items for a context; to be compared with each other only.
    pub fn scores(&self, context: &[usize]) -> Vec<f64> {
        self.scores_after(context, &[], 0.0)
    }

    /// The same with what the customer's history says, by another set of weights over owned items
    /// (undivided), counted `weight` times: a basket tells more than a history, both tell most.
    pub fn scores_after(&self, context: &[usize], history: &[f64], weight: f64) -> Vec<f64> {
        let mut scores = vec![0.0; self.weights.size()];
        for item in context.iter().filter(|item| **item < self.weights.size()) {
            let weights = self.weights.row(*item);
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += weight);
        }
        scores.iter_mut().zip(history).for_each(|(score, known)| *score += weight * known);
        let divided = scores.iter_mut().zip(&self.divisors);
        divided.for_each(|(score, divisor)| *score /= divisor);
        scores
    }
}

/// Clears all but the largest weights, by size, of each target (column); ties at the border stay.
fn keep_largest(weights: &mut Matrix, keep: usize) {
    let size = weights.size();
    if keep >= size {
        return;
    }
    for column in 0..size {
        let mut sizes: Vec<f64> = (0..size).map(|row| weights.at(row, column).abs()).collect();
        sizes.sort_by(|one, other| other.total_cmp(one));
        let border = sizes.get(keep.max(1) - 1).copied().unwrap_or(0.0);
        for row in 0..size {
            if weights.at(row, column).abs() < border {
                weights.row_mut(row)[column] = 0.0;
            }
        }
    }
}

/// The best items by score that are allowed; of equal scores the lower index first.
pub fn best(scores: &[f64], allowed: impl Fn(usize) -> bool, number: usize) -> Vec<usize> {
    let mut items: Vec<usize> = (0..scores.len()).filter(|item| allowed(*item)).collect();
    items.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other)));
    items.truncate(number);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram() -> Gram {
        let rows = [
            [10.0, 4.0, 1.0, 0.0],
            [4.0, 8.0, 3.0, 2.0],
            [1.0, 3.0, 6.0, 1.0],
            [0.0, 2.0, 1.0, 5.0],
        ];
        let mut counts = Matrix::zero(4);
        for (row, cells) in rows.iter().enumerate() {
            counts.row_mut(row).copy_from_slice(cells);
        }
        Gram { counts, baskets: 20.0 }
    }

    /// NumPy 2.4: `P = inv(G + 2 I); B = -P / diag(P)`, diagonal 0.
    #[test]
    fn weights_equal_numpy() {
        let rule = AffinityRule { ridge: 2.0, popularity_power: 0.0, keep: 4 };
        let affinity = Affinity::fit(&gram(), &rule).unwrap();
        let want = [
            [0.0, 0.307_810_107_197_549_75, -0.014_705_882_352_941_188, -0.075_880_758_807_588_07],
            [0.430_406_852_248_394, 0.0, 0.294_117_647_058_823_6, 0.214_092_140_921_409_24],
            [-0.021_413_276_231_263_392, 0.306_278_713_629_402_73, 0.0, 0.054_200_542_005_420_05],
            [-0.119_914_346_895_074_96, 0.241_960_183_767_228_14, 0.058_823_529_411_764_684, 0.0],
        ];
        for (from, row) in want.iter().enumerate() {
            for (to, want) in row.iter().enumerate() {
                assert!((affinity.weight(from, to) - want).abs() < 1e-12, "{from} {to}");
            }
        }
        let scores = affinity.scores(&[0, 3]);
        assert!((scores[1] - (0.307_810_107_197_549_75 + 0.241_960_183_767_228_14)).abs() < 1e-12);
        assert_eq!(best(&scores, |item| item != 0 && item != 3, 2), [1, 2]);
    }

    #[test]
    fn each_target_keeps_its_largest_weights() {
        let rule = AffinityRule { ridge: 2.0, popularity_power: 0.0, keep: 1 };
        let affinity = Affinity::fit(&gram(), &rule).unwrap();
        let kept: Vec<Vec<usize>> = (0..4)
            .map(|to| (0..4).filter(|from| affinity.weight(*from, to) != 0.0).collect())
            .collect();
        assert_eq!(kept, [[1], [0], [1], [1]]);
    }

    #[test]
    fn old_baskets_fade_and_late_ones_enter_with_their_age() {
        let mut counts = PairCounts::new(3, 10.0);
        counts.add(&[0, 1], 20.0);
        counts.add(&[1, 2], 0.0); // late: two half-lives
        counts.add(&[0, 1, 2], 1_000.0); // far on: the others are rescaled away
        let gram = counts.gram(1_000.0);
        assert!((gram.counts.at(0, 1) - 1.0).abs() < 1e-9 && (gram.baskets - 1.0).abs() < 1e-9);
        let mut counts = PairCounts::new(3, 10.0);
        counts.add(&[0, 1], 20.0);
        counts.add(&[1, 2], 0.0);
        let gram = counts.gram(20.0);
        let found = [(0, 1), (1, 0), (2, 1), (1, 1)].map(|(i, j)| gram.counts.at(i, j));
        for (found, want) in found.iter().zip([1.0, 1.0, 0.25, 1.25]) {
            assert!((found - want).abs() < 1e-12, "{found} {want}");
        }
    }

    #[test]
    fn owners_are_counted_as_they_acquire() {
        let (mut owners, mut whole) =
            (PairCounts::new(0, f64::INFINITY), PairCounts::new(3, f64::INFINITY));
        owners.grow(3);
        owners.acquire(1, []);
        owners.acquire(0, [1]);
        owners.acquire(2, [0, 1]);
        owners.acquire(2, []);
        whole.add(&[0, 1, 2], 0.0);
        whole.add(&[2], 0.0);
        assert_eq!(owners.gram_of(0.0, 3), whole.gram(0.0));
        assert!((owners.gram_of(0.0, 2).counts.at(0, 1) - 1.0).abs() < 1e-12);
    }
}
