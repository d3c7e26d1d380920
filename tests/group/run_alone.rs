//! A group with a loop of its own, and the text of its error.

use std::pin::Pin;

use roundelay::group::Failure;
use roundelay::{EventLoop, GroupError};

pub(crate) type Outcome<T = ()> = Result<T, GroupError<&'static str>>;

/// Runs to the end, and checks that no task is left.
pub(crate) fn run_alone<T>(main: impl Future<Output = T>) -> T {
    let mut event_loop = EventLoop::new().unwrap();
    // Boxed, so that the compiler translates `run` once for each type of output, and not once for each test.
    let main: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(main);
    let output = event_loop.run(main);
    assert_eq!(event_loop.tasks().len(), 0, "a task outlives its group");
    output
}

/// The failures in their order, each as `error` or `panic: ..`.
pub(crate) fn told(error: &GroupError<&'static str>) -> Vec<String> {
    let tell = |failure: &Failure<&str>| match failure {
        Failure::Error(error) => (*error).to_owned(),
        Failure::Panic(error) => {
            let text = error.to_string();
            format!("panic: {}", text.rsplit(": ").next().unwrap())
        }
    };
    error.failures().iter().map(tell).collect()
}
