//! The page, the pictures, the README and the figures hold together.

use std::fs;
use std::path::Path;

use super::{headline, page, picture};
use crate::plot;
use crate::results::{Results, root};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn recorded() -> Results {
    let text = read(&root().join("benches/results/compare.json"));
    Results::from_json(&serde_json::from_str(&text).expect("the figures are JSON"))
}

/// A folder for the pictures, which goes with the value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roundelay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the pictures");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

#[test]
fn the_page_and_its_pictures_are_what_the_figures_say() {
    let (results, folder) = (recorded(), Folder::new("page"));
    let plots = plot::draw(&results, &folder.0).expect("the plots are drawn");
    picture::draw(&results, &folder.0).expect("the picture is drawn");
    let pictures = root().join("benches/results");
    let written = page(&results, &plots, &root(), &pictures);
    let advice = "write it again: cargo bench --bench compare -- --report";
    assert!(
        written == read(&root().join("BENCHMARKS.md")),
        "BENCHMARKS.md is another page; {advice}"
    );
    let mut files: Vec<_> = plots.iter().map(|plot| plot.file.as_str()).collect();
    files.extend([picture::WIDE, picture::NARROW]);
    for file in files {
        let (new, kept) = (read(&folder.0.join(file)), read(&pictures.join(file)));
        assert!(new == kept, "{file} is another picture; {advice}");
    }
}

#[test]
fn the_readme_shows_the_picture_of_the_page() {
    let shown = headline::shown(Path::new("benches/results"));
    assert!(read(&root().join("README.md")).contains(&shown));
}

#[test]
fn the_head_of_the_page_has_at_most_ten_rows_and_shows_what_is_lost() {
    let answers = headline::answers(&recorded());
    assert!((5..=10).contains(&answers.len()), "{}", answers.len());
    assert!(answers.iter().any(|answer| answer.best.1 < answer.ours));
}

#[test]
fn what_has_no_figures_is_left_out() {
    let mut results = recorded();
    for row in ["yield_1", "hello"] {
        results.rows.remove(row).expect("the row has figures");
    }
    let left = headline::answers(&results);
    assert_eq!(left.len(), headline::answers(&recorded()).len() - 2);
    let text = page(&results, &[], Path::new(""), Path::new(""));
    assert!(!text.contains("yield, one task") && text.contains("yield, 1,000 tasks"));

    let nothing = page(&Results::default(), &[], Path::new(""), Path::new(""));
    assert!(!nothing.contains("<picture>") && !nothing.contains("What we lose"));
}
