//! The figures that were measured, and how several become one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::NOT_OFFERED;

/// The figures that one process has measured, with their names. A row of the table shows a figure by its name.
pub type Metrics = Vec<(&'static str, f64)>;

/// The figures of all processes.
#[derive(Default)]
pub struct Results {
    /// Row, peer, figure: one value for each repetition. If there is none, `errors` has the reason.
    pub rows: BTreeMap<String, BTreeMap<String, Figures>>,
    /// Row, peer, how many alive, figure.
    pub scales: BTreeMap<String, BTreeMap<String, BTreeMap<usize, Figures>>>,
    pub builds: BTreeMap<String, Figures>,
    pub errors: BTreeMap<String, BTreeMap<String, String>>,
    /// Machine, versions, date, command.
    pub about: BTreeMap<String, String>,
}

pub type Figures = BTreeMap<String, Vec<f64>>;

impl Results {
    pub fn median_of(&self, row: &str, peer: &str, metric: &str) -> Option<f64> {
        let mut values = self.rows.get(row)?.get(peer)?.get(metric)?.clone();
        (!values.is_empty()).then(|| median(&mut values))
    }

    /// The rows that a peer could not do, although it offers what they need.
    pub fn failed_rows(&self, peer: &str) -> Vec<&str> {
        let has_failed = |errors: &BTreeMap<String, String>| {
            errors.get(peer).is_some_and(|reason| reason != NOT_OFFERED)
        };
        self.errors
            .iter()
            .filter(|(_, errors)| has_failed(errors))
            .map(|(row, _)| row.as_str())
            .collect()
    }

    /// The two values between which the middle half of the values is.
    pub fn quartiles_of(&self, row: &str, peer: &str, metric: &str) -> Option<(f64, f64)> {
        let mut values = self.rows.get(row)?.get(peer)?.get(metric)?.clone();
        values.sort_by(f64::total_cmp);
        (values.len() > 2).then(|| (quantile(&values, 0.25), quantile(&values, 0.75)))
    }

    /// Half the distance between the quartiles, as a share of the median.
    pub fn spread_of(&self, row: &str, peer: &str, metric: &str) -> Option<f64> {
        let middle = self.median_of(row, peer, metric)?;
        let (low, high) = self.quartiles_of(row, peer, metric)?;
        (middle > 0.0).then(|| (high - low) / 2.0 / middle)
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which this share of the sorted values is.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
