//! The line in which jobs wait: first come, first served, and a job may leave from the middle.
//!
//! A job whose future is dropped must leave at once. Otherwise a server that times out its look-ups
//! while every worker hangs would collect cancelled jobs without end.
//!
//! So each job draws a ticket, a number that is never used twice. Tickets stand in the queue in
//! rising order, so a binary search finds the place of a job that leaves. The place becomes a hole.
//! When the holes outnumber the jobs, one sweep removes all holes. Joining and serving cost O(1),
//! leaving costs O(log n) plus its share of the sweep. Nothing allocates once the queue has grown
//! to its working size.

use std::collections::VecDeque;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::job::Job;

/// A place in the line. A stale ticket finds no job: no number is drawn twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// Unique among the jobs of the pool.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// A job that waits, and the line of code that offloaded it. The job has the location too, but to read it there would
/// touch the job's memory under the pool's lock.
pub(super) struct Waiting {
    pub(super) job: Arc<dyn Job>,
    pub(super) at: &'static Location<'static>,
}

#[derive(Default)]
pub(super) struct Line {
    places: VecDeque<(u64, Option<Waiting>)>,
    holes: usize,
    drawn: u64,
}

impl Line {
    /// How many jobs wait.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.holes
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Draws a ticket that has no place in the line (yet).
    #[inline]
    pub(super) fn draw(&mut self) -> Ticket {
        self.drawn += 1;
        Ticket(self.drawn)
    }

    /// Takes a place at the end of the line.
    #[inline]
    pub(super) fn join(&mut self, job: Waiting) -> Ticket {
        let ticket = self.draw();
        self.places.push_back((ticket.0, Some(job)));
        ticket
    }

    /// The job that has waited longest, and its ticket.
    #[inline]
    pub(super) fn serve(&mut self) -> Option<(Ticket, Waiting)> {
        while let Some((ticket, place)) = self.places.pop_front() {
            match place {
                Some(job) => return Some((Ticket(ticket), job)),
                None => self.holes -= 1,
            }
        }
        None
    }

    /// The place of a job that waits.
    #[inline]
    pub(super) fn place(&self, ticket: Ticket) -> Option<usize> {
        let place = self.places.binary_search_by_key(&ticket.0, |place| place.0);
        place.ok().filter(|place| self.places[*place].1.is_some())
    }

    /// Gives up a place. Returns `None` if the job was already served. The caller drops the job outside its lock.
    #[inline]
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waiting> {
        let place = self.place(ticket)?;
        let job = self.places[place].1.take()?;
        self.holes += 1;
        // Guarded by tests::holes_never_outnumber_the_jobs.
        if self.holes > self.places.len() / 2 {
            self.places.retain(|place| place.1.is_some());
            self.holes = 0;
        }
        Some(job)
    }

    /// Removes and returns all jobs that wait, in order.
    #[inline]
    pub(super) fn dismiss(&mut self) -> Line {
        let drawn = self.drawn;
        mem::replace(
            self,
            Line {
                drawn,
                ..Line::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::job::Slot;

    fn job() -> Waiting {
        let at = Location::caller();
        let job = Arc::new(Slot::new(|| (), at));
        Waiting { job, at }
    }

    fn same(served: Option<(Ticket, Waiting)>, job: &Arc<dyn Job>) -> bool {
        served.is_some_and(|(_, served)| Arc::ptr_eq(&served.job, job))
    }

    #[test]
    fn those_who_leave_do_not_disturb_the_order_of_the_others() {
        let mut line = Line::default();
        let jobs: Vec<_> = (0..100).map(|_| job()).collect();
        let handles: Vec<_> = jobs.iter().map(|waiting| waiting.job.clone()).collect();
        let tickets: Vec<_> = jobs.into_iter().map(|job| line.join(job)).collect();
        for n in (0..100).filter(|n| n % 3 != 0) {
            let left = line.leave(tickets[n]).map(|left| (tickets[n], left));
            assert!(same(left, &handles[n]));
            assert!(
                line.leave(tickets[n]).is_none(),
                "a ticket gave up two places"
            );
        }
        assert_eq!(line.len(), 34);
        for n in (0..100).step_by(3) {
            assert!(same(line.serve(), &handles[n]));
            assert!(
                line.leave(tickets[n]).is_none(),
                "a served job left the line"
            );
        }
        assert!(line.is_empty() && line.serve().is_none());
    }

    #[test]
    fn holes_never_outnumber_the_jobs() {
        let mut line = Line::default();
        line.join(job());
        for _ in 0..if cfg!(miri) { 100 } else { 10_000 } {
            let ticket = line.join(job());
            assert!(line.leave(ticket).is_some());
        }
        assert_eq!(line.len(), 1);
        assert!(
            line.places.len() <= 2,
            "jobs that have left keep their places in the line"
        );
        assert!(line.places.capacity() <= 8);
    }

    /// This holds too when jobs are served between the jobs that leave.
    #[test]
    fn holes_are_closed_together_and_not_each_by_itself() {
        let mut line = Line::default();
        let tickets: Vec<_> = (0..12).map(|_| line.join(job())).collect();
        for ticket in [11, 10, 9, 8, 7] {
            line.leave(Ticket(tickets[ticket].0));
        }
        assert_eq!((line.places.len(), line.len()), (12, 7));
        assert!(line.serve().is_some() && line.serve().is_some());
        assert_eq!((line.places.len(), line.len()), (10, 5));
        line.leave(Ticket(tickets[6].0));
        assert_eq!((line.places.len(), line.len()), (4, 4));
    }

    #[test]
    fn a_ticket_without_a_place_is_inert() {
        let mut line = Line::default();
        let ticket = line.draw();
        line.join(job());
        assert!(line.leave(ticket).is_none());
        assert_eq!(line.dismiss().len(), 1);
        assert!(line.is_empty());
    }
}
