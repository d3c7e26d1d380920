//! Numbers that a seed repeats: for races, for a shuffled order, and for the faults of a network in memory.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a counter whose bits are mixed. Small, and random enough for a
/// test.
pub(crate) struct Draw(Cell<u64>);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn restart(&self, seed: u64) {
        self.0.set(seed);
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`. All are equally likely, to within `bound` in 2^64. Zero if the bound is zero.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers for the seed 1234567, as the authors' program prints them.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let draw = Draw::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| draw.next()).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn every_number_below_the_bound_is_drawn_about_as_often() {
        let draw = Draw::new(7);
        let mut counts = [0; 5];
        (0..5_000).for_each(|_| counts[draw.below(5) as usize] += 1);
        let is_fair = |count: &i32| (900..1_100).contains(count);
        assert!(counts.iter().all(is_fair), "{counts:?}");
        assert_eq!((draw.below(1), draw.below(0)), (0, 0));
    }
}
