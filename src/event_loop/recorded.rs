//! Recording, as a user of the loop sees it.

use super::{Builder, EventLoop};
use crate::record::{JobLog, Probe, Recording};

impl Builder {
    /// Records every step of the loop, in a ring of so many bytes: the last events, sixteen bytes each. All of the ring is allocated
    /// when the loop is made. Default: nothing is recorded. See [`record`](crate::record).
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::builder().record(1 << 20).build()?;
    /// event_loop.run(roundelay::yield_now());
    /// let recording = event_loop.recording().expect("it was asked for");
    /// assert!(recording.events.len() > 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn record(mut self, bytes: usize) -> Self {
        self.record = bytes;
        self
    }

    pub(super) fn probe(&self) -> (Probe, JobLog) {
        match self.record {
            0 => (Probe::default(), JobLog::default()),
            bytes => (Probe::recording(bytes), JobLog::recording(bytes)),
        }
    }
}

impl EventLoop {
    /// What has been recorded up to now. `None` if the loop was not built with [`Builder::record`].
    pub fn recording(&self) -> Option<Recording> {
        let jobs = self.context.offload.job_log();
        self.context.probe.recorded(&self.name, &jobs)
    }
}
