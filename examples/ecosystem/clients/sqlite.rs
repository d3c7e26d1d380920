//! `sqlite`, tried by SQLite's own program.

use std::process::Command;

use crate::programs::{client, output, program};
use crate::watch;

#[test]
fn sqlites_own_program_finds_every_row() {
    let _watched = watch::watch_for(watch::PATIENCE * 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.db");
    let text = output(Command::new(program!("sqlite")).arg("--file").arg(&file));
    assert!(text.starts_with("10000 rows by 100 tasks in "), "{text}");
    assert!(
        text.contains(
            "\nthe database has 10000 rows, and the sum of their steps is 495000\nthe error of a wrong query: no such column: wrong"
        ),
        "{text}"
    );
    let mut sqlite = client("sqlite3", "sqlite3");
    let query = "SELECT count(DISTINCT writer), count(*), sum(step) FROM steps";
    assert_eq!(output(sqlite.arg(&file).arg(query)), "100|10000|495000\n");
}
