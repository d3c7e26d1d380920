//! Finds the job that has woken a task.
//!
//! A thread of the pool that has done a job wakes the waiting task by a note in the inbox, as any other thread would. A
//! note holds only the number of the task. But the recording has more: the task has recorded the jobs that it waits
//! for, and the pool has recorded the jobs that are done. So the job is found when the recording is read, and the loop
//! does not search for it.

use std::collections::{HashMap, HashSet};

use super::recording::{Awaited, Cause, Event, What};

/// If another thread wakes a task, and a job that the task waits for is done before that wake, the job is the cause.
/// `events` are in the order of time.
pub(super) fn name_the_jobs(events: &mut [Event]) {
    let mut polled = None;
    let mut awaited: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut done = HashSet::new();
    for event in events {
        match &mut event.what {
            What::Poll(task) => polled = Some(*task),
            What::Awaits(Awaited::Job(job)) => {
                let task = polled.unwrap_or_default();
                awaited.entry(task).or_default().push(*job);
            }
            What::JobEnds(job) => drop(done.insert(*job)),
            What::Wake(task, cause @ Cause::Thread) => {
                let Some(jobs) = awaited.get_mut(task) else {
                    continue;
                };
                if let Some(place) = jobs.iter().position(|job| done.contains(job)) {
                    *cause = Cause::Job(jobs.remove(place));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wake_is_by_the_job_that_the_task_awaits_if_that_is_done() {
        let _watched = crate::watch::watch();
        let wake = What::Wake(1, Cause::Thread);
        let mut events = [
            What::Poll(1),
            What::Submit(7),
            What::Awaits(Awaited::Job(7)),
            What::Waits(1),
            wake,
            What::JobEnds(7),
            What::Wake(2, Cause::Thread),
            wake,
            wake,
        ]
        .map(|what| Event::new(Duration::ZERO, what));
        name_the_jobs(&mut events);
        let causes: Vec<_> = events
            .iter()
            .filter_map(|event| match event.what {
                What::Wake(_, cause) => Some(cause),
                _ => None,
            })
            .collect();
        let by_thread = Cause::Thread;
        assert_eq!(causes, [by_thread, by_thread, Cause::Job(7), by_thread]);
    }
}
