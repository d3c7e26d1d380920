//! The reactor without a loop. These tests need a look inside it.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::{Duration, Instant};

use super::source::Place;
use super::*;

/// A waker that counts, or panics.
#[derive(Default)]
struct Bell {
    rung: AtomicUsize,
    is_broken: bool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        assert!(!self.is_broken, "this waker panics");
        self.rung.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.rung.load(Ordering::Relaxed)
    }
}

/// A registered source, and both ends of its socket pair.
struct Line {
    source: Rc<Source>,
    near: UnixStream,
    /// A file, because Miri's socket pairs have `write`, but not the `send` of a stream.
    far: File,
}

impl Line {
    fn new(reactor: &Rc<Reactor>) -> Line {
        let (near, far) = UnixStream::pair().unwrap();
        let source = Source::new();
        reactor.register(&source, Handle(near.as_fd())).unwrap();
        source.would_block(Interest::READABLE);
        let far = File::from(OwnedFd::from(far));
        Line { source, near, far }
    }

    fn wait(&self, place: &Place, bell: &Arc<Bell>) {
        self.source
            .join(place, Interest::READABLE, &Waker::from(Arc::clone(bell)));
    }

    fn ring(&self) {
        std::io::Write::write_all(&mut &self.far, b"!").unwrap();
    }
}

fn reactor() -> Rc<Reactor> {
    reactor_of(64)
}

fn reactor_of(max_io_events: usize) -> Rc<Reactor> {
    Reactor::new(max_io_events, Probe::default(), Rc::default()).unwrap()
}

#[test]
fn a_place_that_was_left_is_nowhere() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let line = Line::new(&reactor);
    let (bell, places) = (
        Arc::new(Bell::default()),
        [Cell::default(), Cell::default()],
    );
    places.iter().for_each(|place| line.wait(place, &bell));
    assert_eq!((line.source.places(), Arc::strong_count(&bell)), (2, 3));
    line.wait(&places[0], &bell);
    assert_eq!(
        (line.source.places(), Arc::strong_count(&bell)),
        (2, 3),
        "a second wait at a place adds no entry"
    );
    places.iter().for_each(|place| line.source.leave(place));
    places.iter().for_each(|place| line.source.leave(place));
    assert_eq!((line.source.places(), Arc::strong_count(&bell)), (0, 1));
}

#[test]
fn a_waker_that_panics_takes_no_other_with_it() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let line = Line::new(&reactor);
    let (good, bad) = (
        Arc::new(Bell::default()),
        Arc::new(Bell {
            is_broken: true,
            ..Bell::default()
        }),
    );
    let places = [Cell::default(), Cell::default(), Cell::default()];
    for (place, bell) in places.iter().zip([&good, &bad, &good]) {
        line.wait(place, bell);
    }
    line.ring();
    assert_eq!(reactor.poll(Wait::Forever).unwrap(), 1);
    assert_eq!(good.rung(), 2);
    places.iter().for_each(|place| line.source.leave(place));
}

#[test]
fn a_source_counts_until_it_is_forgotten() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    assert!(!reactor.has_work());
    let line = Line::new(&reactor);
    assert!(reactor.has_work());
    let token = line.source.leave_home().unwrap();
    reactor.deregister(token, Handle(line.near.as_fd()));
    assert!(!reactor.has_work());
    line.ring();
    assert_eq!(
        reactor.poll(Wait::Now).unwrap(),
        0,
        "the kernel still watches the descriptor, which is open"
    );
}

#[test]
fn a_source_whose_reactor_is_gone_is_unasked_and_its_waiters_know() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let line = Line::new(&reactor);
    let (bell, place) = (Arc::new(Bell::default()), Cell::default());
    line.wait(&place, &bell);
    assert!(!line.source.ready().is_readable());
    drop(reactor);
    assert_eq!(bell.rung(), 1);
    assert!(
        line.source.ready().is_readable(),
        "without a reactor, the caller must ask the kernel"
    );
    assert!(line.source.leave_home().is_none());
    line.source.leave(&place);
}

#[test]
fn one_descriptor_cannot_be_registered_by_two() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let line = Line::new(&reactor);
    let error = reactor
        .register(&Source::new(), Handle(line.near.as_fd()))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(
        error.to_string().contains("cannot watch descriptor"),
        "{error}"
    );
    let (bell, place) = (Arc::new(Bell::default()), Cell::default());
    line.wait(&place, &bell);
    line.ring();
    reactor.poll(Wait::Forever).unwrap();
    assert_eq!(bell.rung(), 1, "the first registration no longer works");
    line.source.leave(&place);
}

#[test]
fn a_reused_slot_has_another_token() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let line = Line::new(&reactor);
    let old = line.source.leave_home().unwrap();
    reactor.forget(old);
    let next = Line::new(&reactor);
    let new = next.source.leave_home().unwrap();
    assert_eq!(super::source::slot_of(old), super::source::slot_of(new));
    assert_ne!(old, new);
    reactor.forget(old);
    assert!(
        reactor.has_work(),
        "the old token freed the slot of the new source"
    );
    reactor.forget(new);
}

#[test]
fn serials_do_not_come_back_soon() {
    let reactor = reactor();
    let mut sources = reactor.sources.borrow_mut();
    let tokens: Vec<usize> = (0..1000).map(|_| sources.next_token().unwrap().0).collect();
    assert!(tokens.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_short_transfer_is_the_last_until_the_next_event() {
    let reactor = reactor();
    let line = Line::new(&reactor);
    line.ring();
    while reactor.poll(Wait::Now).unwrap() > 0 {}
    assert!(line.source.ready().is_readable());
    line.source.moved_short(Interest::READABLE);
    assert!(!line.source.ready().is_readable());
}

#[test]
fn the_inbox_ends_a_wait_from_another_thread() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let waker = reactor.new_waker().unwrap();
    for _ in 0..if cfg!(miri) { 3 } else { 100 } {
        std::thread::scope(|scope| {
            scope.spawn(|| waker.wake().unwrap());
            assert_eq!(reactor.poll(Wait::Forever).unwrap(), 0);
        });
    }
}

#[test]
fn a_deadline_ends_a_wait() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    for micros in [0, 1, 50, 1_500] {
        let deadline = Instant::now() + Duration::from_micros(micros);
        while Instant::now() < deadline {
            assert_eq!(reactor.poll(Wait::Until(deadline)).unwrap(), 0);
        }
    }
}

#[test]
fn a_full_batch_of_events_leaves_the_rest_for_the_next() {
    let _watched = crate::watch::watch();
    let reactor = reactor_of(4);
    let lines: Vec<Line> = (0..10).map(|_| Line::new(&reactor)).collect();
    let bell = Arc::new(Bell::default());
    let places: Vec<Place> = lines.iter().map(|_| Cell::default()).collect();
    lines
        .iter()
        .zip(&places)
        .for_each(|(line, place)| line.wait(place, &bell));
    while reactor.poll(Wait::Now).unwrap() > 0 {}
    lines.iter().for_each(Line::ring);
    let found: Vec<usize> = (0..4).map(|_| reactor.poll(Wait::Now).unwrap()).collect();
    assert_eq!((found, bell.rung()), (vec![4, 4, 2, 0], 10));
    lines
        .iter()
        .zip(&places)
        .for_each(|(line, place)| line.source.leave(place));
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(
    miri,
    ignore = "Miri aborts when epoll is given a file, and does not refuse it"
)]
fn a_registration_that_fails_is_taken_back() {
    let _watched = crate::watch::watch();
    let reactor = reactor();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let source = Source::new();
    let refused = reactor.register(&source, Handle(file.as_fd())).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    assert!(reactor.sources.borrow().is_empty());
    assert_eq!(
        Rc::strong_count(&source),
        1,
        "the reactor still holds the source"
    );
}
