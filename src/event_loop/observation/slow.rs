//! What has held the thread for longer than the limit: noted while the loop runs, logged afterwards.

use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::Location;
use std::time::Duration;

use super::deed::{Actor, Deed};
use crate::foreign::{self, Level};

/// Equal deeds of tasks from the same line are counted together.
type Site = (Deed, Option<&'static Location<'static>>);

pub(super) struct SlowDeeds {
    loop_name: String,
    limit: Duration,
    /// How often each site was too slow.
    counts: RefCell<Vec<(Site, u64)>>,
    /// The lines to log.
    lines: RefCell<Vec<Line>>,
    has_news: Cell<bool>,
}

struct Line {
    text: String,
    /// Whether this is the first line about its site.
    is_first: bool,
}

impl SlowDeeds {
    #[inline]
    pub(super) fn new(loop_name: &str, limit: Duration) -> Self {
        Self {
            loop_name: loop_name.to_owned(),
            limit,
            counts: RefCell::default(),
            lines: RefCell::default(),
            has_news: Cell::new(false),
        }
    }

    #[inline]
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.has_news.get()
    }

    /// Logs the first, the second, the fourth time and so on.
    #[cold]
    #[inline]
    pub(super) fn note(&self, actor: &Actor<'_>, took: Duration) {
        let site = (actor.deed, actor.task.map(|(_, location)| location));
        let count = self.count(site);
        if !count.is_power_of_two() {
            return;
        }
        let text = format!(
            "{}: {actor} held the thread for {took:.1?}, which is more than {:?}{}; {}",
            self.loop_name,
            self.limit,
            so_far(count),
            advice(actor.deed)
        );
        let is_first = count == 1;
        self.lines.borrow_mut().push(Line { text, is_first });
        self.has_news.set(true);
    }

    /// Counts this time, and returns the count of the site. There are few such sites in a program, and each was slow.
    #[inline]
    fn count(&self, site: Site) -> u64 {
        let mut counts = self.counts.borrow_mut();
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == site) {
            *count += 1;
            return *count;
        }
        counts.push((site, 1));
        1
    }

    /// Writes the lines to the log. Without a logger, the first line of each site goes to standard error.
    #[inline]
    pub(super) fn tell(&self) {
        if !self.has_news.replace(false) {
            return;
        }
        // A statement of its own, so that nothing is borrowed while the sink of the log runs.
        let lines = mem::take(&mut *self.lines.borrow_mut());
        for Line { text, is_first } in lines {
            if is_first || !foreign::is_deaf() {
                foreign::tell_somebody(Level::Warn, foreign::SLOW, text);
            }
        }
    }
}

#[inline]
fn so_far(count: u64) -> String {
    match count {
        1 => String::new(),
        count => format!(", {count} times so far"),
    }
}

#[inline]
fn advice(deed: Deed) -> &'static str {
    match deed {
        Deed::Poll => {
            "let it yield (roundelay::yield_now) or move the work to a thread (roundelay::offload)"
        }
        Deed::Drop | Deed::Settle => "let a thread drop it (roundelay::offload)",
        Deed::Call => "let it spawn a task that yields",
        Deed::Look => "a waker of another executor, or the sink of the log, is slow",
    }
}
