//! Many durations: a table of counts.
//!
//! The buckets are a quarter of a power of two wide, so a value that is read from them is at most a quarter too large.
//! The largest value is kept exactly. This is the bucketing of Gil Tene's *HdrHistogram* with two bits.

use std::fmt;
use std::time::Duration;

/// Buckets for each power of two, and the number of bits for them.
const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 2;
/// Nanoseconds of 64 bits.
const BUCKETS: usize = (64 - PART_BITS as usize + 1) * PARTS;

/// The distribution of many durations.
///
/// ```
/// use std::time::Duration;
///
/// let mut event_loop = roundelay::EventLoop::builder().observe(true).build()?;
/// event_loop.run(roundelay::yield_now());
/// let histograms = event_loop.histograms().expect("it is observed");
/// assert_eq!(histograms.polls.count(), 2);
/// assert!(histograms.polls.quantile(0.5) <= histograms.polls.max());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    #[inline]
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            count: 0,
            sum: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    #[inline]
    pub(crate) fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
        self.max = self.max.max(duration);
    }

    /// The number of durations.
    #[inline]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all durations.
    #[inline]
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest duration, exactly.
    #[inline]
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The duration that this share of all durations does not exceed: one in a hundred is longer than `quantile(0.99)`.
    /// At most a quarter too large; zero without any duration.
    #[inline]
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let reached = self.buckets().find(|(_, count)| *count >= rank);
        reached.map_or(Duration::ZERO, |(end, _)| end.min(self.max))
    }

    /// The buckets that are not empty: the end of each, and how many durations are not longer. Prometheus calls these
    /// ends `le`.
    #[inline]
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut sum = 0;
        let occupied = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        occupied.map(move |(bucket, count)| {
            sum += count;
            (Duration::from_nanos(end_of(bucket)), sum)
        })
    }
}

#[inline]
fn bucket_of(nanos: u64) -> usize {
    let power = nanos.max(1).ilog2();
    if power < PART_BITS {
        return nanos as usize;
    }
    let shift = power - PART_BITS;
    (shift as usize + 1) * PARTS + (nanos >> shift) as usize % PARTS
}

/// The largest value of a bucket.
#[inline]
fn end_of(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let shift = (bucket / PARTS - 1) as u32;
    let begin = ((PARTS + bucket % PARTS) as u64) << shift;
    begin + ((1 << shift) - 1)
}

impl fmt::Display for Histogram {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, max, .. } = self;
        let (median, late) = (self.quantile(0.5), self.quantile(0.99));
        write!(
            f,
            "{count} times, median {median:.1?}, p99 {late:.1?}, longest {max:.1?}"
        )
    }
}

impl fmt::Debug for Histogram {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_bucket_that_ends_at_or_after_it_and_the_one_before_ends_sooner() {
        let _watched = crate::watch::watch();
        let powers = (0..64).map(|power| 1_u64 << power);
        let values =
            powers.flat_map(|power| [power - 1, power, power + 1, power / 3, power + power / 3]);
        for nanos in values.chain([u64::MAX]) {
            let bucket = bucket_of(nanos);
            assert!(end_of(bucket) >= nanos, "{nanos}");
            assert!(bucket == 0 || end_of(bucket - 1) < nanos, "{nanos}");
            assert!(
                end_of(bucket) - nanos <= nanos / 4,
                "{nanos}: too large by more than a quarter"
            );
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values_within_a_quarter() {
        let _watched = crate::watch::watch();
        let mut histogram = Histogram::default();
        assert_eq!(
            (histogram.count(), histogram.quantile(0.5)),
            (0, Duration::ZERO)
        );
        for micros in 1..=1000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.0, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1000)] {
            let exact = Duration::from_micros(micros);
            let found = histogram.quantile(share);
            assert!(
                exact <= found && found <= exact + exact / 4,
                "{share}: {found:?} for {exact:?}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_millis(1));
        assert_eq!(histogram.sum(), Duration::from_micros(500_500));
        assert_eq!(
            histogram.buckets().last(),
            Some((histogram.buckets().last().unwrap().0, 1000))
        );
    }
}
