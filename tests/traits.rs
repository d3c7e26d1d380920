//! Which types may cross threads, and which must not. The compiler checks it. A change to this table is a change to the
//! promise.
//!
//! `Send` and `Sync` follow from the fields, so a change of a field can remove or add them, and no
//! line of the type itself changes. That a type is *not* `Send` is a promise, too: a socket belongs
//! to one loop, and a task's handle to one thread.

#![cfg(unix)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::future::Ready;
use std::marker::PhantomData;
use std::path::Path;
use std::rc::Rc;

use roundelay::sync::{broadcast, mpsc, oneshot, watch};
use roundelay::{
    Builder, Closed, EventLoop, JoinError, JoinHandle, Metrics, Offload, OnPanic, Remote,
    RemoteHandle, Report, Running, TaskId, TryOffloadError, TryPostError, Turn, future, group,
    inspect, io, net, reactor, remote, sync, task, time,
};

#[path = "support/sources.rs"]
#[allow(dead_code)]
mod sources;

/// An inherent constant takes precedence over a trait's constant. The inherent one exists only if the bound holds.
macro_rules! implements {
    ($type:ty: $bound:path) => {{
        #[allow(dead_code)]
        trait Otherwise {
            const ANSWER: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        #[allow(dead_code)]
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $bound> Probe<T> {
            const ANSWER: bool = true;
        }
        <Probe<$type>>::ANSWER
    }};
}

const fn lists(listed: &[&str], word: &str) -> bool {
    let mut index = 0;
    while index < listed.len() {
        // The three words differ in their second letter.
        if listed[index].as_bytes()[1] == word.as_bytes()[1] {
            return true;
        }
        index += 1;
    }
    false
}

macro_rules! table {
    ($($type:ty: $($listed:ident)*;)+) => {
        $(const _: () = {
            const LISTED: &[&str] = &[$(stringify!($listed)),*];
            const fn is_debug_and_lives_for_ever<T: Debug + 'static>() {}
            is_debug_and_lives_for_ever::<$type>();
            assert!(
                implements!($type: Send) == lists(LISTED, "Send"),
                concat!("the table is wrong about `Send` of ", stringify!($type))
            );
            assert!(
                implements!($type: Sync) == lists(LISTED, "Sync"),
                concat!("the table is wrong about `Sync` of ", stringify!($type))
            );
            assert!(
                implements!($type: Unpin) == lists(LISTED, "Unpin"),
                concat!("the table is wrong about `Unpin` of ", stringify!($type))
            );
        };)+
        pub(crate) const NAMES: &[&str] = &[$(stringify!($type)),+];
    };
}

table! {
    // The root.
    Builder: Send Sync Unpin;
    Closed: Send Sync Unpin;
    TryPostError: Send Sync Unpin;
    EventLoop: Unpin;
    JoinError: Send Sync Unpin;
    JoinHandle<u8>: Unpin;
    Metrics: Send Sync Unpin;
    Offload<u8>: Unpin;
    OnPanic: Send Sync Unpin;
    Remote: Send Sync Unpin;
    RemoteHandle<u8>: Send Sync Unpin;
    RemoteHandle<Cell<u8>>: Send Sync Unpin;
    RemoteHandle<Rc<u8>>: Unpin;
    Report: Send Sync Unpin;
    Running: Send Sync Unpin;
    TaskId: Send Sync Unpin;
    TryOffloadError<fn()>: Send Sync Unpin;
    Turn: Send Sync Unpin;

    // Types that other threads hold.
    remote::Sender<u8>: Send Sync Unpin;
    remote::Sender<Cell<u8>>: Send Sync Unpin;
    remote::Sender<Rc<u8>>: Unpin;
    remote::Sending<'static, u8>: Send Sync Unpin;
    remote::Receiver<u8>: Send Sync Unpin;
    remote::OnceSender<u8>: Send Sync Unpin;
    remote::OnceReceiver<u8>: Send Sync Unpin;
    remote::NoAnswer: Send Sync Unpin;
    remote::NoValue: Send Sync Unpin;
    remote::CancelTrigger: Send Sync Unpin;

    // Tasks.
    task::AbortHandle: Unpin;
    task::AbortOnDrop<u8>: Unpin;
    task::Builder: Send Sync Unpin;
    task::ConsumeBudget: Send Sync Unpin;
    task::NoLoop<Ready<u8>>: Send Sync Unpin;
    task::NoLoop<Rc<u8>>: Unpin;
    task::TaskInfo: Send Sync Unpin;
    inspect::Circle: Send Sync Unpin;
    inspect::Histogram: Send Sync Unpin;
    inspect::Histograms: Send Sync Unpin;
    inspect::JobState: Send Sync Unpin;
    inspect::Ps<'static>: Send Sync Unpin;
    inspect::Pstree<'static>: Send Sync Unpin;
    inspect::Source: Send Sync Unpin;
    inspect::TaskState: Send Sync Unpin;
    inspect::Tasks: Send Sync Unpin;
    inspect::WaitsFor: Send Sync Unpin;
    task::YieldNow: Send Sync Unpin;

    // Time.
    time::Deadline: Send Unpin;
    time::Hold: Send Sync Unpin;
    time::Elapsed: Send Sync Unpin;
    time::Interval: Unpin;
    time::MissedTick: Send Sync Unpin;
    time::Sleep: Unpin;
    time::Tick<'static>: Unpin;

    // Sources and sockets.
    reactor::Interest: Send Sync Unpin;
    reactor::Ready: Send Sync Unpin;
    reactor::Registered<mio::net::TcpStream>: Unpin;
    net::Network: Unpin;
    net::NetworkListener: Unpin;
    net::OwnedReadHalf<net::TcpStream>: Unpin;
    net::OwnedWriteHalf<net::TcpStream>: Unpin;
    net::ReadHalf<'static, net::TcpStream>: Unpin;
    net::ReuniteError<net::TcpStream>: Unpin;
    net::Serve<net::TcpListener, fn()>: Unpin;
    net::LookupError: Send Sync Unpin;
    net::Served: Send Sync Unpin;
    net::TcpListener: Unpin;
    net::TcpStream: Unpin;
    net::UdpSocket: Unpin;
    net::UnixDatagram: Unpin;
    net::UnixListener: Unpin;
    net::UnixStream: Unpin;
    net::WriteHalf<'static, net::TcpStream>: Unpin;

    // Streams.
    io::BufReader<net::TcpStream>: Unpin;
    io::BufWriter<net::TcpStream>: Unpin;
    io::Lines<net::TcpStream>: Unpin;
    io::ReadError: Send Sync Unpin;
    io::Duplex: Unpin;
    io::DuplexReader: Unpin;
    io::DuplexWriter: Unpin;

    // Groups.
    group::Bounded<group::Discard>: Unpin;
    group::Collect<u8>: Unpin;
    group::ChildHandle<u8>: Unpin;
    group::ChildLost: Send Sync Unpin;
    group::Discard: Send Sync Unpin;
    group::Refused<Ready<u8>>: Send Sync Unpin;
    group::Failure<u8>: Send Sync Unpin;
    group::GroupError<u8>: Send Sync Unpin;
    group::Limited<u8, group::Discard>: Unpin;
    group::Room<u8, group::Discard>: Unpin;
    group::TaskGroup<u8>: Unpin;

    // Combinators. They are `Send` and `Sync` if their parts are.
    future::AsCompleted<Ready<u8>>: Send Sync Unpin;
    future::JoinAll<Ready<u8>>: Send Sync Unpin;
    future::RaceAll<Ready<u8>>: Send Sync Unpin;
    future::TryJoinAll<Ready<Result<u8, u8>>>: Send Sync Unpin;

    // Types that the tasks of one loop share. None is `Sync`. A `Send` one may move to another thread while no task waits.
    sync::Acquire<'static>: Unpin;
    sync::AcquireError: Send Sync Unpin;
    sync::AcquireOwned: Unpin;
    sync::Barrier: Send Unpin;
    sync::BrokenBarrier: Send Sync Unpin;
    sync::CancelGuard: Unpin;
    sync::CancelToken: Unpin;
    sync::Condition: Send Unpin;
    sync::Event: Send Unpin;
    sync::Fifo<u8>: Send Unpin;
    sync::Get<'static, u8>: Unpin;
    sync::Lifo<u8>: Send Unpin;
    sync::Lock<'static, u8>: Unpin;
    sync::Mutex<u8>: Send Unpin;
    sync::MutexGuard<'static, u8>: Unpin;
    sync::Notified<'static>: Unpin;
    sync::Notify: Send Unpin;
    sync::OwnedSemaphorePermit: Unpin;
    sync::Priority<u8>: Send Unpin;
    sync::Put<'static, u8>: Unpin;
    sync::PutError<u8>: Send Sync Unpin;
    sync::Queue<u8>: Send Unpin;
    sync::RwLock<u8>: Send Unpin;
    sync::RwLockReadGuard<'static, u8>: Unpin;
    sync::RwLockWriteGuard<'static, u8>: Unpin;
    sync::Semaphore: Send Unpin;
    sync::SemaphorePermit<'static>: Unpin;
    sync::TaskDoneError: Send Sync Unpin;
    sync::TryAcquireError: Send Sync Unpin;
    sync::TryGetError: Send Sync Unpin;
    sync::TryLockError: Send Sync Unpin;
    sync::TryPutError<u8>: Send Sync Unpin;
    broadcast::Receiver<u8>: Unpin;
    broadcast::RecvError: Send Sync Unpin;
    broadcast::SendError<u8>: Send Sync Unpin;
    broadcast::Sender<u8>: Unpin;
    broadcast::TryRecvError: Send Sync Unpin;
    mpsc::OwnedPermit<u8>: Unpin;
    mpsc::Permit<'static, u8>: Unpin;
    mpsc::Receiver<u8>: Unpin;
    mpsc::Recv<'static, u8>: Unpin;
    mpsc::Sending<'static, u8>: Unpin;
    mpsc::SendError<u8>: Send Sync Unpin;
    mpsc::Sender<u8>: Unpin;
    mpsc::TryRecvError: Send Sync Unpin;
    mpsc::TrySendError<u8>: Send Sync Unpin;
    mpsc::UnboundedSender<u8>: Unpin;
    oneshot::Receiver<u8>: Unpin;
    oneshot::RecvError: Send Sync Unpin;
    oneshot::Sender<u8>: Unpin;
    oneshot::TryRecvError: Send Sync Unpin;
    watch::Receiver<u8>: Unpin;
    watch::RecvError: Send Sync Unpin;
    watch::SendError<u8>: Send Sync Unpin;
    watch::Sender<u8>: Unpin;
}

/// The types that features add. Without the features these types do not exist.
#[cfg(all(
    feature = "fs",
    feature = "process",
    feature = "record",
    feature = "socket",
    feature = "stdio"
))]
mod optional {
    use super::*;
    use roundelay::{fs, process, record, signal};

    table! {
        fs::File: Unpin;
        io::Stdin: Send Sync Unpin;
        net::TcpSocket: Send Sync Unpin;
        process::Child: Unpin;
        process::ChildStderr: Unpin;
        process::ChildStdin: Unpin;
        process::ChildStdout: Unpin;
        process::Command: Send Sync Unpin;
        record::Awaited: Send Sync Unpin;
        record::Cause: Send Sync Unpin;
        record::End: Send Sync Unpin;
        record::Event: Send Sync Unpin;
        record::Finding: Send Sync Unpin;
        record::FindingKind: Send Sync Unpin;
        record::Readiness: Send Sync Unpin;
        record::Recording: Send Sync Unpin;
        record::Task: Send Sync Unpin;
        record::What: Send Sync Unpin;
        signal::Kind: Send Sync Unpin;
        signal::Signals: Unpin;
    }
}
#[cfg(not(all(
    feature = "fs",
    feature = "process",
    feature = "record",
    feature = "socket",
    feature = "stdio"
)))]
mod optional {
    pub(crate) const NAMES: &[&str] = &[
        "Awaited",
        "Cause",
        "ChildStderr",
        "ChildStdin",
        "ChildStdout",
        "Child",
        "Command",
        "End",
        "Event",
        "File",
        "Finding",
        "FindingKind",
        "Kind",
        "Readiness",
        "Recording",
        "Signals",
        "Stdin",
        "Task",
        "TcpSocket",
        "What",
    ];
}

/// The last part of a type's path, without its generic arguments.
fn name(path: &str) -> String {
    let path = path.split('<').next().unwrap_or_default();
    let name = path.rsplit("::").next().unwrap_or_default();
    name.trim().to_owned()
}

#[test]
fn every_public_type_is_in_the_table() {
    // Types that a user meets only through one of their traits, in the expansion of a macro, or with a feature.
    const EXEMPT: &[&str] = &[
        "Addresses",
        "Meaning",
        "Order",
        "StaysOnItsLoopSoSendARemoteInstead",
        "Winner",
    ];
    let names = NAMES.iter().chain(optional::NAMES);
    let listed: BTreeSet<String> = names.map(|path| name(path)).collect();
    let library = sources::Crate::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut missing = Vec::new();
    // Types that exist only with a feature are tested in tests/ecosystem.
    let is_always_there = |source: &&sources::Source| {
        !source.path.starts_with("compat/") && source.path != "io/adapters.rs"
    };
    for source in library.sources.iter().filter(is_always_there) {
        for line in source.code.lines().map(str::trim_start) {
            let keyword = ["pub struct ", "pub enum "];
            let Some(rest) = keyword.iter().find_map(|word| line.strip_prefix(word)) else {
                continue;
            };
            let end = rest
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(rest.len());
            // If the name is empty, a macro puts it in.
            let is_known = end == 0 || listed.contains(&rest[..end]);
            if !is_known && !EXEMPT.contains(&&rest[..end]) {
                missing.push(format!("{} in src/{}", &rest[..end], source.path));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "types that are missing from the table of traits: {missing:#?}"
    );
}

/// A handle is `Send` and `Sync` only if its output may cross threads.
#[test]
fn a_remote_handle_crosses_threads_only_with_an_output_that_may() {
    const {
        assert!(implements!(RemoteHandle<u8>: Send) && implements!(RemoteHandle<u8>: Sync));
        assert!(!implements!(RemoteHandle<Rc<u8>>: Send));
        assert!(!implements!(RemoteHandle<Rc<u8>>: Sync));
    };
}

#[test]
fn every_error_fits_a_boxed_error_that_may_cross_threads() {
    fn fits<T: Error + Send + Sync + 'static>() {}
    fits::<Closed>();
    fits::<TryPostError>();
    fits::<JoinError>();
    fits::<TryOffloadError<fn()>>();
    fits::<task::NoLoop<Ready<u8>>>();
    fits::<time::Elapsed>();
    fits::<group::GroupError<u8>>();
    fits::<io::ReadError>();
    fits::<sync::AcquireError>();
    fits::<sync::BrokenBarrier>();
    fits::<sync::PutError<u8>>();
    fits::<broadcast::RecvError>();
    fits::<mpsc::SendError<u8>>();
    fits::<oneshot::RecvError>();
    fits::<watch::RecvError>();
}

/// The main future and its output need not be `Send`. They need not be `'static` either, because the call ends before the borrow.
#[test]
fn the_main_future_may_borrow_and_need_not_be_send() {
    let word = String::from("borrowed");
    let not_send = Rc::new(&word);
    let length = roundelay::run(async { Rc::clone(&not_send).len() });
    assert_eq!(length, 8);
}
