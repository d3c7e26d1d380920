//! Other threads and the loop: wake a task, post a call, spawn a task that never leaves the loop's thread.
//!
//! `cargo run --release --example 06_wake_from_a_thread`

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::{Remote, offload};

thread_local! {
    /// Only the loop's thread uses it. Other threads send through the loop.
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn main() {
    roundelay::run(async {
        // 1. A waker is a number, which may be sent to any thread, and wakes the task that left it.
        let mailbox = Arc::new(Mutex::new((None::<Instant>, None::<Waker>)));
        let sender = Arc::clone(&mailbox);
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20)); // by now the loop is asleep in the kernel
            let mut mailbox = sender.lock().unwrap();
            mailbox.0 = Some(Instant::now());
            let waker = mailbox.1.take();
            drop(mailbox);
            if let Some(waker) = waker {
                println!("thread: wakes with {waker:?}");
                waker.wake();
            }
        });
        let sent = poll_fn(|cx| {
            let mut mailbox = mailbox.lock().unwrap();
            mailbox.1 = Some(cx.waker().clone());
            mailbox.0.map_or(Poll::Pending, Poll::Ready)
        });
        println!(
            "loop:   woken {:.0?} after the wake was sent",
            sent.await.elapsed()
        );
        offload(|| thread.join().unwrap()).await.unwrap();

        // 2. A `Remote` reaches the loop. Calls arrive in the order in which they were sent.
        let remote = Remote::current();
        let door = remote.clone();
        offload(move || {
            for n in 0..3 {
                door.post(move || note(format!("call {n}, run on {:?}", thread::current().name())))
                    .expect("the loop is alive");
            }
            // 3. The closure must be `Send`. The future that it makes need not be, and may hold an `Rc`.
            door.spawn(|| async {
                let shared = Rc::new("a task that another thread spawned");
                roundelay::yield_now().await;
                note(shared.to_string());
            })
            .wait()
            .expect("the task finishes");
        })
        .await
        .expect("the sender does not panic");
        NOTES.with_borrow(|notes| notes.iter().for_each(|line| println!("loop:   {line}")));

        // 4. When the loop has gone, `post` returns an error, and never panics.
        thread::spawn(move || {
            while !remote.is_closed() {
                thread::sleep(Duration::from_millis(1));
            }
            println!(
                "thread: the loop has gone, and a post returns: {}",
                remote.post(|| ()).unwrap_err()
            );
        })
    })
    .join()
    .unwrap();
}

fn note(line: String) {
    NOTES.with_borrow_mut(|notes| notes.push(line));
}
