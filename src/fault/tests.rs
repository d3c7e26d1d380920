//! Whole runs of a loop, in each of which one system call fails or unwinds.
//!
//! The runs follow each other in a process of their own, so its descriptors and threads can be counted.

use std::cell::RefCell;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::Call;
use super::{Deed, Plan};
use crate::EventLoop;
use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream};

const TOO_LONG: Duration = Duration::from_secs(10);

const EINTR: i32 = 4;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;

/// The error with which each call fails, and the text that the user's error must contain. `None`: no error need be
/// reported, because the loop goes on without the call.
const CALLS: &[(Call, i32, Option<&str>)] = &[
    (
        Call::OpenPoller,
        EMFILE,
        Some("cannot make an event loop: opening the poller: "),
    ),
    (
        Call::ClonePoller,
        EMFILE,
        Some("cannot make an event loop: duplicating the poller"),
    ),
    (
        Call::HangBell,
        EMFILE,
        Some("cannot make an event loop: making the bell"),
    ),
    (Call::RingBell, ENOMEM, None),
    (
        Call::Watch,
        ENOMEM,
        Some("the event loop cannot watch descriptor "),
    ),
    (Call::Unwatch, ENOMEM, None),
    (
        Call::Wait,
        ENOMEM,
        Some("cannot poll the operating system: waiting for events: "),
    ),
    (Call::Wait, EINTR, None),
    (Call::MakeTimer, EMFILE, None),
    (Call::SetTimer, ENOMEM, None),
    (Call::Bind, EMFILE, Some("binding to ")),
    (Call::Connect, EMFILE, Some("connecting to ")),
    (Call::Accept, EMFILE, Some("accept: ")),
    (Call::Accept, EINTR, None),
    (Call::Read, ENOMEM, Some("read: ")),
    (Call::Read, EINTR, None),
    (Call::Write, ENOMEM, Some("write: ")),
    (Call::Write, EINTR, None),
    (Call::Start, ENOMEM, None),
    (Call::Work, 0, None),
];

thread_local! {
    /// The sender of a posted call's answer. The call runs on the loop's thread.
    static ANSWER: RefCell<Option<crate::sync::oneshot::Sender<()>>> = const { RefCell::new(None) };
}

/// Everything that a run holds has a clone of this.
type Token = Arc<()>;

/// The errors that the user of the loop got.
type Told = Rc<RefCell<Vec<String>>>;

fn note<T>(told: &Told, what: &str, result: io::Result<T>) -> Option<T> {
    result
        .map_err(|error| told.borrow_mut().push(format!("{what}: {error}")))
        .ok()
}

macro_rules! echo {
    ($listener:expr, $connect:expr, $told:expr, $token:expr) => {{
        let (told, token) = (Rc::clone($told), Arc::clone($token));
        let listener = $listener;
        let server = crate::spawn(async move {
            let _token = token;
            let Some((stream, _)) = note(&told, "accept", listener.accept().await) else {
                return;
            };
            let mut word = [0; 4];
            for _ in 0..2 {
                if note(&told, "read", stream.read_exact(&mut word).await).is_none() {
                    return;
                }
                if note(&told, "write", stream.write_all(&word).await).is_none() {
                    return;
                }
            }
        });
        let (told, token) = (Rc::clone($told), Arc::clone($token));
        let connecting = $connect;
        let client = crate::spawn(async move {
            let _token = token;
            let Some(stream) = note(&told, "connect", connecting.await) else {
                return;
            };
            for _ in 0..2 {
                let mut word = [0; 4];
                crate::yield_now().await;
                if note(&told, "write", stream.write_all(b"ping").await).is_none() {
                    return;
                }
                if note(&told, "read", stream.read_exact(&mut word).await).is_none() {
                    return;
                }
            }
            drop(stream.into_std());
        });
        (server, client)
    }};
}

async fn tasks(told: Told, token: Token, path: std::path::PathBuf) {
    let mut both = Vec::new();
    if let Some(listener) = note(&told, "bind", TcpListener::bind("127.0.0.1:0").await) {
        let address = listener.local_addr().unwrap();
        let (server, client) = echo!(listener, TcpStream::connect(address), &told, &token);
        both.extend([server, client]);
    }
    if let Some(listener) = note(&told, "bind", UnixListener::bind(&path)) {
        let path = path.clone();
        let (server, client) = echo!(
            listener,
            async move { UnixStream::connect(path).await },
            &told,
            &token
        );
        both.extend([server, client]);
    }
    let jobs: Vec<_> = (0..3)
        .map(|n| {
            let token = Arc::clone(&token);
            crate::offload(move || {
                drop(token);
                n
            })
        })
        .collect();
    // Even on a slow machine the deadline is still ahead when the loop parks, so the timer is set.
    crate::sleep(Duration::from_millis(10)).await;
    for (n, job) in jobs.into_iter().enumerate() {
        match job.await {
            Ok(output) => assert_eq!(output, n),
            Err(error) => told.borrow_mut().push(error.to_string()),
        }
    }
    for mut task in both {
        match crate::timeout(Duration::from_millis(100), &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => told.borrow_mut().push(error.to_string()),
            // The partner of this task failed, so no connection comes.
            Err(_) => task.abort(),
        }
    }
    let remote = crate::Remote::current();
    let (answer, answered) = crate::sync::oneshot::channel();
    ANSWER.set(Some(answer));
    let plan = super::heir();
    let poster = thread::spawn(move || {
        plan.enter();
        let answer = || {
            if let Some(answer) = ANSWER.take() {
                answer.send(()).expect("the task waits for it");
            }
        };
        remote.post(answer).expect("the loop lives");
    });
    answered.await.expect("the posted call has run");
    poster.join().expect("to post does not panic");
}

/// One life of a loop. Returns the errors that its user got.
fn life(token: &Token, path: &std::path::Path) -> Vec<String> {
    let told = Told::default();
    let mut event_loop = match EventLoop::builder()
        .name("faulty")
        .offload_threads(2)
        .build()
    {
        Ok(event_loop) => event_loop,
        Err(error) => return vec![error.to_string()],
    };
    let main = tasks(Rc::clone(&told), Arc::clone(token), path.to_owned());
    let main = event_loop.spawn(main);
    let mut main = Some(main);
    for _ in 0..3 {
        let ran = panic::catch_unwind(AssertUnwindSafe(|| {
            let main = main.take();
            event_loop.run(async {
                match main {
                    Some(main) => main.await.err().map(|error| error.to_string()),
                    None => None,
                }
            })
        }));
        match ran {
            Ok(failed) => told.borrow_mut().extend(failed),
            Err(payload) => told.borrow_mut().push(text(&*payload)),
        }
    }
    // After each fault the loop works as before.
    let turns = event_loop.run(async {
        crate::sleep(Duration::from_micros(10)).await;
        crate::spawn(async { 7 }).await.unwrap()
    });
    assert_eq!(turns, 7);
    let report = event_loop.shutdown(Duration::from_secs(5));
    assert!(
        report.offload.is_empty(),
        "a thread does not end: {report:?}"
    );
    told.take()
}

fn text(payload: &(dyn std::any::Any + Send)) -> String {
    crate::foreign::message(payload)
        .unwrap_or("no text")
        .to_owned()
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// Waits for the counts of descriptors and threads. A thread that was joined takes a moment to leave the list.
fn wait_until_as_before(before: (usize, usize), what: &str) {
    let begin = Instant::now();
    loop {
        let now = (entries("/proc/self/fd"), entries("/proc/self/task"));
        if now == before {
            return;
        }
        assert!(
            begin.elapsed() < TOO_LONG,
            "{what}: {now:?} descriptors and threads, and {before:?} before"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs one life under a plan, on a thread of its own, with a watchdog.
fn run(plan: &Arc<Plan>, what: &str) -> Vec<String> {
    let before = (entries("/proc/self/fd"), entries("/proc/self/task"));
    let token = Token::default();
    let (done, ended) = channel();
    let (held, followed) = (Arc::clone(&token), Arc::clone(plan));
    let path = std::env::temp_dir().join(format!("roundelay-faults-{}", std::process::id()));
    let thread = thread::spawn(move || {
        followed.enter();
        drop(std::fs::remove_file(&path));
        let told = panic::catch_unwind(AssertUnwindSafe(|| life(&held, &path)));
        drop(held);
        drop(std::fs::remove_file(&path));
        done.send(told.map_err(|payload| text(&*payload))).unwrap();
    });
    let told = ended
        .recv_timeout(TOO_LONG)
        .unwrap_or_else(|_| panic!("{what}: hangs"));
    thread.join().unwrap();
    let told = told.unwrap_or_else(|panic| vec![panic]);
    wait_until_as_before(before, what);
    assert_eq!(
        Arc::strong_count(&token),
        1,
        "{what}: something was never dropped"
    );
    told
}

/// A loop takes the first free index, so a lost index shows.
fn next_index() -> usize {
    crate::inbox::Inbox::new(usize::MAX, std::rc::Rc::default())
        .unwrap()
        .index()
}

#[test]
#[ignore = "run by every_call_fails_and_unwinds_in_turn, in a process of its own"]
fn in_a_process_of_its_own() {
    let watched = Plan::watch();
    assert_eq!(run(&watched, "without a fault"), Vec::<String>::new());
    let index = next_index();
    let (mut runs, mut struck) = (0, 0);
    for &(call, code, expected) in CALLS {
        let count = watched.count(call);
        assert!(count > 0, "a whole life makes no {call:?}");
        for n in 0..count {
            let mut deeds = vec![Deed::Unwind];
            if code != 0 {
                deeds.push(Deed::Fail(code));
            }
            for deed in deeds {
                let what = format!("{call:?} number {n}, {deed:?}");
                eprintln!("{what}");
                let plan = Plan::strike(call, n, deed);
                let told = run(&plan, &what);
                runs += 1;
                assert_eq!(next_index(), index, "{what}: a loop's index is lost");
                // The number of waits and of rings differs between runs.
                if !plan.has_struck() {
                    continue;
                }
                struck += 1;
                if let (Deed::Fail(_), Some(expected)) = (deed, expected) {
                    // The timer is watched too, and the loop goes on without it.
                    let may_be_silent = call == Call::Watch;
                    let is_said = told.iter().any(|line| line.contains(expected));
                    assert!(
                        is_said || (may_be_silent && told.is_empty()),
                        "{what}: {told:?}"
                    );
                }
                if let (Deed::Fail(EINTR), _) = (deed, ()) {
                    assert_eq!(told, Vec::<String>::new(), "{what}");
                }
            }
        }
    }
    println!("{runs} lives, {struck} faults");
    assert!(
        struck * 10 > runs * 8,
        "too few of the faults struck: {struck} of {runs}"
    );
}

#[test]
fn every_call_fails_and_unwinds_in_turn() {
    let _watched = crate::watch::watch_for(Duration::from_secs(120));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "fault::tests::in_a_process_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut errors = child.stderr.take().expect("it is piped");
    errors.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
}
