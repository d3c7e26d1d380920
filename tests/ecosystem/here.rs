//! `compat::Here`: a value that is not `Send`, for crates that ask for `Send`.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use roundelay::compat::Here;
use roundelay::net::UnixStream;
use roundelay::{run, spawn, yield_now};

use crate::support::{self, Ledger};

fn crosses_threads<T: Send + Sync + 'static>(value: T) -> T {
    value
}

/// Runs `use_it` on another thread, and gives the text of its panic.
fn panic_elsewhere<T: Send>(use_it: impl FnOnce() -> T + Send) -> Option<String> {
    thread::scope(|scope| {
        let elsewhere = scope.spawn(|| catch_unwind(AssertUnwindSafe(use_it)).map(drop));
        let payload = elsewhere.join().expect("the panic was caught").err()?;
        Some(payload.downcast_ref::<String>()?.clone())
    })
}

#[test]
fn what_is_here_may_be_asked_to_be_send_and_runs_as_it_would() {
    let _watched = support::watch();
    let shared = Rc::new(20);
    let answer = run(crosses_threads(Here::new(async move {
        let beside = spawn(async { 22 });
        yield_now().await;
        *shared + beside.await.unwrap()
    })));
    assert_eq!(answer, 42);
}

#[test]
fn what_is_here_may_travel_and_is_used_when_it_is_back() {
    let _watched = support::watch();
    let ledger = Ledger::new();
    let here = Here::new((Rc::new(1), ledger.token("kept")));
    let here = thread::spawn(move || here).join().unwrap();
    assert!(here.is_here());
    assert_eq!(*here.0, 1);
    drop(here.into_inner());
    ledger.assert_settled_here();
}

#[test]
fn a_polled_future_may_travel_although_it_must_stay_in_its_place() {
    let _watched = support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("held across the await");
    let mut here = Here::new(async move {
        let (number, _token) = (7, token);
        let kept_in_place = &number;
        yield_now().await;
        *kept_in_place
    });
    run(async { poll_fn(|cx| Poll::Ready(Pin::new(&mut here).poll(cx).is_pending())).await })
        .then_some(())
        .expect("the future waits");
    let here = thread::spawn(move || here).join().unwrap();
    assert_eq!(run(here), 7);
    ledger.assert_settled_here();
}

#[test]
fn a_use_on_another_thread_panics_and_says_of_what() {
    let _watched = support::watch();
    let here = Here::new(Rc::new(1));
    let text = panic_elsewhere(|| **here).unwrap();
    assert!(
        text.starts_with(
            "a `Here<alloc::rc::Rc<i32>>` was used on another thread than the one that made it"
        ),
        "{text}"
    );
    assert_eq!(
        panic_elsewhere(|| assert_eq!(
            format!("{here:?}"),
            "Here(a alloc::rc::Rc<i32> of another thread)"
        )),
        None
    );
    assert_eq!(format!("{here:?}"), "Here(1)");
}

#[test]
fn a_poll_on_another_thread_panics() {
    let _watched = support::watch();
    let mut here = Here::new(Box::pin(async {}));
    let text = panic_elsewhere(|| {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut here).poll(&mut cx).is_ready()
    });
    assert!(text.unwrap().contains("was polled on another thread"));
    run(here);
}

/// Counts how many of them were dropped. It owns no memory, so the leak checker does not mind a leaked one.
struct Counted(&'static AtomicUsize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_drop_on_another_thread_panics_and_leaks() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    let _watched = support::watch();
    let here = Here::new(Counted(&DROPS));
    let text = panic_elsewhere(move || drop(here));
    assert!(text.unwrap().contains("was dropped on another thread"));
    assert_eq!(DROPS.load(SeqCst), 0);
    drop(Here::new(Counted(&DROPS)));
    assert_eq!(
        DROPS.load(SeqCst),
        1,
        "the value was not dropped on its own thread"
    );
}

#[test]
fn a_drop_on_another_thread_that_is_panicking_leaks_in_silence() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    let _watched = support::watch();
    let here = Here::new(Counted(&DROPS));
    let text = panic_elsewhere(move || {
        let _unwound = here;
        panic!("{}", String::from("the first"));
    });
    assert_eq!(text.unwrap(), "the first");
    assert_eq!(DROPS.load(SeqCst), 0);
}

#[test]
fn a_polled_future_that_is_dropped_on_another_thread_is_leaked() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    /// Shows the leaked memory to a leak checker, to which it is no leak then.
    static KEPT: AtomicPtr<Counted> = AtomicPtr::new(ptr::null_mut());
    let _watched = support::watch();
    let counted = Counted(&DROPS);
    let mut here = Here::new(async move {
        let counted = counted;
        KEPT.store(ptr::from_ref(&counted).cast_mut(), SeqCst);
        pending::<()>().await;
    });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut here).poll(&mut cx).is_pending());
    let text = panic_elsewhere(move || drop(here));
    assert!(text.unwrap().contains("was dropped on another thread"));
    assert_eq!(DROPS.load(SeqCst), 0);
}

#[test]
fn a_drop_on_another_thread_is_nothing_where_nothing_is_to_be_dropped() {
    let _watched = support::watch();
    let here = Here::new(std::ptr::null::<u8>());
    assert_eq!(panic_elsewhere(move || drop(here)), None);
}

#[test]
fn a_socket_that_is_here_reads_and_writes_by_every_trait() {
    let _watched = support::watch();
    run(async {
        let (near, far) = UnixStream::pair()?;
        let (mut near, mut far) = (
            crosses_threads(Here::new(near)),
            crosses_threads(Here::new(far)),
        );
        let mut word = [0; 5];
        futures_util::AsyncWriteExt::write_all(&mut near, b"there").await?;
        tokio::io::AsyncReadExt::read_exact(&mut far, &mut word).await?;
        assert_eq!(&word, b"there");
        tokio::io::AsyncWriteExt::write_all(&mut far, b"again").await?;
        futures_util::AsyncReadExt::read_exact(&mut near, &mut word).await?;
        assert_eq!(&word, b"again");
        near.write_all(b"plain").await?; // by dereferencing
        far.read_exact(&mut word).await?;
        assert_eq!(&word, b"plain");
        futures_util::AsyncWriteExt::close(&mut near).await?;
        assert_eq!(far.read(&mut word).await?, 0);
        std::io::Result::Ok(())
    })
    .unwrap();
}
