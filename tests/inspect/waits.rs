//! Each kind of wait.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io::Read as _;
use std::os::fd::AsRawFd;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::support::net::tcp_pair;
use roundelay::inspect::{JobState, TaskInfo, TaskState, WaitsFor};
use roundelay::io::{Read as _, Write as _, duplex};
use roundelay::net::{TcpListener, UdpSocket, UnixStream};
use roundelay::reactor::{Interest, Registered};
use roundelay::sync::{
    Barrier, CancelToken, Condition, Event, Mutex, Notify, Queue, RwLock, Semaphore, broadcast,
    mpsc, oneshot, watch,
};
use roundelay::task::AbortHandle;
use roundelay::{
    EventLoop, JoinHandle, Remote, TaskGroup, TaskId, future, offload, remote, sleep, spawn, task,
    timeout, yield_now,
};

const HOUR: Duration = Duration::from_secs(3_600);

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Runs a body in a loop that is observed, and in one that is not.
#[track_caller]
fn in_both(body: impl AsyncFn(bool) -> Outcome) {
    for is_observed in [false, true] {
        let mut event_loop = EventLoop::builder().observe(is_observed).build().unwrap();
        event_loop.run(body(is_observed)).unwrap();
    }
}

fn info(id: TaskId) -> TaskInfo {
    task::all().find(id).expect("the task is alive").clone()
}

/// What a task waits for, in words, after it has been polled.
async fn waits_of(id: TaskId) -> Vec<String> {
    yield_now().await;
    let info = info(id);
    assert_eq!(info.state, TaskState::Waiting);
    info.waits_for.iter().map(ToString::to_string).collect()
}

/// Spawns a task that waits for `future`, and says what the task waits for.
async fn waits_for(future: impl Future + 'static) -> Vec<String> {
    let handle = spawn(async move { drop(future.await) });
    let waits = waits_of(handle.id()).await;
    drop(handle.abort_on_drop());
    waits
}

/// Like [`waits_for`], for a thing that is shared.
async fn waits_on<T: 'static>(thing: &Rc<T>, wait: impl AsyncFnOnce(&T) + 'static) -> Vec<String> {
    let thing = Rc::clone(thing);
    waits_for(async move { wait(&thing).await }).await
}

/// The line above the call, as a wait shows it.
#[track_caller]
fn line_above() -> String {
    format!("waits.rs:{}", Location::caller().line() - 1)
}

// The loop's own tables.

#[test]
fn a_timer_says_how_long_it_has_to_go() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let handle = spawn(sleep(HOUR));
        yield_now().await;
        let waits = info(handle.id()).waits_for;
        let [WaitsFor::Timer(left)] = &*waits else {
            panic!("{waits:?}");
        };
        assert!(*left <= HOUR && *left > HOUR - Duration::from_secs(60));
        assert!(waits[0].to_string().starts_with("a timer in 59 min"));
        Ok(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_socket_is_named_by_its_kind_its_direction_and_its_addresses() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let (near, _far) = tcp_pair().await?;
        let (here, there) = (near.local_addr()?, near.peer_addr()?);
        let [read] = &*waits_for(async move { near.read(&mut [0]).await }).await else {
            panic!("one wait");
        };
        assert_eq!(*read, format!("a read of the TCP stream {here}->{there}"));
        let (near, far) = tcp_pair().await?;
        let (here, there) = (near.local_addr()?, near.peer_addr()?);
        let write = waits_for(async move { far.write_all(&vec![0; 1 << 26]).await }).await;
        assert_eq!(
            write,
            [format!("a write to the TCP stream {there}->{here}")]
        );

        let listener = TcpListener::bind("[::1]:0").await;
        if let Ok(listener) = listener {
            let address = listener.local_addr()?;
            let accept = waits_for(async move { listener.accept().await }).await;
            assert_eq!(
                accept,
                [format!("a connection to the TCP listener {address}")]
            );
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let datagram = waits_for(async move { socket.recv_from(&mut [0]).await }).await;
        assert_eq!(datagram, [format!("a read of the UDP socket {address}")]);
        Ok(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn what_has_no_address_is_named_by_its_kind_and_its_descriptor() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let (near, _far) = UnixStream::pair()?;
        let fd = near.as_raw_fd();
        let read = waits_for(async move { near.read(&mut [0]).await }).await;
        assert_eq!(
            read,
            [format!("a read of the Unix socket at descriptor {fd}")]
        );
        let (_sender, receiver) = mio::unix::pipe::new()?;
        let fd = receiver.as_raw_fd();
        let receiver = Registered::new(receiver);
        let read = waits_for(async move {
            let read = |mut pipe: &mio::unix::pipe::Receiver| pipe.read(&mut [0]);
            receiver.async_io(Interest::READABLE, read).await
        })
        .await;
        assert_eq!(read, [format!("a read of the pipe at descriptor {fd}")]);
        Ok(())
    });
}

#[test]
fn each_of_several_tasks_that_wait_for_one_source_is_named() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await?);
        let handles: Vec<_> = (0..3)
            .map(|_| {
                let listener = Rc::clone(&listener);
                spawn(async move { drop(listener.accept().await) })
            })
            .collect();
        yield_now().await;
        for handle in &handles {
            let waits = info(handle.id()).waits_for;
            let [WaitsFor::Read(source)] = &*waits else {
                panic!("{waits:?}");
            };
            assert_eq!(source.descriptor, listener.as_raw_fd());
        }
        Ok(())
    });
}

#[test]
fn a_task_that_awaits_another_names_it() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let awaited = spawn(pending::<()>());
        let (id, abort) = (awaited.id(), awaited.abort_handle());
        let awaiting = spawn(async move { drop(awaited.await) });
        assert_eq!(waits_of(awaiting.id()).await, [format!("task {id}'s end")]);
        abort.abort();
        awaiting.await?;
        Ok(())
    });
}

#[test]
fn a_job_says_where_it_was_offloaded_and_how_it_stands() {
    let _watched = crate::support::watch();
    let (entered, is_entered) = std_mpsc::channel();
    let (door, is_open) = std_mpsc::channel::<()>();
    let mut event_loop = EventLoop::builder().offload_threads(1).build().unwrap();
    event_loop.run(async move {
        let runs = offload(move || {
            entered.send(()).unwrap();
            let _ = is_open.recv();
        });
        let line = Location::caller().line() + 1;
        let waits = offload(|| ());
        let (runs, waits) = (spawn(runs), spawn(waits));
        is_entered.recv().unwrap();
        yield_now().await;
        let jobs = [runs.id(), waits.id()].map(|id| match &*info(id).waits_for {
            [WaitsFor::Job { location, state }] => (location.line(), *state),
            waits => panic!("{waits:?}"),
        });
        assert!(matches!(jobs[0].1, JobState::Running(_)), "{jobs:?}");
        assert_eq!(jobs[1], (line, JobState::Queued));
        let text = info(waits.id()).waits_for[0].to_string();
        assert!(
            text.ends_with(&format!("waits.rs:{line}, which waits for a thread")),
            "{text}"
        );
        drop(door);
        runs.await.unwrap().unwrap();
        waits.await.unwrap().unwrap();
    });
}

#[test]
fn a_job_that_is_done_and_not_heard_of_says_so() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async {
        let (door, is_open) = std_mpsc::channel::<()>();
        let first = spawn(offload(move || {
            let _ = is_open.recv();
        }));
        yield_now().await;
        drop(door);
        let mut state = None;
        while !matches!(state, Some(JobState::Done)) {
            // This task does not yield, so the wake of the first task is not delivered and the job stays in the list.
            state = match &*info(first.id()).waits_for {
                [WaitsFor::Job { state, .. }] => Some(*state),
                waits => panic!("{waits:?}"),
            };
        }
        first.await.unwrap().unwrap();
    });
}

#[test]
fn a_task_that_waits_for_several_things_lists_them_all() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let (near, _far) = UnixStream::pair()?;
        let handle = spawn(async move {
            let read = async { near.read(&mut [0]).await };
            drop(timeout(HOUR, read).await);
        });
        yield_now().await;
        let waits = info(handle.id()).waits_for;
        assert!(
            matches!(&*waits, [WaitsFor::Read(_), WaitsFor::Timer(_)]),
            "{waits:?}"
        );
        Ok(())
    });
}

#[test]
fn the_children_of_a_set_and_of_a_set_within_it_are_seen_through() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let awaited = spawn(pending::<()>());
        let id = awaited.id();
        let handle = spawn(async move {
            let inner = async {
                let sleeps = [sleep(HOUR), sleep(HOUR)];
                future::join_all(sleeps).await;
            };
            let outer: [Pin<Box<dyn Future<Output = ()>>>; 3] = [
                Box::pin(inner),
                Box::pin(async { drop(awaited.await) }),
                Box::pin(async { drop(offload(|| std::thread::sleep(HOUR / 36_000)).await) }),
            ];
            future::join_all(outer).await;
        });
        yield_now().await;
        let waits = info(handle.id()).waits_for;
        let count = |is: fn(&WaitsFor) -> bool| waits.iter().filter(|what| is(what)).count();
        assert_eq!(count(|what| matches!(what, WaitsFor::Timer(_))), 2);
        assert_eq!(count(|what| matches!(what, WaitsFor::Job { .. })), 1);
        assert!(
            waits
                .iter()
                .any(|what| matches!(what, WaitsFor::Task(task) if *task == id))
        );
        assert_eq!(waits.len(), 4, "{waits:?}");
        Ok(())
    });
}

#[test]
fn to_be_looked_at_wakes_nobody() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async {
        let set = spawn(async { drop(future::join_all([sleep(HOUR), sleep(HOUR)]).await) });
        yield_now().await;
        let before = roundelay::Metrics::current().unwrap();
        for _ in 0..10 {
            assert_eq!(info(set.id()).waits_for.len(), 2);
        }
        assert_eq!(roundelay::Metrics::current().unwrap(), before);
        assert_eq!(info(set.id()).state, TaskState::Waiting);
    });
}

#[test]
fn a_waker_of_somebody_else_is_something_else_and_is_not_woken() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
        let keep = Rc::clone(&waker);
        let handle = spawn(poll_fn(move |cx| {
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        assert_eq!(waits_of(handle.id()).await, ["something else"]);
        // A combinator of another crate wraps the waker.
        let (foreign, wakes) = crate::support::counting_waker();
        let mut nap = Box::pin(sleep(HOUR));
        let polled = nap
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&foreign));
        assert!(polled.is_pending());
        assert_eq!(
            task::all().iter().flat_map(|task| &task.waits_for).count(),
            1
        );
        assert_eq!(
            wakes.get(),
            0,
            "asking for the list woke a waker of another executor"
        );
        Ok(())
    });
}

// Waits that only an observed loop knows, because the waiting futures declare them.

/// A wait for each thing in `sync`.
async fn things() -> Vec<(Vec<String>, &'static str)> {
    let mut seen = Vec::new();
    let mut add = |waits, what| seen.push((waits, what));

    let queue = Rc::new(Queue::<u8>::bounded(1));
    let wait = waits_on(&queue, async |queue| {
        let _ = queue.get().await;
    });
    add(wait.await, "an item of the queue");
    queue.try_put(0).unwrap();
    let wait = waits_on(&queue, async |queue| {
        let _ = queue.put(1).await;
    });
    add(wait.await, "room in the queue");
    let wait = waits_on(&queue, async |queue| queue.join().await);
    add(wait.await, "the end of all work in the queue");

    let mutex = Rc::new(Mutex::new(()));
    let held = mutex.try_lock().unwrap();
    let wait = waits_on(&mutex, async |mutex| drop(mutex.lock().await));
    add(wait.await, "the mutex");
    drop(held);
    let condition = Rc::new(Condition::new());
    let wait = waits_on(&condition, async move |condition| {
        drop(condition.wait(mutex.lock().await).await);
    });
    add(wait.await, "the condition");
    let lock = Rc::new(RwLock::new(()));
    let _held = lock.try_write().unwrap();
    let wait = waits_on(&lock, async |lock| drop(lock.read().await));
    add(wait.await, "the read-write lock");

    let semaphore = Rc::new(Semaphore::new(0));
    let wait = waits_on(&semaphore, async |semaphore| {
        drop(semaphore.acquire().await);
    });
    add(wait.await, "a permit of the semaphore");
    let event = Rc::new(Event::new());
    let wait = waits_on(&event, async |event| event.wait().await);
    add(wait.await, "the event");
    let notify = Rc::new(Notify::new());
    let wait = waits_on(&notify, async |notify| {
        notify.notified().await;
    });
    add(wait.await, "the notify");
    let barrier = Rc::new(Barrier::new(2));
    let wait = waits_on(&barrier, async |barrier| {
        let _ = barrier.wait().await;
    });
    add(wait.await, "the others at the barrier");
    let token = CancelToken::new();
    add(
        waits_for(token.cancelled_owned()).await,
        "the cancellation of the token",
    );
    seen
}

/// A wait for each channel, and for the things that are like a channel.
async fn channels() -> Vec<(Vec<String>, &'static str)> {
    let mut seen = Vec::new();
    let mut add = |waits, what| seen.push((waits, what));

    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    let of_sender = sender.clone();
    add(
        waits_for(async move { receiver.recv().await }).await,
        "a value of the channel",
    );
    let (full, _receiver) = mpsc::channel::<u8>(1);
    full.try_send(0).unwrap();
    add(
        waits_for(async move { full.send(1).await }).await,
        "room in the channel",
    );
    drop(of_sender);
    let (sender, receiver) = oneshot::channel::<u8>();
    add(waits_for(receiver).await, "the value of the oneshot");
    drop(sender);
    let (mut sender, _receiver) = oneshot::channel::<u8>();
    add(
        waits_for(async move { sender.closed().await }).await,
        "the end of the receiver of the oneshot",
    );
    let (_sender, mut receiver) = broadcast::channel::<u8>(1);
    add(
        waits_for(async move { receiver.recv().await }).await,
        "a value of the broadcast channel",
    );
    let (_sender, mut receiver) = watch::channel(0);
    add(
        waits_for(async move { receiver.changed().await }).await,
        "a new value of the watch channel",
    );
    let (_sender, mut receiver) = remote::channel::<u8>(1);
    add(
        waits_for(async move { receiver.recv().await }).await,
        "a value of the remote channel",
    );
    let (_sender, receiver) = remote::oneshot::<u8>();
    add(waits_for(receiver).await, "the value of the remote oneshot");
    let handle = Remote::current().spawn(pending::<()>);
    add(waits_for(handle).await, "the end of the remote task");
    let (mut near, _far) = duplex(1);
    let read = async move { near.read(&mut [0]).await };
    add(waits_for(read).await, "bytes in the duplex");
    let (mut near, _far) = duplex(1);
    let write = async move { near.write_all(&[0; 2]).await };
    add(waits_for(write).await, "room in the duplex");
    seen
}

#[test]
fn everything_in_sync_is_named_in_a_loop_that_is_observed_and_something_else_in_another() {
    let _watched = crate::support::watch();
    in_both(async |is_observed| {
        for (waits, what) in things().await.into_iter().chain(channels().await) {
            let [wait] = &*waits else {
                panic!("{what}: {waits:?}");
            };
            if is_observed {
                let (told, line) = wait
                    .split_once(" made at ")
                    .expect("the wait says where the thing was made");
                assert_eq!(told, what);
                assert!(line.starts_with("waits.rs:"), "{wait}");
            } else {
                assert_eq!(wait, "something else", "{what}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_thing_in_sync_is_named_by_the_line_that_made_it() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().observe(true).build().unwrap();
    event_loop.run(async {
        let queue = Rc::new(Queue::<u8>::unbounded());
        let made = line_above();
        let same = Rc::clone(&queue);
        let waits = waits_for(async move { same.get().await }).await;
        assert_eq!(waits, [format!("an item of the queue made at {made}")]);
        let event = Event::default();
        let made = line_above();
        let waits = waits_for(async move { event.wait().await }).await;
        assert_eq!(waits, [format!("the event made at {made}")]);
        let (_sender, mut receiver) = mpsc::unbounded_channel::<u8>();
        let made = line_above();
        let waits = waits_for(async move { receiver.recv().await }).await;
        assert_eq!(waits, [format!("a value of the channel made at {made}")]);
    });
}

#[test]
fn a_scope_whose_body_is_done_waits_for_the_children() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().observe(true).build().unwrap();
    event_loop.run(async {
        let scope = spawn(async {
            let body = async |group: TaskGroup<()>| {
                group.spawn(async { pending::<Result<(), ()>>().await });
                Ok(())
            };
            drop(TaskGroup::scope(body).await);
        });
        let [wait] = &*waits_of(scope.id()).await else {
            panic!("one wait");
        };
        assert!(
            wait.starts_with("the children of the group made at waits.rs:"),
            "{wait}"
        );
    });
}

#[test]
fn a_wait_that_another_task_goes_on_with_is_that_tasks() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().observe(true).build().unwrap();
    event_loop.run(async {
        let event = Event::new();
        let mut wait = Box::pin(async move { event.wait().await });
        poll_fn(|cx| {
            assert!(wait.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let here = task::current().unwrap();
        assert_eq!(info(here).waits_for.len(), 1);
        let other = spawn(wait);
        assert_eq!(waits_of(other.id()).await.len(), 1);
        assert_eq!(info(here).waits_for.len(), 0);
    });
}

// After the end of a wait.

/// Two tasks for each kind of wait: the first task's wait ends well, the second task is aborted.
fn ends() -> (Vec<JoinHandle<()>>, Vec<AbortHandle>, Rc<Event>) {
    let go = Rc::new(Event::new());
    let queue = Rc::new(Queue::<u8>::unbounded());
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (of_queue, of_event) = (Rc::clone(&queue), Rc::clone(&go));
        tasks.push(spawn(async move {
            let _ = of_queue.get().await;
        }));
        tasks.push(spawn(async move { of_event.wait().await }));
        tasks.push(spawn(sleep(Duration::from_millis(1))));
        tasks.push(spawn(async { drop(offload(|| ()).await) }));
        let awaited = spawn(sleep(Duration::from_millis(2)));
        tasks.push(spawn(async { drop(awaited.await) }));
        let (near, far) = UnixStream::pair().unwrap();
        tasks.push(spawn(async move { drop(near.read(&mut [0]).await) }));
        let of_event = Rc::clone(&go);
        drop(spawn(async move {
            of_event.wait().await;
            let _ = far.write_all(b"!").await;
        }));
        let of_queue = Rc::clone(&queue);
        let of_event = Rc::clone(&go);
        drop(spawn(async move {
            of_event.wait().await;
            of_queue.try_put(1).unwrap();
        }));
    }
    let aborts = tasks[6..].iter().map(JoinHandle::abort_handle).collect();
    (tasks, aborts, go)
}

/// *nothing-left*: when a wait is over and its task goes on, the list no longer shows this wait.
#[test]
fn a_wait_that_is_over_is_not_told() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let (tasks, aborts, go) = ends();
        yield_now().await;
        // A short sleep or a job may be over by now.
        for task in task::all()
            .iter()
            .filter(|task| task.state == TaskState::Waiting)
        {
            assert_eq!(task.waits_for.len(), 1, "{task}");
        }
        aborts.iter().for_each(AbortHandle::abort);
        go.set();
        for handle in tasks {
            drop(handle.await);
        }
        sleep(Duration::from_millis(2)).await;
        for task in &task::all() {
            assert!(task.waits_for.is_empty(), "{task}");
        }
        Ok(())
    });
}

#[test]
fn a_task_that_goes_on_to_the_next_wait_has_left_the_last() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().observe(true).build().unwrap();
    event_loop.run(async {
        let queue = Rc::new(Queue::<u8>::unbounded());
        let same = Rc::clone(&queue);
        let (sender, receiver) = oneshot::channel::<u8>();
        let handle = spawn(async move {
            same.get().await;
            let _ = receiver.await;
            sleep(HOUR).await;
        });
        assert!(waits_of(handle.id()).await[0].starts_with("an item of the queue"));
        queue.try_put(1).unwrap();
        yield_now().await;
        let waits = waits_of(handle.id()).await;
        assert_eq!(
            waits.len(),
            1,
            "a wait that is over is still in the list: {waits:?}"
        );
        assert!(
            waits[0].starts_with("the value of the oneshot"),
            "{waits:?}"
        );
        sender.send(1).unwrap();
        yield_now().await;
        let waits = waits_of(handle.id()).await;
        assert_eq!(waits.len(), 1);
        assert!(waits[0].starts_with("a timer in "), "{waits:?}");
    });
}

/// *stale-is-inert*: a timer may outlive the task that armed it. It is not shown as a wait of the next task in the slot.
#[test]
fn a_waker_of_a_task_that_has_ended_is_not_told_of_the_task_in_its_slot() {
    let _watched = crate::support::watch();
    in_both(async |_| {
        let nap = Rc::new(RefCell::new(Box::pin(sleep(HOUR))));
        let same = Rc::clone(&nap);
        let arms = spawn(poll_fn(move |cx| {
            let polled = same.borrow_mut().as_mut().poll(cx);
            assert!(polled.is_pending());
            Poll::Ready(())
        }));
        arms.await?;
        let next = spawn(async { pending::<()>().await });
        assert_eq!(
            waits_of(next.id()).await,
            ["something else"],
            "the wait of a task that has ended is shown for the next task in its slot"
        );
        let timers = task::all();
        let mut timers = timers.iter().flat_map(|task| &task.waits_for);
        assert!(!timers.any(|what| matches!(what, WaitsFor::Timer(_))));
        drop(nap);
        Ok(())
    });
}

#[test]
fn a_future_that_is_kept_after_its_end_is_not_waited_for() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().observe(true).build().unwrap();
    event_loop.run(async {
        let (sender, mut value) = oneshot::channel::<u8>();
        let (job_sender, is_open) = std_mpsc::channel::<()>();
        let (remote_sender, mut answer) = remote::oneshot::<u8>();
        let handle = spawn(async move {
            let _ = (&mut value).await;
            let mut job = offload(move || is_open.recv().is_ok());
            let _ = (&mut job).await;
            let _ = (&mut answer).await;
            sleep(HOUR).await;
            drop((value, job, answer));
        });
        let id = handle.id();
        assert!(waits_of(id).await[0].starts_with("the value of the oneshot"));
        sender.send(1).unwrap();
        while !matches!(*info(id).waits_for, [WaitsFor::Job { .. }]) {
            yield_now().await;
        }
        job_sender.send(()).unwrap();
        while !matches!(*info(id).waits_for, [WaitsFor::Sync { .. }]) {
            yield_now().await;
        }
        remote_sender.send(1).unwrap();
        while !matches!(*info(id).waits_for, [WaitsFor::Timer(_)]) {
            yield_now().await;
        }
    });
}
