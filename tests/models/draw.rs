//! Draws the random steps of the models.

use std::iter::repeat_n;
use std::ops::Range;

use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};

/// A way to draw something, with its weight among other ways.
pub(crate) type Choice<T> = (usize, fn(&mut Gen) -> T);

/// Draws one of the choices. Each is taken as often as its weight says.
pub(crate) fn one_of<T>(g: &mut Gen, choices: &[Choice<T>]) -> T {
    let tickets = choices
        .iter()
        .flat_map(|(weight, choice)| repeat_n(*choice, *weight));
    let tickets: Vec<_> = tickets.collect();
    g.choose(&tickets).expect("a choice")(g)
}

/// Draws one of a few numbers. Each is taken equally often.
pub(crate) fn among(g: &mut Gen, numbers: Range<usize>) -> usize {
    let numbers: Vec<usize> = numbers.collect();
    *g.choose(&numbers).expect("a number")
}

/// Checks a property in `lives` random lives of at most `steps` steps. A life that fails is shrunk and printed.
pub(crate) fn check(lives: u64, steps: usize, property: impl Testable) {
    QuickCheck::new()
        .tests(lives)
        .rng(Gen::new(steps))
        .quickcheck(property);
}

/// The index of a random item. The number of items is known only when it is used.
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

/// A small number, for instance the room of a queue. It shrinks with the steps.
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
