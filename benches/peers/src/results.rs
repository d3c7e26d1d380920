//! What has been measured, and how several figures become one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::NOT_OFFERED;

/// What one process has measured: figures with names. All rows of the table that show one of them name it.
pub type Metrics = Vec<(&'static str, f64)>;

/// What all of them have measured.
#[derive(Default)]
pub struct Results {
    /// Row, peer, figure: one value for each repetition. Why there is none stands under `errors`.
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

    /// The rows that a peer has the means for, and yet could not do.
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

    /// Between these two lies the middle half of the values.
    pub fn quartiles_of(&self, row: &str, peer: &str, metric: &str) -> Option<(f64, f64)> {
        let mut values = self.rows.get(row)?.get(peer)?.get(metric)?.clone();
        values.sort_by(f64::total_cmp);
        (values.len() > 2).then(|| (quantile(&values, 0.25), quantile(&values, 0.75)))
    }

    /// Half the way between the quartiles, as a share of the median.
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

/// A share of sorted values lies below this one.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
