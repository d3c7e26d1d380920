//! The list as a table, as `ps` prints processes.

use std::fmt::{self, Write as _};

use super::info::{TaskInfo, WaitsFor, brief, place};
use super::list::Tasks;
use crate::scheduler::TaskState;

/// The width of the table.
const WIDTH: usize = 120;
/// The largest width of a column that is not a wait.
const MOST: usize = 28;
/// The indent of the further lines of a wait.
const INDENT: usize = 2;
/// The most waits of one task that are printed.
const MOST_WAITS: usize = 4;

/// The columns, and whether they are printed only for an observed loop.
const HEADINGS: [(&str, bool); 8] = [
    ("TASK", false),
    ("NAME", false),
    ("BY", true),
    ("AGE", true),
    ("POLLS", true),
    ("BUSY", true),
    ("SPAWNED AT", false),
    ("STATE", false),
];
const LAST_HEADING: &str = "WAITS FOR";

/// Printed under a table with an unknown wait.
const HINT: &str = "\n(A loop built with Builder::observe(true) knows more of \"something else\".)";

/// A table of the tasks. Made by [`Tasks::ps`].
pub struct Ps<'a>(&'a Tasks);

impl Tasks {
    /// A table: a line for each task, in the order of their spawning, and no line longer than 120 characters.
    #[inline]
    pub fn ps(&self) -> Ps<'_> {
        Ps(self)
    }
}

impl fmt::Display for Tasks {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ps().fmt(f)
    }
}

impl fmt::Debug for Ps<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Ps<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_observed = self.0.is_observed();
        let heading = HEADINGS.map(|(heading, _)| heading.to_owned());
        let rows: Vec<_> = self.0.iter().map(row).collect();
        let width = |column: usize| {
            let cells = rows.iter().chain([&heading]).map(|row| &row[column]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);
        let mut write_row = |row: &[String], last: &str| -> fmt::Result {
            let mut line = String::new();
            for (column, (_, if_observed)) in HEADINGS.iter().enumerate() {
                if is_observed || !if_observed {
                    write!(line, "{:1$}  ", row[column], widths[column])?;
                }
            }
            let left = line.chars().count();
            for (number, piece) in wrap(last, WIDTH.saturating_sub(left)).iter().enumerate() {
                if number > 0 {
                    line = " ".repeat(left + INDENT);
                }
                line += piece;
                writeln!(f, "{}", line.trim_end())?;
            }
            Ok(())
        };
        write_row(&heading, LAST_HEADING)?;
        let nothing: [String; HEADINGS.len()] = Default::default();
        for (row, task) in rows.iter().zip(self.0) {
            let waits = waits(task);
            let mut waits = waits.iter().map(String::as_str);
            write_row(row, waits.next().unwrap_or_default())?;
            waits.try_for_each(|wait| write_row(&nothing, wait))?;
        }
        let mut waits = self.0.iter().flat_map(|task| &task.waits_for);
        match is_observed || !waits.any(|what| matches!(what, WaitsFor::Other)) {
            true => Ok(()),
            false => writeln!(f, "{HINT}"),
        }
    }
}

#[inline]
fn row(task: &TaskInfo) -> [String; HEADINGS.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let columns = [
        task.id.to_string(),
        or_dash(task.name.clone()),
        or_dash(task.parent.map(|parent| parent.to_string())),
        or_dash(task.age.map(brief)),
        or_dash(task.polls.map(|polls| polls.to_string())),
        or_dash(task.busy.map(brief)),
        or_dash(task.location.map(place)),
        task.state.to_string(),
    ];
    columns.map(|column| cut(&column, MOST))
}

/// The waits of the task, one a line.
#[inline]
fn waits(task: &TaskInfo) -> Vec<String> {
    if task.state == TaskState::Ending {
        return Vec::new();
    }
    let all = task.waits_for.len();
    let told = if all > MOST_WAITS {
        MOST_WAITS - 1
    } else {
        all
    };
    let mut waits: Vec<String> = task.waits_for[..told]
        .iter()
        .map(ToString::to_string)
        .collect();
    if told < all {
        waits.push(format!("{} more", all - told));
    }
    waits
}

/// The text in lines of at most this width, broken between words if possible. Each line after the first has room for
/// its indent.
#[inline]
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let room = width.saturating_sub(if lines.len() > 1 { INDENT } else { 0 });
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word.to_owned(),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text, or its beginning and a mark.
#[inline]
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width - 1).collect();
    cut.push('…');
    cut
}
