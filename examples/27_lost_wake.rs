//! A lost wake, and how to find the task that waits for it.
//!
//! Two tasks wait for a value of a third task. One future keeps the contract of `poll`: before it returns `Pending` it
//! leaves its waker beside the place of the value. The other does not when it is polled a second time, with another
//! waker. No call fails and nothing is logged; the task just never runs again. The list of tasks shows a task whose
//! wait the loop does not know, and a recording shows since when it waits.
//!
//! `cargo run --example 27_lost_wake`

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use roundelay::{JoinHandle, sleep, task, timeout};

/// A value to come, and the waker of its reader.
#[derive(Default)]
struct Letter {
    text: Option<&'static str>,
    readers: Vec<Waker>,
}

type Box = Rc<RefCell<Letter>>;

/// Leaves a waker each time that there is no value.
fn reads(letter: Box) -> impl Future<Output = &'static str> {
    poll_fn(move |cx| {
        let mut letter = letter.borrow_mut();
        match letter.text {
            Some(text) => Poll::Ready(text),
            None => {
                letter.readers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    })
}

/// The bug: it leaves no waker behind.
fn forgets(letter: Box) -> impl Future<Output = &'static str> {
    poll_fn(move |_| letter.borrow().text.map_or(Poll::Pending, Poll::Ready))
}

#[track_caller]
fn named<T: 'static>(name: &str, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    task::Builder::new().name(name).spawn(future)
}

fn main() {
    roundelay::run(async {
        let letter = Box::default();
        let reader = named("reads", reads(letter.clone()));
        let other = named("forgets", forgets(letter.clone()));
        named("writes", async move {
            sleep(Duration::from_millis(20)).await;
            let readers = {
                let mut letter = letter.borrow_mut();
                letter.text = Some("hello");
                std::mem::take(&mut letter.readers)
            };
            readers.into_iter().for_each(Waker::wake);
        })
        .detach();
        println!("the task that left its waker: {:?}", reader.await);
        match timeout(Duration::from_millis(200), other).await {
            Ok(text) => println!("the task that did not: {text:?}"),
            Err(elapsed) => println!(
                "the task that did not: {elapsed}. Who is still there?\n\n{}",
                task::all()
            ),
        }
    });
}
