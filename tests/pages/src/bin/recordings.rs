//! Makes new recordings of examples, for the chapters of the book: `cargo run --package roundelay-pages --bin recordings`.
//!
//! Each gives a page in `tests/pages/recordings`, and a small picture in `src/record/pictures`, which the chapter shows.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

/// An example, the number of its loop, and the name of the recording.
const STORIES: [(&str, usize, &str); 5] = [
    ("08_starvation_and_yield", 1, "blocked"),
    ("08_starvation_and_yield", 2, "fair"),
    ("14_task_group", 1, "group"),
    ("15_producer_consumer", 1, "back_pressure"),
    ("27_lost_wake", 1, "lost_wake"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scratch = std::env::temp_dir().join(format!("roundelay-recordings-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    for (example, number, name) in STORIES {
        for (kind, folder) in [
            ("html", "tests/pages/recordings"),
            ("svg", "src/record/pictures"),
        ] {
            let status = Command::new(env!("CARGO"))
                .current_dir(&root)
                .args([
                    "run",
                    "--quiet",
                    "--release",
                    "--features",
                    "record",
                    "--example",
                    example,
                ])
                .env("ROUNDELAY_RECORD", scratch.join(format!("story.{kind}")))
                .status()?;
            if !status.success() {
                return Err(format!("the example {example} failed: {status}").into());
            }
            let written = match number {
                1 => format!("story.{kind}"),
                number => format!("story-{number}.{kind}"),
            };
            let into = root.join(folder);
            fs::create_dir_all(&into)?;
            fs::copy(scratch.join(written), into.join(format!("{name}.{kind}")))?;
        }
    }
    fs::remove_dir_all(&scratch)?;
    Ok(())
}
