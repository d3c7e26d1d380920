//! A chain: a list in order of arrival, which a node can leave from anywhere.
//!
//! *Before this:* [chapter 4](crate::scheduler). *Time:* 15 minutes. *Files, in reading order:*
//! this one.
//!
//! The wait list of [`sync`](crate::sync) and the line of a source in the reactor are chains.
//!
//! # The problem
//!
//! Tasks wait in the order in which they came. A `VecDeque` of wakers keeps that order. But a
//! time-out drops a waiting future, and its entry stands in the middle of the queue. To find the
//! entry takes a search. To close the gap moves all entries behind it, and so changes the index by
//! which each owner knows its entry.
//!
//! # The idea
//!
//! The nodes stand in a table (a slab, or any vector) and never move, so an index names a node for
//! as long as the node exists. The order is in the links: each node holds the index of the node
//! before it and of the node after it. The chain holds the two ends.
//!
//! ```text
//!   first --> [2] <--> [0] <--> [4] <-- last        in the table the nodes stand as 0, 2, 4
//!
//!   push_back(3)        2, 0, 4, 3
//!   then unlink(0)      2, 4, 3
//! ```
//!
//! Several chains may run through one table, and a node may go from one to another: `unlink` leaves
//! the node where it is. The chain borrows the table for each step only, so the owner of both may
//! store more in a node.
//!
//! # Proof
//!
//! *What holds between two steps.* Let a chain be the sequence of its nodes `n1 .. nk`. Then
//! `first` is `n1` and `last` is `nk`; for neighbours `a, b` in the sequence `a.after` is `b` and
//! `b.before` is `a`; `n1.before` and `nk.after` are [`NONE`]. If the sequence is empty, `first`
//! and `last` are [`NONE`].
//!
//! A uniform form of this rule: write [`NONE`] at both ends of the sequence, and let the chain
//! itself be the node [`NONE`], with `first` as its `after` and `last` as its `before`. The
//! sequence is then a ring, and the rule is one sentence: *for neighbours `a, b` in the ring,
//! `a.after` is `b` and `b.before` is `a`*. The functions `after_of` and `before_of` are this
//! sentence: they lead to a link of a node, or to an end of the chain.
//!
//! - [`EMPTY`](Chain::EMPTY): the ring is [`NONE`] alone, its own neighbour on both sides.
//! - [`push_back`](Chain::push_back) puts `n` between `a` (the old `last`) and [`NONE`]. The
//!   neighbours in the new ring are the old ones, with `a, n` and `n, NONE` instead of `a, NONE`.
//!   Four links say that, and `push_back` writes four.
//! - [`unlink`](Chain::unlink) removes `n` from between `a` and `b`. The neighbours are the old
//!   ones, with `a, b` instead of `a, n` and `n, b`. Two links say that, and `unlink` writes two.
//!   The links of `n` do not count any more.
//!
//! The proof needs three promises of the callers: a pushed node is in no chain, an unlinked node is
//! in this chain, and the table is the same each time. No `unsafe` depends on the promises.
//!
//! # Why not otherwise
//!
//! - *Links inside the futures* save the table, and need pinned memory and `unsafe` code.
//! - *A crate*: crates with such a list keep the nodes in a table of their own, so a node cannot go
//!   from one list to another, and two lists cannot share one table.
//!
//! *A list with links of its own*: the slots of the timer wheel (`time/wheel.rs`). A timer keeps
//! the level of its list in four bits of a link. With a [`Node`], and a word for the level beside
//! it, a timer takes 40 bytes instead of 32, and arming and cancelling it takes about as many
//! instructions (408 instead of 413, `arm_cancel` of `cargo bench --bench counters`). And the wheel
//! stays one file without a dependency.
//!
//! # What it costs
//!
//! Each step is O(1), and allocates nothing. A link is four bytes.
//!
//! # Next
//!
//! [`future`](mod@crate::future): several futures in one task.

use std::mem;
use std::ops::IndexMut;

/// The table of the nodes: a slab, a vector, a slice.
pub(crate) trait Table<T>: IndexMut<usize, Output = Node<T>> {}

impl<T, N> Table<T> for N where N: IndexMut<usize, Output = Node<T>> {}

/// No node: beyond both ends of a chain.
const NONE: u32 = u32::MAX;

/// A place in a chain, and its value.
pub(crate) struct Node<T> {
    before: u32,
    after: u32,
    pub(crate) value: T,
}

impl<T> Node<T> {
    /// Makes a node that is in no chain.
    pub(crate) fn new(value: T) -> Node<T> {
        Node {
            before: NONE,
            after: NONE,
            value,
        }
    }
}

/// The index of a node, in the size of a link.
///
/// # Panics
///
/// If the table has 2^32 - 1 nodes; they would take 100 GB.
pub(crate) fn index(place: usize) -> u32 {
    match u32::try_from(place) {
        Ok(index) if index != NONE => index,
        _ => panic!("fewer than 2^32 - 1 nodes in one table"),
    }
}

/// The two ends of a chain through a table.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    first: u32,
    last: u32,
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        first: NONE,
        last: NONE,
    };

    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// The node after this one.
    pub(crate) fn next<T>(nodes: &impl Table<T>, index: u32) -> Option<u32> {
        let after = nodes[index as usize].after;
        (after != NONE).then_some(after)
    }

    /// Appends a node that is in no chain.
    pub(crate) fn push_back<T>(&mut self, nodes: &mut impl Table<T>, index: u32) {
        let before = mem::replace(&mut self.last, index);
        let node = &mut nodes[index as usize];
        (node.before, node.after) = (before, NONE);
        *self.after_of(nodes, before) = index;
    }

    /// Removes a node from the chain. The node stays in the table.
    pub(crate) fn unlink<T>(&mut self, nodes: &mut impl Table<T>, index: u32) {
        let Node { before, after, .. } = nodes[index as usize];
        *self.after_of(nodes, before) = after;
        *self.before_of(nodes, after) = before;
    }

    /// The forward link of a node, or of the chain's beginning.
    fn after_of<'a, T: 'a>(&'a mut self, nodes: &'a mut impl Table<T>, index: u32) -> &'a mut u32 {
        match index {
            NONE => &mut self.first,
            index => &mut nodes[index as usize].after,
        }
    }

    /// The backward link of a node, or of the chain's end.
    fn before_of<'a, T: 'a>(&'a mut self, nodes: &'a mut impl Table<T>, index: u32) -> &'a mut u32 {
        match index {
            NONE => &mut self.last,
            index => &mut nodes[index as usize].before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::SystemTime;

    use slab::Slab;

    use super::*;

    /// The chain from front to back. Asserts that it is the same from back to front.
    fn read(chain: &Chain, nodes: &Slab<Node<u64>>) -> Vec<u64> {
        let (mut forward, mut back) = (Vec::new(), Vec::new());
        let mut next = chain.first();
        while let Some(index) = next {
            forward.push(nodes[index as usize].value);
            next = Chain::next(nodes, index);
        }
        let mut index = chain.last;
        while index != NONE {
            back.push(nodes[index as usize].value);
            index = nodes[index as usize].before;
        }
        back.reverse();
        assert_eq!(forward, back);
        forward
    }

    /// Two chains that share a table, and two queues of names and indices as their models.
    struct Pair {
        nodes: Slab<Node<u64>>,
        chains: [Chain; 2],
        models: [VecDeque<(u64, u32)>; 2],
        named: u64,
    }

    impl Pair {
        fn new() -> Pair {
            Pair {
                nodes: Slab::new(),
                chains: [Chain::EMPTY; 2],
                models: Default::default(),
                named: 0,
            }
        }

        fn come(&mut self, which: usize) {
            self.named += 1;
            let (name, key) = (self.named, index(self.nodes.insert(Node::new(self.named))));
            self.chains[which].push_back(&mut self.nodes, key);
            self.models[which].push_back((name, key));
        }

        /// Removes the node at a place of the queue, if the queue is not empty.
        fn take(&mut self, which: usize, place: usize) -> Option<(u64, u32)> {
            let place = place.checked_rem(self.models[which].len())?;
            let (name, key) = self.models[which].remove(place)?;
            self.chains[which].unlink(&mut self.nodes, key);
            Some((name, key))
        }

        fn go(&mut self, which: usize, place: usize) {
            if let Some((name, key)) = self.take(which, place) {
                assert_eq!(self.nodes.remove(key as usize).value, name);
            }
        }

        fn change_sides(&mut self, from: usize, place: usize) {
            if let Some((name, key)) = self.take(from, place) {
                self.chains[1 - from].push_back(&mut self.nodes, key);
                self.models[1 - from].push_back((name, key));
            }
        }

        fn assert_alike(&self) {
            for (chain, model) in self.chains.iter().zip(&self.models) {
                let names: Vec<u64> = model.iter().map(|(name, _)| *name).collect();
                assert_eq!(read(chain, &self.nodes), names);
            }
        }
    }

    /// A test of the proof above: two chains that share a table do the same as two `VecDeque`.
    #[test]
    fn random_comings_goings_and_changes_match_a_queue() {
        let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
        println!("seed {seed}");
        let mut random = seed;
        let mut pair = Pair::new();
        for step in 0..4_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (which, place) = (random as usize & 1, (random >> 8) as usize);
            // For 64 steps most nodes come, and for the next 64 most leave.
            let is_filling = step / 64 % 2 == 0;
            match random >> 61 {
                0 | 1 => pair.change_sides(which, place),
                2 | 3 => pair.come(which),
                4.. if is_filling => pair.come(which),
                _ => pair.go(which, place),
            }
            pair.assert_alike();
        }
    }
}
