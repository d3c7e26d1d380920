//! What combinators and buffered streams allocate. A set allocates a box and a link for each child. Macros and wakes allocate
//! nothing.

use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::allocations::allocations_of;
use roundelay::future::{as_completed, join_all};
use roundelay::io::{BufReader, BufWriter};
use roundelay::{join, race, select, try_join};

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_macros_allocate_nothing() {
    let _watched = crate::support::watch();
    let all = async {
        assert_eq!(join!(ready(1), ready("two"), ready(3.0)), (1, "two", 3.0));
        assert_eq!(try_join!(ready(Ok::<_, ()>(1)), ready(Ok(2))), Ok((1, 2)));
        assert_eq!(race!(pending(), ready(4)), 4);
        select! { five = ready(5) => assert_eq!(five, 5), () = pending() => unreachable!() }
    };
    assert_eq!(allocations_of(|| now(all)), 0);
}

#[test]
fn few_futures_cost_a_box_each_and_many_a_box_and_a_link() {
    let _watched = crate::support::watch();
    let few = allocations_of(|| drop(now(join_all((0..10).map(ready)))));
    assert!(few <= 10 + 2, "{few} allocations for ten children");
    let many = allocations_of(|| drop(now(join_all((0..10_000).map(ready)))));
    assert!(
        many <= 20_000 + 10,
        "{many} allocations for ten thousand children"
    );
}

#[test]
fn a_wake_and_the_poll_that_follows_allocate_nothing() {
    let _watched = crate::support::watch();
    let wakers = std::cell::RefCell::new(vec![None::<Waker>; 1_000]);
    let children = (0..1_000).map(|number| {
        let wakers = &wakers;
        poll_fn(move |cx| {
            wakers.borrow_mut()[number] = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    });
    let mut all = as_completed(children);
    assert!(poll_once(&mut pin!(all.next())).is_pending());
    let wake_all =
        || (0..1_000).for_each(|number| wakers.borrow()[number].as_ref().unwrap().wake_by_ref());
    let count = allocations_of(|| {
        for _ in 0..10 {
            wake_all();
            assert!(poll_once(&mut pin!(all.next())).is_pending());
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_buffered_stream_allocates_its_buffer_once() {
    let _watched = crate::support::watch();
    let text = "a line\n".repeat(10_000);
    let mut reader = BufReader::new(text.as_bytes());
    let mut line = String::with_capacity(16);
    now(reader.read_line(&mut line)).unwrap();
    let reads = allocations_of(|| {
        for _ in 1..10_000 {
            line.clear();
            now(reader.read_line(&mut line)).unwrap();
        }
    });
    assert_eq!((reads, line.as_str()), (0, "a line\n"));

    let mut writer = BufWriter::new(Vec::with_capacity(100_000));
    now(writer.write_all(b"begin")).unwrap();
    let writes =
        allocations_of(|| (0..9_000).for_each(|_| now(writer.write_all(b"0123456789")).unwrap()));
    assert_eq!(writes, 0);
}
