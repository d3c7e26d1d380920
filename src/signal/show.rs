//! Shows the tasks of a running program, from a shell.

use std::io::{self, Write};

use super::{Kind, listen};
use crate::task::{self, AbortOnDrop};

/// Prints the [table and the tree](crate::inspect) of this loop's tasks on standard error whenever a signal of this
/// kind comes, for as long as the handle is kept. asyncio's `python -m asyncio ps`.
///
/// The loop itself prints, between two polls. So a task that holds the thread delays the answer too.
///
/// # Errors
///
/// As [`listen`].
///
/// # Panics
///
/// If no loop is running on this thread.
///
/// ```
/// use roundelay::signal::{self, Kind};
///
/// roundelay::run(async {
///     let _shown = signal::show_tasks(Kind::USER_1)?; // `kill -USR1` shows them
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn show_tasks(on: Kind) -> io::Result<AbortOnDrop<()>> {
    let mut signals = listen([on])?;
    let show = async move {
        while signals.recv().await.is_ok() {
            let tasks = task::all();
            let shown = writeln!(io::stderr(), "{}\n{}", tasks.ps(), tasks.pstree());
            // A closed standard error is not reported.
            drop(shown);
        }
    };
    let name = format!("shows the tasks on {on:?}");
    let handle = task::Builder::new().name(name).spawn(show);
    Ok(handle.abort_on_drop())
}
