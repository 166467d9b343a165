//! Chance that repeats itself: the same seed gives the same draws.
//!
//! ```text
//! (seed, stream, index) ──mix──► state ─► + golden gamma ─► mix ─► 64 bits ─► unit, below, gamma …
//! ```
//!
//! Each customer and each rep draws from a stream of its own, so that one more customer changes
//! nothing for the others. The generator is SplitMix64: Steele, Lea and Flood, "Fast Splittable
//! Pseudorandom Number Generators", OOPSLA 2014. Not for secrets.

/// One stream of draws.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

/// What a stream is drawn for; two purposes never share draws.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// What a customer is like.
    Customer = 1,
    /// What goes wrong, or well, with a customer.
    Episode = 2,
    /// What a customer does, order by order.
    Conduct = 3,
    /// What a rep is like, and the rep's slumps.
    Rep = 4,
    /// Prices and costs of a product.
    Product = 5,
    /// What a rep does about an alert.
    Answer = 6,
}

/// The odd integer next to 2⁶⁴ / φ.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of this purpose for the customer, rep or product with this index.
    pub(super) fn new(seed: u64, stream: Stream, index: usize) -> Self {
        let stream = mix(seed).wrapping_add((stream as u64).wrapping_mul(GOLDEN_GAMMA));
        Self { state: mix(mix(stream).wrapping_add(index as u64)) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Evenly from 0 (within) to 1 (without), in steps of 2⁻⁵³.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Evenly from `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number from `low` to `high`, both within.
    ///
    /// By multiplication, without rejection: the bias is below 2⁻⁴⁰ for the small ranges here.
    pub(super) fn whole(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high, "{low} is above {high}");
        let width = (high - low).unsigned_abs() + 1;
        let drawn = (u128::from(self.next()) * u128::from(width)) >> 64;
        low + i64::try_from(drawn).unwrap_or(0)
    }

    /// An index below `len`; 0 when `len` is 0.
    pub(super) fn index(&mut self, len: usize) -> usize {
        let last = i64::try_from(len).unwrap_or(i64::MAX).max(1) - 1;
        usize::try_from(self.whole(0, last)).unwrap_or(0)
    }

    /// True in this share of draws.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// An index drawn by weight; the last one when rounding leaves a rest.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.unit() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
            last = index;
        }
        last
    }

    /// Gamma with shape 4: a regular rhythm, whose deviation is half of its mean.
    pub(super) fn gamma_4(&mut self, mean: f64) -> f64 {
        // A product of four keeps to one logarithm; each factor is above 2⁻⁵³.
        let product: f64 = (0..4).map(|_| 1.0 - self.unit()).product();
        -product.ln() * mean / 4.0
    }

    /// Exponential: events that know nothing of each other.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    /// A factor round 1 with a tail to the right; `spread` is the deviation of its logarithm.
    pub(super) fn factor(&mut self, spread: f64) -> f64 {
        // Four uniform draws are near enough to a normal one: deviation √(4/12), no far tail.
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        ((sum - 2.0) * 3.0_f64.sqrt() * spread).exp()
    }
}

/// The finaliser of SplitMix64, Stafford's variant 13.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The nearest whole number of a float that is known to be small.
#[expect(clippy::cast_possible_truncation, reason = "amounts and spans of a demo are below 2^53")]
pub(super) fn round(value: f64) -> i64 {
    debug_assert!(value.abs() < 9e15, "{value} is no demo amount");
    value.round() as i64
}

/// The float of a whole number that is known to be small.
#[expect(clippy::cast_precision_loss, reason = "amounts and spans of a demo are below 2^53")]
pub(super) fn float(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(count: usize, mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(7, Stream::Conduct, 0);
        let all: Vec<f64> = (0..count).map(|_| draw(&mut random)).collect();
        let n = float(i64::try_from(count).unwrap());
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }

    #[test]
    fn the_generator_gives_the_published_sequence() {
        // First outputs of SplitMix64 from state 0, as listed with the reference program.
        let mut random = Random { state: 0 };
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn draws_have_the_mean_and_deviation_of_their_law() {
        type Draw = fn(&mut Random) -> f64;
        let table: [(&str, Draw, f64, f64); 5] = [
            ("unit", |r| r.unit(), 0.5, 1.0 / 12.0_f64.sqrt()),
            ("whole", |r| float(r.whole(-2, 2)), 0.0, 2.0_f64.sqrt()),
            ("gamma_4", |r| r.gamma_4(20.0), 20.0, 10.0),
            ("exponential", |r| r.exponential(3.0), 3.0, 3.0),
            ("factor", |r| r.factor(0.3).ln(), 0.0, 0.3),
        ];
        for (name, draw, mean, deviation) in table {
            let (m, d) = draws(40_000, draw);
            assert!((m - mean).abs() < 0.02 * deviation.max(1.0), "{name}: mean {m}");
            assert!((d / deviation - 1.0).abs() < 0.02, "{name}: deviation {d}");
        }
    }

    #[test]
    fn a_weight_is_a_share_of_draws() {
        let mut random = Random::new(1, Stream::Rep, 3);
        let mut counts = [0_u32; 3];
        for _ in 0..30_000 {
            counts[random.weighted([1.0, 0.0, 2.0].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((9_500..10_500).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, stream, index| Random::new(seed, stream, index).next();
        let all = [
            first(1, Stream::Customer, 0),
            first(2, Stream::Customer, 0),
            first(1, Stream::Episode, 0),
            first(1, Stream::Customer, 1),
        ];
        for (index, draw) in all.iter().enumerate() {
            assert!(!all[..index].contains(draw));
        }
    }
}
