//! A sort of little code. Each of the standard library's own sorts adds 4 KB to every program, or 24 KB, and its heap 1 KB.

/// Sorts pairs, the smallest first: J. W. J. Williams's heapsort.
#[cold]
#[inline(never)]
pub(crate) fn sort(pairs: &mut [(u64, u64)]) {
    let count = pairs.len();
    for parent in (0..count / 2).rev() {
        sift(pairs, parent);
    }
    for end in (1..count).rev() {
        pairs.swap(0, end);
        sift(&mut pairs[..end], 0);
    }
}

/// Makes a heap, with the largest pair at the top, of what is one except for `parent`.
#[inline(never)]
fn sift(heap: &mut [(u64, u64)], mut parent: usize) {
    loop {
        let left = 2 * parent + 1;
        let child = match heap.get(left..) {
            Some([left_pair, right_pair, ..]) if left_pair < right_pair => left + 1,
            Some([_, ..]) => left,
            _ => return,
        };
        if heap[parent] >= heap[child] {
            return;
        }
        heap.swap(parent, child);
        parent = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        let _watched = crate::watch::watch();
        for count in 0..200_u64 {
            // Few different numbers, so that many first halves are equal.
            let mut pairs: Vec<(u64, u64)> =
                (0..count).map(|i| (i * 7919 % 13, i * 31 % 17)).collect();
            let mut sorted = pairs.clone();
            sorted.sort();
            sort(&mut pairs);
            assert_eq!(pairs, sorted);
        }
    }
}
