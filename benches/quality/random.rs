//! Chance with a seed: the generator of NumPy's `default_rng`, so that the anchors' random draws
//! can be repeated exactly, and a normal and a Student law on top of it.
//!
//! PCG XSL RR 128/64, seeded through `SeedSequence`: O'Neill, "PCG: A Family of Simple Fast
//! Space-Efficient Statistically Good Algorithms for Random Number Generation", 2014, and "Developing
//! a `seed_seq` alternative", 2015. The trend rows show that the draws are the same: they equal the
//! anchors' to the last digit.

/// One stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u128,
    increment: u128,
}

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

impl Random {
    /// The stream that `numpy.random.default_rng(seed)` draws.
    pub(crate) fn new(seed: u64) -> Self {
        let words = seed_words(seed);
        let wide = |high: u64, low: u64| (u128::from(high) << 64) | u128::from(low);
        let increment = (wide(words[2], words[3]) << 1) | 1;
        let mut random = Self { state: 0, increment };
        random.step();
        random.state = random.state.wrapping_add(wide(words[0], words[1]));
        random.step();
        random
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded on purpose")]
    fn next(&mut self) -> u64 {
        self.step();
        let folded = ((self.state >> 64) as u64) ^ (self.state as u64);
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// Evenly from 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A number below `bound`, by multiplication.
    #[expect(clippy::cast_possible_truncation, reason = "below a bound that is an index")]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Two standard normal draws, by Box and Muller.
    pub(crate) fn normals(&mut self) -> (f64, f64) {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        (radius * cos, radius * sin)
    }

    /// Student's t with 3 degrees of freedom, scaled to variance 1.
    pub(crate) fn student(&mut self) -> f64 {
        let ((z, a), (b, c)) = (self.normals(), self.normals());
        z / (a * a + b * b + c * c).sqrt()
    }
}

/// NumPy's `SeedSequence(seed).generate_state(4, uint64)`.
fn seed_words(seed: u64) -> [u64; 4] {
    const INIT_A: u32 = 0x43b0_d7e5;
    const MULT_A: u32 = 0x931e_8875;
    const INIT_B: u32 = 0x8b51_f9dd;
    const MULT_B: u32 = 0x58f3_8ded;
    let mut constant = INIT_A;
    let mut hash = |value: u32| {
        let mixed = value ^ constant;
        constant = constant.wrapping_mul(MULT_A);
        let mixed = mixed.wrapping_mul(constant);
        mixed ^ (mixed >> 16)
    };
    let mix = |x: u32, y: u32| {
        let mixed = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
        mixed ^ (mixed >> 16)
    };
    #[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
    let entropy = [seed as u32, (seed >> 32) as u32, 0, 0];
    let mut pool = entropy.map(&mut hash);
    for source in 0..4 {
        for target in (0..4).filter(|target| *target != source) {
            pool[target] = mix(pool[target], hash(pool[source]));
        }
    }
    let mut constant = INIT_B;
    let mut words = [0_u32; 8];
    for (index, word) in words.iter_mut().enumerate() {
        let mixed = pool[index % 4] ^ constant;
        constant = constant.wrapping_mul(MULT_B);
        let mixed = mixed.wrapping_mul(constant);
        *word = mixed ^ (mixed >> 16);
    }
    [0, 1, 2, 3].map(|i| u64::from(words[2 * i]) | (u64::from(words[2 * i + 1]) << 32))
}
