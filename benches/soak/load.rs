//! The load of the loop, and the counts.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::io::{self, Read};
use std::panic::{self, panic_any};
use std::process::Child;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::net::{Served, TcpListener, UdpSocket, UnixListener, serve};
use roundelay::sync::{CancelToken, Mutex, mpsc};
use roundelay::{
    JoinHandle, Remote, TaskGroup, interval, offload, sleep, spawn, timeout, yield_now,
};

use super::clients::{Addresses, Answers, DOOMED, PATIENT};
use super::vitals::Vitals;

const TIMERS: u64 = 200;
const THREADS: u64 = 2;
const GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// The payload of the panics that are planned.
struct Planned;

pub(crate) fn hush() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Planned>() {
            loud(info);
        }
    }));
}

/// Vigna's xorshift64*, 2016.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Random bytes: at least one, and at most `most`.
    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| self.next() as u8).collect()
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often each thing happened.
        #[derive(Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* $name: Cell<u64>,)*
        }

        impl fmt::Display for Counts {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let all = [$((stringify!($name), self.$name.get())),*];
                let words: Vec<String> =
                    all.iter().map(|(name, count)| format!("{}: {count}", name.replace('_', " "))).collect();
                f.write_str(&words.join(", "))
            }
        }
    };
}

counts! {
    connections,
    connections_ended,
    datagrams,
    timers,
    timers_early,
    jobs,
    jobs_answered,
    jobs_abandoned,
    jobs_wrong,
    groups,
    children,
    children_dropped,
    panics,
    panics_seen,
    items_sent,
    items_got,
}

fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

impl Counts {
    pub(crate) fn problems(&self) -> Vec<String> {
        let pairs = [
            ("connections", &self.connections, &self.connections_ended),
            ("children", &self.children, &self.children_dropped),
            ("panics", &self.panics, &self.panics_seen),
            ("items", &self.items_sent, &self.items_got),
        ];
        let mut problems: Vec<String> = pairs
            .iter()
            .filter(|(_, begun, ended)| begun != ended)
            .map(|(what, begun, ended)| {
                format!("{what}: {} began, {} ended", begun.get(), ended.get())
            })
            .collect();
        if self.jobs.get() != self.jobs_answered.get() + self.jobs_abandoned.get() {
            problems.push("jobs got lost".to_owned());
        }
        for (what, count) in [
            ("timers fired early", &self.timers_early),
            ("jobs gave another answer", &self.jobs_wrong),
        ] {
            if count.get() > 0 {
                problems.push(format!("{} {what}", count.get()));
            }
        }
        let idle = [
            &self.connections,
            &self.datagrams,
            &self.timers,
            &self.jobs_answered,
            &self.groups,
            &self.panics,
            &self.items_got,
        ];
        if idle.iter().any(|count| count.get() == 0) {
            problems.push(format!("something never happened: {self}"));
        }
        problems
    }
}

/// The results at the end, beside the counts.
pub(crate) struct Outcome {
    served: [Served; 2],
    answers: Option<Answers>,
    killed: u64,
    not_started: u64,
    posts: [u64; 2],
    spawns: [u64; 2],
    pub(crate) warm: Vitals,
    pub(crate) last: Vitals,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [tcp, unix] = &self.served;
        writeln!(f, "TCP: {tcp}\nsoak: Unix: {unix}")?;
        match &self.answers {
            Some(answers) => writeln!(f, "soak: the patient client's {answers}")?,
            None => writeln!(f, "soak: the patient client said nothing")?,
        }
        write!(
            f,
            "soak: clients killed: {}, not started for want of descriptors: {}; posts: {:?}, spawns from threads: {:?}\n\
             soak: after warming up {}\nsoak: under the same load at the end {}",
            self.killed, self.not_started, self.posts, self.spawns, self.warm, self.last
        )
    }
}

impl Outcome {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                problems.push(what.to_owned());
            }
        };
        for served in &self.served {
            let ended = served.finished + served.failed + served.panicked + served.cancelled;
            check(served.accepted == ended, "connections were lost");
            check(served.panicked == 0, "a connection panicked");
            check(served.failed > 0, "no connection ever failed");
        }
        let [tcp, unix] = &self.served;
        check(
            tcp.refused + unix.refused > 0,
            "descriptors were never short",
        );
        let all_answered = self
            .answers
            .is_some_and(|answers| answers.asked == answers.answered && answers.asked > 0);
        check(all_answered, "the patient client misses answers");
        // The system drops a datagram if the buffer is full, and UDP promises no more.
        let few_lost = self
            .answers
            .is_some_and(|answers| answers.datagrams_lost * 100 <= answers.datagrams);
        check(few_lost, "more than one in a hundred datagrams got lost");
        check(self.killed > 0, "no client was killed");
        check(self.posts[0] == self.posts[1], "posts got lost");
        check(
            self.spawns[0] == self.spawns[1],
            "spawns from threads got lost",
        );
        problems
    }
}

/// Runs the whole load.
pub(crate) async fn everything(
    time: Duration,
    counts: Rc<Counts>,
    remote: Remote,
) -> Result<Outcome, Box<dyn Error>> {
    let stop = CancelToken::new();
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let udp = UdpSocket::bind("127.0.0.1:0").await?;
    let path = std::env::temp_dir().join(format!("roundelay-soak-{}", std::process::id()));
    let unix = UnixListener::bind(&path)?;
    let addresses = Addresses {
        tcp: tcp.local_addr()?.to_string(),
        unix: path.to_string_lossy().into_owned(),
        udp: udp.local_addr()?.to_string(),
    };
    let tcp = spawn(echo_tcp(tcp, Rc::clone(&counts), stop.clone()));
    let unix = spawn(echo_unix(unix, Rc::clone(&counts), stop.clone()));
    let others = start(&counts, &stop, udp);
    let afar = Arc::new(Afar::default());
    let mut threads: Vec<_> = (0..THREADS).map(|_| start_thread(&afar, &remote)).collect();
    let mut patient = addresses.client(PATIENT)?;
    threads.push(start_killer(&afar, addresses));

    let (warm, last) = watch(time, &counts).await;

    afar.is_over.store(true, SeqCst);
    for thread in threads {
        offload(move || thread.join())
            .await?
            .expect("a thread of ours ends");
    }
    drop(patient.stdin.take());
    let answers = offload(move || last_words(patient)).await?;
    stop.cancel();
    let served = [tcp.await??, unix.await??];
    for task in others {
        task.await?;
    }
    let _ = std::fs::remove_file(&path);
    let pair = |one: &AtomicU64, two: &AtomicU64| [one.load(SeqCst), two.load(SeqCst)];
    Ok(Outcome {
        served,
        answers,
        killed: afar.killed.load(SeqCst),
        not_started: afar.not_started.load(SeqCst),
        posts: pair(&afar.posted, &afar.ran),
        spawns: pair(&afar.spawned, &afar.joined),
        warm,
        last,
    })
}

fn last_words(mut client: Child) -> Option<Answers> {
    let mut text = String::new();
    client.stdout.take()?.read_to_string(&mut text).ok()?;
    client.wait().ok()?;
    Answers::read(&text)
}

/// Prints a line every ten seconds. Returns the vitals after warming up (a minute, or a third of the time), and the last ones.
async fn watch(time: Duration, counts: &Counts) -> (Vitals, Vitals) {
    let begin = Instant::now();
    let warm_at = (time / 3).min(Duration::from_secs(60));
    let mut warm = None;
    while begin.elapsed() < time {
        let rest = time.saturating_sub(begin.elapsed());
        let until_warm = match warm {
            None => warm_at.saturating_sub(begin.elapsed()),
            Some(_) => rest,
        };
        sleep(Duration::from_secs(10).min(rest).min(until_warm)).await;
        if begin.elapsed() >= warm_at && warm.is_none() {
            warm = Some(Vitals::now());
        }
        println!(
            "soak: {:>3} s: {}; {counts}",
            begin.elapsed().as_secs(),
            Vitals::now()
        );
    }
    let last = Vitals::now();
    (warm.unwrap_or(last), last)
}

// Sockets.

/// Counts a connection when it comes, and when it ends in any way.
struct Connection(Rc<Counts>);

impl Connection {
    fn begin(counts: &Rc<Counts>) -> Self {
        add(&counts.connections);
        Self(Rc::clone(counts))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        add(&self.0.connections_ended);
    }
}

macro_rules! echo {
    ($name:ident, $listener:ty) => {
        async fn $name(
            listener: $listener,
            counts: Rc<Counts>,
            stop: CancelToken,
        ) -> io::Result<Served> {
            let handler = move |stream: <$listener as roundelay::net::Accept>::Stream, _| {
                let connection = Connection::begin(&counts);
                async move {
                    let _connection = connection;
                    let mut buffer = [0; 4096];
                    loop {
                        match stream.read(&mut buffer).await? {
                            0 => return io::Result::Ok(()),
                            n => stream.write_all(&buffer[..n]).await?,
                        }
                    }
                }
            };
            serve(listener, handler)
                .grace(GRACE)
                .shutdown(stop.cancelled_owned())
                .await
        }
    };
}

echo!(echo_tcp, TcpListener);
echo!(echo_unix, UnixListener);

async fn echo_datagrams(socket: UdpSocket, counts: Rc<Counts>) {
    let mut buffer = [0; 2048];
    loop {
        // If a client is gone, the next read reports it (`ECONNREFUSED`).
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let _ = socket.send_to(&buffer[..length], from).await;
        add(&counts.datagrams);
    }
}

// On the loop.

fn start(counts: &Rc<Counts>, stop: &CancelToken, udp: UdpSocket) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let mut go = |work: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let stop = stop.clone();
        tasks.push(spawn(async move {
            stop.run_until_cancelled(work).await;
        }));
    };
    let counts = || Rc::clone(counts);
    go(Box::pin(echo_datagrams(udp, counts())));
    for seed in 0..TIMERS {
        go(Box::pin(wait_for_timers(counts(), Random::new(seed))));
    }
    go(Box::pin(run_groups(counts())));
    go(Box::pin(panic_now_and_then(counts())));
    tasks.push(spawn(pass_items(counts(), stop.clone())));
    tasks.push(spawn(run_jobs(counts(), stop.clone())));
    tasks
}

async fn wait_for_timers(counts: Rc<Counts>, mut random: Random) {
    loop {
        let nap = Duration::from_micros(random.below(20_000) as u64);
        let begin = Instant::now();
        let least = match random.below(5) {
            0 => {
                sleep(nap).await;
                nap
            }
            1 => {
                let _ = timeout(nap, pending::<()>()).await;
                nap
            }
            2 => {
                // This time-out never fires.
                let _ = timeout(Duration::from_secs(3600), sleep(nap)).await;
                nap
            }
            3 => {
                let mut later = sleep(Duration::from_secs(3600));
                later.reset(begin + nap);
                later.await;
                nap
            }
            _ => {
                let mut ticks = interval(nap.max(PAUSE));
                for _ in 0..3 {
                    ticks.tick().await;
                }
                Duration::ZERO
            }
        };
        add(&counts.timers);
        if begin.elapsed() < least {
            add(&counts.timers_early);
        }
    }
}

async fn run_jobs(counts: Rc<Counts>, stop: CancelToken) {
    let mut random = Random::new(7);
    while !stop.is_cancelled() {
        add(&counts.jobs);
        let number = random.below(1 << 20);
        let (length, kind) = (random.below(3000) as u64, random.below(8));
        let job = offload(move || {
            thread::sleep(Duration::from_micros(length));
            if kind == 0 {
                panic_any(Planned);
            }
            number * 2
        });
        if kind == 1 || kind == 2 {
            // The time-out comes before the job runs, while it runs, or after.
            let _ = timeout(Duration::from_micros(length / 2), job).await;
            add(&counts.jobs_abandoned);
        } else {
            let is_right = match job.await {
                Ok(double) => double == number * 2,
                Err(error) => kind == 0 && error.is_panic(),
            };
            add(&counts.jobs_answered);
            if !is_right {
                add(&counts.jobs_wrong);
            }
        }
        sleep(PAUSE).await;
    }
}

struct ChildGuard(Rc<Counts>);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        add(&self.0.children_dropped);
    }
}

/// Groups that end well, fail, are cancelled, and are dropped by a time-out.
async fn run_groups(counts: Rc<Counts>) {
    let mut random = Random::new(8);
    loop {
        let how = random.below(4);
        let scope = TaskGroup::scope_until_cancelled(async |group| {
            for child in 0..8_u64 {
                add(&counts.children);
                let guard = ChildGuard(Rc::clone(&counts));
                group.spawn(async move {
                    let _guard = guard;
                    sleep(Duration::from_micros(500 * child)).await;
                    match how == 1 && child == 4 {
                        true => Err("fails"),
                        false => Ok(()),
                    }
                });
            }
            if how == 2 {
                sleep(PAUSE).await;
                group.cancel();
            }
            Ok(())
        });
        let limit = if how == 3 {
            PAUSE
        } else {
            Duration::from_secs(60)
        };
        let _ = timeout(limit, scope).await;
        add(&counts.groups);
        sleep(PAUSE).await;
    }
}

async fn panic_now_and_then(counts: Rc<Counts>) {
    loop {
        sleep(PAUSE).await;
        let task = spawn(async {
            yield_now().await;
            panic_any(Planned);
        });
        let joined = task.await;
        add(&counts.panics);
        if joined.is_err_and(|error| error.is_panic()) {
            add(&counts.panics_seen);
        }
    }
}

/// Four producers and a consumer run until the end of the load. Then the consumer reads the rest.
async fn pass_items(counts: Rc<Counts>, stop: CancelToken) {
    let (sender, mut receiver) = mpsc::channel(8);
    let last = Rc::new(Mutex::new(0_u64));
    for _ in 0..4 {
        let (sender, counts, last) = (sender.clone(), Rc::clone(&counts), Rc::clone(&last));
        let stop = stop.clone();
        drop(spawn(async move {
            while !stop.is_cancelled() {
                *last.lock().await += 1;
                if sender.send(()).await.is_ok() {
                    add(&counts.items_sent);
                }
                sleep(PAUSE).await;
            }
        }));
    }
    drop(sender);
    while receiver.recv().await.is_some() {
        add(&counts.items_got);
    }
}

// From threads.

#[derive(Default)]
struct Afar {
    is_over: AtomicBool,
    posted: AtomicU64,
    ran: AtomicU64,
    spawned: AtomicU64,
    joined: AtomicU64,
    killed: AtomicU64,
    not_started: AtomicU64,
}

fn start_thread(afar: &Arc<Afar>, remote: &Remote) -> thread::JoinHandle<()> {
    let (afar, remote) = (Arc::clone(afar), remote.clone());
    thread::spawn(move || {
        while !afar.is_over.load(SeqCst) {
            for _ in 0..10 {
                let ran = Arc::clone(&afar);
                afar.posted.fetch_add(1, SeqCst);
                let _ = remote.post(move || {
                    ran.ran.fetch_add(1, SeqCst);
                });
            }
            afar.spawned.fetch_add(1, SeqCst);
            let answer = remote.spawn(|| async {
                sleep(Duration::from_micros(100)).await;
                7
            });
            if answer.wait().is_ok_and(|seven| seven == 7) {
                afar.joined.fetch_add(1, SeqCst);
            }
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// Starts clients, and kills them in the middle of their requests.
fn start_killer(afar: &Arc<Afar>, addresses: Addresses) -> thread::JoinHandle<()> {
    let afar = Arc::clone(afar);
    thread::spawn(move || {
        let mut random = Random::new(9);
        while !afar.is_over.load(SeqCst) {
            match addresses.client(DOOMED) {
                Ok(mut client) => {
                    let life = 100 + random.below(300) as u64;
                    thread::sleep(Duration::from_millis(life));
                    let _ = client.kill();
                    let _ = client.wait();
                    afar.killed.fetch_add(1, SeqCst);
                }
                Err(_) => {
                    afar.not_started.fetch_add(1, SeqCst);
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    })
}
