//! Jobs that block until a test lets them go.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ThreadId};
use std::time::Duration;

use roundelay::{EventLoop, Offload, offload};

/// A loop whose pool keeps its threads.
pub(crate) fn event_loop(threads: usize) -> EventLoop {
    let builder = EventLoop::builder().offload_threads(threads);
    builder.offload_keep_alive(Duration::MAX).build().unwrap()
}

/// A job that has begun, and goes on until the test drops the key. Its output is the thread that ran it.
pub(crate) fn busy() -> (Sender<()>, Offload<ThreadId>) {
    let (key, door) = channel();
    let (begun, begins) = channel();
    let job = offload(move || {
        begun.send(()).unwrap();
        shut(&door);
        thread::current().id()
    });
    begins.recv().unwrap();
    (key, job)
}

/// Waits until the other side of a channel is dropped.
pub(crate) fn shut(door: &Receiver<()>) {
    door.recv().unwrap_err();
}
