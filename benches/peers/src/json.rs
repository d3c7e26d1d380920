//! Figures as JSON, and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::results::{Figures, Results};
use crate::rows::Metrics;

pub fn of_metrics(metrics: &Metrics) -> Value {
    let figures = metrics
        .iter()
        .map(|&(name, figure)| (name.to_string(), rounded(figure)));
    Value::Object(Map::from_iter(figures))
}

/// Rounds to four digits. The machine is not steady enough for more.
fn rounded(figure: f64) -> Value {
    let rounded = format!("{figure:.3e}").parse::<f64>().ok();
    rounded
        .filter(|figure| figure.is_finite())
        .map_or(Value::Null, Value::from)
}

impl Results {
    /// One line for each row and peer, so that two runs can be compared by eye.
    pub fn to_text(&self) -> serde_json::Result<String> {
        let mut lines = vec![format!(
            "\"about\": {}",
            serde_json::to_string_pretty(&self.about)?
        )];
        lines.push(format!(
            "\"errors\": {}",
            serde_json::to_string_pretty(&self.errors)?
        ));
        lines.push(format!("\"rows\": {}", nested(&self.rows)?));
        lines.push(format!("\"scales\": {}", nested(&self.scales)?));
        lines.push(format!("\"builds\": {}", flat(&self.builds)?));
        Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
    }

    pub fn from_json(value: &Value) -> Self {
        let tree = |value: &Value| -> BTreeMap<String, Value> {
            value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let words = |value: &Value| -> BTreeMap<String, String> {
            tree(value)
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_string())))
                .collect()
        };
        let figures = |value: Value| -> Figures {
            let numbers = |value: &Value| {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_f64)
                    .collect()
            };
            tree(&value)
                .into_iter()
                .map(|(name, value)| (name, numbers(&value)))
                .collect()
        };
        let peers = |value: Value| {
            tree(&value)
                .into_iter()
                .map(|(peer, value)| (peer, figures(value)))
                .collect()
        };
        let curve = |value: Value| {
            let points = tree(&value).into_iter();
            points
                .filter_map(|(alive, value)| Some((alive.parse().ok()?, figures(value))))
                .collect()
        };
        Results {
            about: words(&value["about"]),
            errors: tree(&value["errors"])
                .into_iter()
                .map(|(row, value)| (row, words(&value)))
                .collect(),
            rows: tree(&value["rows"])
                .into_iter()
                .map(|(row, value)| (row, peers(value)))
                .collect(),
            scales: tree(&value["scales"])
                .into_iter()
                .map(|(row, value)| {
                    (
                        row,
                        tree(&value)
                            .into_iter()
                            .map(|(peer, value)| (peer, curve(value)))
                            .collect(),
                    )
                })
                .collect(),
            builds: peers(value["builds"].clone()),
        }
    }
}

fn nested<T: serde::Serialize>(
    rows: &BTreeMap<String, BTreeMap<String, T>>,
) -> serde_json::Result<String> {
    let rows = rows
        .iter()
        .map(|(row, peers)| Ok(format!("  {}: {}", json!(row), flat(peers)?)));
    Ok(format!(
        "{{\n{}\n}}",
        rows.collect::<serde_json::Result<Vec<_>>>()?.join(",\n")
    ))
}

fn flat<T: serde::Serialize>(peers: &BTreeMap<String, T>) -> serde_json::Result<String> {
    let peers = peers.iter().map(|(peer, value)| {
        Ok(format!(
            "    {}: {}",
            json!(peer),
            serde_json::to_string(value)?
        ))
    });
    Ok(format!(
        "{{\n{}\n  }}",
        peers.collect::<serde_json::Result<Vec<_>>>()?.join(",\n")
    ))
}
