//! What the random steps of the models are drawn with.

use std::iter::repeat_n;
use std::ops::Range;

use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};

/// A way to draw something, and how often it is to be taken among others.
pub(crate) type Choice<T> = (usize, fn(&mut Gen) -> T);

/// One of the choices, each as often as its number says.
pub(crate) fn one_of<T>(g: &mut Gen, choices: &[Choice<T>]) -> T {
    let tickets = choices
        .iter()
        .flat_map(|(weight, choice)| repeat_n(*choice, *weight));
    let tickets: Vec<_> = tickets.collect();
    g.choose(&tickets).expect("a choice")(g)
}

/// One of a few numbers, all of them as often.
pub(crate) fn among(g: &mut Gen, numbers: Range<usize>) -> usize {
    let numbers: Vec<usize> = numbers.collect();
    *g.choose(&numbers).expect("a number")
}

/// Holds a model against so many lives of at most so many steps. What fails is shrunk, and printed.
pub(crate) fn check(lives: u64, steps: usize, property: impl Testable) {
    QuickCheck::new()
        .tests(lives)
        .rng(Gen::new(steps))
        .quickcheck(property);
}

/// Which one of as many as there are when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index(usize);

impl Index {
    pub(crate) fn index(self, length: usize) -> usize {
        self.0 % length
    }
}

impl Arbitrary for Index {
    fn arbitrary(g: &mut Gen) -> Self {
        Index(among(g, 0..64))
    }
}

/// A small number, how much room there is for instance: shrinks with the steps.
macro_rules! small {
    ($name:ident, $range:expr) => {
        #[derive(Clone, Copy, Debug)]
        struct $name(usize);

        impl quickcheck::Arbitrary for $name {
            fn arbitrary(g: &mut quickcheck::Gen) -> Self {
                $name(crate::draw::among(g, $range))
            }
        }
    };
}
pub(crate) use small;
