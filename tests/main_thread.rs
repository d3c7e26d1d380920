//! A loop in a thread-local of the main thread ends with the process, without a panic. This test has
//! no harness, because the harness runs no test on the main thread.

use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use roundelay::{EventLoop, offload, sleep, spawn, yield_now};

thread_local! {
    static LOOP: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

struct SpawnsWhenDropped;

impl Drop for SpawnsWhenDropped {
    fn drop(&mut self) {
        drop(spawn(async {}));
    }
}

fn main() {
    assert_eq!(std::thread::current().name(), Some("main"));
    LOOP.set(Some(EventLoop::new().unwrap()));
    LOOP.with_borrow_mut(|event_loop| {
        event_loop.as_mut().unwrap().run(async {
            drop(spawn(async {
                let _late = SpawnsWhenDropped;
                pending::<()>().await;
            }));
            yield_now().await;
            sleep(Duration::from_millis(1)).await;
            offload(|| ()).await.unwrap();
        });
    });
    // The loop ends now. A panic in a thread-local's destructor would abort the process.
}
