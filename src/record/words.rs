//! The words for times and names, in findings and in the text.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::recording::{Awaited, Cause, Recording, Task};

/// A duration with three digits at most: `820 ns`, `12.3 µs`, `80 ms`, `1.25 s`.
pub(super) struct Span(pub(super) Duration);

impl Display for Span {
    #[allow(clippy::cast_precision_loss)] // Three digits are shown.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 60 {
            return write!(f, "{} min {} s", seconds / 60, seconds % 60);
        }
        let mut value = self.0.as_nanos() as f64;
        let mut unit = "s";
        for smaller in ["ns", "µs", "ms"] {
            if value < 999.5 {
                unit = smaller;
                break;
            }
            value /= 1000.0;
        }
        let places = match value {
            _ if value < 9.995 => 2,
            _ if value < 99.95 => 1,
            _ => 0,
        };
        let digits = format!("{value:.places$}");
        let digits = match digits.contains('.') {
            true => digits.trim_end_matches('0').trim_end_matches('.'),
            false => &digits,
        };
        write!(f, "{digits} {unit}")
    }
}

/// `task 3 'server'`.
pub(super) struct Named<'a>(pub(super) u32, pub(super) Option<&'a str>);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(name) => write!(f, "task {} '{name}'", self.0),
            None => write!(f, "task {}", self.0),
        }
    }
}

/// `1 task`, `2 tasks`.
pub(super) fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

impl Recording {
    /// The task with this number. A loop records its tasks in the order of their numbers.
    pub(super) fn task(&self, number: u32) -> Option<&Task> {
        match self.tasks.binary_search_by_key(&number, |task| task.number) {
            Ok(place) => Some(&self.tasks[place]),
            Err(_) => self.tasks.iter().find(|task| task.number == number),
        }
    }

    /// A task by its number, and by its name if it has one.
    pub(super) fn named(&self, number: u32) -> Named<'_> {
        let name = self.task(number).and_then(|task| task.name.as_deref());
        Named(number, name)
    }

    /// What a task waits for.
    pub(super) fn awaited(&self, awaited: Awaited) -> String {
        match awaited {
            Awaited::Source(source) => format!("socket {source}"),
            Awaited::Task(task) => format!("the end of {}", self.named(task)),
            Awaited::Job(job) => format!("job {job}"),
        }
    }

    /// The cause of a wake of the task `woken`.
    pub(super) fn cause(&self, cause: Cause, woken: u32) -> String {
        match cause {
            Cause::Task(number) if number == woken => "itself".to_owned(),
            Cause::Task(number) => self.named(number).to_string(),
            Cause::Timer => "a timer".to_owned(),
            Cause::Source(source) => format!("socket {source}"),
            Cause::Thread => "another thread".to_owned(),
            Cause::Job(job) => format!("job {job}"),
            Cause::Outside => "code outside of all tasks".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_a_unit() {
        for (nanos, said) in [
            (0, "0 ns"),
            (820, "820 ns"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (12_340, "12.3 µs"),
            (80_000_000, "80 ms"),
            (100_000_000, "100 ms"),
            (1_254_000_000, "1.25 s"),
            (61_000_000_000, "1 min 1 s"),
        ] {
            assert_eq!(Span(Duration::from_nanos(nanos)).to_string(), said);
        }
    }
}
