//! A thread that makes the machine's calls, one at a time, while the machine waits. So the moment of a wake from elsewhere is
//! known.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

type Call = Box<dyn FnOnce() + Send>;

pub(crate) struct Helper {
    calls: Option<Sender<Call>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    pub(crate) fn start() -> Self {
        let (calls, inbox) = channel::<Call>();
        let (tell, done) = channel();
        let thread = thread::spawn(move || {
            for call in inbox {
                call();
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        Self {
            calls: Some(calls),
            done,
            thread: Some(thread),
        }
    }

    /// Lets the thread make the call, and returns after it.
    pub(crate) fn run(&self, call: impl FnOnce() + Send + 'static) {
        let calls = self.calls.as_ref().expect("the thread runs");
        calls.send(Box::new(call)).expect("the thread listens");
        self.done.recv().expect("the thread answers");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.calls = None;
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the helper panicked");
    }
}
