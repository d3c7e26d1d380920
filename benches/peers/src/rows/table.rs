//! The rows: what each measures, what it needs, which figures are shown, and what we set out to reach.

/// What a runtime must have for a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Tasks,
    Timers,
    Sockets,
    Threads,
    Posts,
    Servers,
}

pub struct Row {
    pub name: &'static str,
    pub group: &'static str,
    pub needs: Needs,
    pub lines: &'static [Line],
}

impl Row {
    /// Whether each process takes seconds, so the row is repeated less often.
    pub fn is_heavy(&self) -> bool {
        [
            "fire_1m",
            "fan_out_1m",
            "timer_1m",
            "yield_100k",
            "echo_10k",
            "timers_bulk",
            "wait_timers",
            "wait_timers_1s",
        ]
        .contains(&self.name)
    }

    /// Whether the kernel and the other processor affect the row, so that processes differ by more than runtimes do.
    fn is_unsteady(&self) -> bool {
        [
            "echo_50",
            "echo_1000",
            "fire_100k",
            "offload_burst",
            "offload_turn",
            "foreign_parked",
            "foreign_spins",
            "hello",
            "upload",
            "resp_1",
            "resp_16",
            "cores",
            "cores_one",
        ]
        .contains(&self.name)
            || self.name.starts_with("sleep_")
    }

    /// How often this row is measured if the others are measured `usual` times.
    pub fn repetitions(&self, usual: usize) -> usize {
        match (self.is_heavy(), self.is_unsteady()) {
            (true, _) => usual.min(3),
            (_, true) if usual > 1 => 3 * usual,
            _ => usual,
        }
    }

    /// How many times as long as others a process of this row runs. A connection is to be asked more than a few times, and a
    /// thread is to be woken more than a few times.
    pub fn patience(&self) -> u64 {
        match self.needs {
            Needs::Sockets | Needs::Posts | Needs::Servers => 8,
            _ if self.is_unsteady() => 4,
            _ => 1,
        }
    }
}

/// One of a row's figures.
pub struct Line {
    pub metric: &'static str,
    pub label: &'static str,
    pub unit: &'static str,
    pub is_more_better: bool,
    pub reach: Reach,
}

/// What we set out to reach: our figure divided by theirs, or theirs by ours if more is better.
#[derive(Clone, Copy)]
pub enum Reach {
    None,
    OfBest(f64),
    /// Of the best figure, and of that of tokio's `LocalRuntime`.
    OfBestAndTokio(f64, f64),
    OfTokio(f64),
    /// Of tokio's figure, and of another peer's.
    OfTokioAnd(f64, &'static str, f64),
    /// Of the figure of that peer.
    Of(&'static str, f64),
    /// At least this share of the optimal mio loop's figure, and more than tokio's.
    OfBareLoop(f64),
    AtMost(f64),
}

use Reach::*;

const fn less(metric: &'static str, label: &'static str, unit: &'static str, reach: Reach) -> Line {
    Line {
        metric,
        label,
        unit,
        is_more_better: false,
        reach,
    }
}

const fn more(metric: &'static str, label: &'static str, unit: &'static str, reach: Reach) -> Line {
    Line {
        metric,
        label,
        unit,
        is_more_better: true,
        reach,
    }
}

/// A row whose only figure is `ns`.
macro_rules! time {
    ($group:expr, $needs:ident, $name:literal, $label:literal, $reach:expr) => {
        Row {
            name: $name,
            group: $group,
            needs: Needs::$needs,
            lines: &[less("ns", $label, "ns", $reach)],
        }
    };
}

macro_rules! echo {
    ($name:literal, $label:literal, $reach:expr, $cpu:expr $(, $more:expr)?) => {
        Row {
            name: $name,
            group: SOCKETS,
            needs: Needs::Sockets,
            lines: &[
                more("per_s", $label, "requests/s", $reach),
                less(
                    "cpu",
                    concat!($label, ": server's processor time"),
                    "µs",
                    $cpu,
                ),
                less("p50", concat!($label, ": p50"), "µs", Reach::None),
                less("p99", concat!($label, ": p99"), "µs", Reach::None),
                less("p999", concat!($label, ": p99.9"), "µs", Reach::None),
                $($more,)?
            ],
        }
    };
}

macro_rules! serves {
    ($name:literal, $label:literal, $cpu:expr, $p999:expr) => {
        Row {
            name: $name,
            group: SERVERS,
            needs: Needs::Servers,
            lines: &[
                less(
                    "cpu",
                    concat!($label, ": server's processor time"),
                    "µs",
                    $cpu,
                ),
                more("per_s", $label, "requests/s", Reach::None),
                less("p50", concat!($label, ": p50"), "µs", Reach::None),
                less("p99", concat!($label, ": p99"), "µs", Reach::None),
                less("p999", concat!($label, ": p99.9"), "µs", $p999),
            ],
        }
    };
}

macro_rules! sleep {
    ($name:literal, $label:literal, $reach:expr) => {
        Row {
            name: $name,
            group: LATE,
            needs: Needs::Timers,
            lines: &[
                less(
                    "over_p50",
                    concat!($label, ": too long by, p50"),
                    "µs",
                    $reach,
                ),
                less(
                    "over_p99",
                    concat!($label, ": too long by, p99"),
                    "µs",
                    Reach::None,
                ),
                less("cpu", concat!($label, ": processor time"), "µs", $reach),
            ],
        }
    };
}

macro_rules! wait {
    ($name:literal, $beside:literal $(, $deeds:literal, $unit:literal)?) => {
        Row {
            name: $name,
            group: WAITS,
            needs: Needs::Posts,
            lines: &[
                less(
                    "max",
                    concat!("a socket's longest wait, ", $beside),
                    "µs",
                    AtMost(1_000.0),
                ),
                less(
                    "p999",
                    concat!("a socket's wait, ", $beside, ": p99.9"),
                    "µs",
                    Reach::None,
                ),
                $(more("deeds", $deeds, $unit, Reach::None),)?
            ],
        }
    };
}

macro_rules! bytes {
    ($name:literal, $label:literal, $needs:ident, $reach:expr) => {
        Row {
            name: $name,
            group: MEMORY,
            needs: Needs::$needs,
            lines: &[
                less(
                    "usable",
                    concat!("bytes ", $label, ", handed out by the allocator"),
                    "B",
                    $reach,
                ),
                less(
                    "resident",
                    concat!("bytes ", $label, ", by which the process grew"),
                    "B",
                    Reach::None,
                ),
            ],
        }
    };
}

const TASKS: &str = "Tasks and wakers";
const SPAWN: &str = "Spawning";
const TIMERS: &str = "Timers that never fire";
const LATE: &str = "Timers that fire";
const THREADS: &str = "Threads";
const SOCKETS: &str = "Sockets";
const SERVERS: &str = "Servers";
const WAITS: &str = "The longest wait of a socket";
const MEMORY: &str = "Memory";
const LOOP: &str = "The loop itself";

// One row, one line.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    time!(TASKS, Tasks, "waker", "waker: clone and drop", OfBest(0.6)),
    time!(TASKS, Tasks, "self_wake", "a task wakes itself", Reach::None),
    time!(TASKS, Tasks, "yield_1", "yield, one task, drivers on", OfBestAndTokio(0.5, 0.05)),
    time!(TASKS, Tasks, "yield_1000", "yield, 1,000 tasks", OfBest(0.8)),
    time!(TASKS, Tasks, "yield_100k", "yield, 100,000 tasks", OfBest(0.8)),
    time!(TASKS, Timers, "yield_1_sleepers", "yield, one among 100,000 sleepers", OfBest(0.6)),
    time!(TASKS, Tasks, "ping_pong", "ping-pong, one leg", OfBest(0.6)),
    time!(TASKS, Tasks, "fan_out_1000", "fan-out to 1,000 idle tasks, each", OfBest(0.8)),
    time!(TASKS, Tasks, "fan_out_1m", "fan-out to 1,000,000 idle tasks, each", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_64", "spawn and join in turn, 64 B", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_1k", "spawn and join in turn, 1 KiB", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_16k", "spawn and join in turn, 16 KiB", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_batch", "spawn and join, 1,000 at once, 64 B", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_batch_1k", "spawn and join, 1,000 at once, 1 KiB", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_batch_16k", "spawn and join, 1,000 at once, 16 KiB", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_chain", "spawn in a chain, 64 B", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_chain_1k", "spawn in a chain, 1 KiB", OfBest(0.8)),
    time!(SPAWN, Tasks, "spawn_chain_16k", "spawn in a chain, 16 KiB", OfBest(0.8)),
    time!(TIMERS, Timers, "guard_ready", "time-out around a ready body", OfBest(0.5)),
    time!(TIMERS, Timers, "guard_yield", "time-out around a body that yields once", OfBest(0.5)),
    time!(TIMERS, Timers, "timer_64", "arm and cancel, 64 alive", OfBest(0.3)),
    time!(TIMERS, Timers, "timer_4096", "arm and cancel, 4,096 alive", OfBest(0.3)),
    time!(TIMERS, Timers, "timer_100k", "arm and cancel, 100,000 alive", OfBest(0.3)),
    time!(TIMERS, Timers, "timer_1m", "arm and cancel, 1,000,000 alive", OfBest(0.3)),
    time!(TIMERS, Timers, "arm_100k", "arm and cancel, the clock apart, 100,000 alive", Reach::None),
    time!(TIMERS, Timers, "timers_bulk", "arm 100,000, then cancel them, each", OfBest(0.3)),
    Row {
        name: "fire_100k",
        group: LATE,
        needs: Needs::Timers,
        lines: &[
            less("cpu", "100,000 fire in 200 ms: processor time, each", "ns", OfTokio(0.7)),
            less("late_p50", "100,000 fire in 200 ms: late by, p50", "µs", AtMost(100.0)),
            less("late_p99", "100,000 fire in 200 ms: late by, p99", "µs", Reach::None),
            less("stall", "100,000 fire in 200 ms: longest stall", "µs", Reach::None),
        ],
    },
    Row {
        name: "fire_1m",
        group: LATE,
        needs: Needs::Timers,
        lines: &[
            less("cpu", "1,000,000 fire in 1 s: processor time, each", "ns", Reach::None),
            less("late_p50", "1,000,000 fire in 1 s: late by, p50", "µs", Reach::None),
            less("late_p99", "1,000,000 fire in 1 s: late by, p99", "µs", Reach::None),
            less("stall", "1,000,000 fire in 1 s: longest stall", "µs", Reach::None),
        ],
    },
    sleep!("sleep_50us", "sleep of 50 µs", Reach::None),
    sleep!("sleep_100us", "sleep of 100 µs", OfBest(1.0)),
    sleep!("sleep_1ms", "sleep of 1 ms", OfBest(1.0)),
    sleep!("sleep_10ms", "sleep of 10 ms", Reach::None),
    Row {
        name: "foreign_parked",
        group: THREADS,
        needs: Needs::Tasks,
        lines: &[
            less("ns", "wake from a thread, the loop parked: until it has answered, p50", "ns", OfBest(1.0)),
            less("p99", "wake from a thread, the loop parked: until it has answered, p99", "ns", Reach::None),
        ],
    },
    Row {
        name: "foreign_spins",
        group: THREADS,
        needs: Needs::Tasks,
        lines: &[
            less("ns", "wake from a thread that spins for the answer, and wakes again at once: p50", "ns", OfBest(1.0)),
            less("p99", "wake from a thread that spins for the answer, and wakes again at once: p99", "ns", Reach::None),
        ],
    },
    Row {
        name: "foreign_awake",
        group: THREADS,
        needs: Needs::Tasks,
        lines: &[
            less("ns", "wake from a thread, the loop awake: until it has answered, p50", "ns", OfBest(1.0)),
            less("p99", "wake from a thread, the loop awake: until it has answered, p99", "ns", Reach::None),
        ],
    },
    time!(THREADS, Threads, "offload_turn", "offload in turn", OfBest(1.0)),
    time!(THREADS, Threads, "offload_pinned", "offload in turn, all on one processor", OfBest(1.0)),
    time!(THREADS, Threads, "offload_burst", "offload in bursts of 100, each", OfBest(1.0)),
    echo!("echo_1", "echo, 1 connection", None, Reach::None),
    echo!("echo_50", "echo, 50 connections", OfBareLoop(0.99), Reach::None),
    echo!("echo_1000", "echo, 1,000 connections", OfBareLoop(0.99), Reach::None),
    echo!("echo_10k", "echo, 9,900 connections", None, Reach::None),
    echo!("pipelined", "echo, 50 connections, 16 pipelined, each read and answered by itself", OfTokio(1.3), Reach::None),
    echo!("pipelined_buffered", "echo, 50 connections, 16 pipelined, through buffers, flushed where one has to", OfTokio(1.3), Reach::None),
    echo!("pipelined_whole", "echo, 50 connections, 16 pipelined, read and answered together", None, Reach::None),
    echo!("stream_64k", "64 KiB there and back, 8 connections", None, Reach::None),
    echo!("connect", "connect, ask once, close", None, Reach::None),
    echo!("echo_busy", "echo, 50 connections, while 100,000 timers churn and one task yields", None, Reach::None, BUSY),
    serves!("hello", "hyper says hello, 64 connections", OfTokio(0.97), Reach::None),
    serves!("upload", "hyper takes 1 MiB, 8 connections", OfTokio(1.0), Reach::None),
    serves!("resp_1", "GET by RESP, 50 connections", Of("redis-server", 0.95), Reach::None),
    serves!("resp_16", "GET by RESP, 50 connections, 16 pipelined", OfTokioAnd(1.0, "redis-server", 0.95), Reach::None),
    serves!("cores", "echo on two processors that the client shares, 50 connections", Of("tokio multi-thread", 0.9), Of("tokio multi-thread", 1.0)),
    serves!("cores_one", "the same echo by one thread, on the same two processors", Reach::None, Reach::None),
    Row {
        name: "wait_quiet",
        group: WAITS,
        needs: Needs::Posts,
        lines: &[
            less("max", "a socket's longest wait, nobody beside it", "µs", Reach::None),
            less("p999", "a socket's wait, nobody beside it: p99.9", "µs", Reach::None),
        ],
    },
    wait!("wait_busy", "a task works 10 µs and yields", "those turns of work", "turns/s"),
    wait!("wait_spawns", "a task spawns 1,000 a turn", "those spawned tasks", "tasks/s"),
    wait!("wait_waker", "wakers spawn and arm timers inside `wake`", "those wakes", "wakes/s"),
    wait!("wait_posts", "two threads post calls of 2 µs", "those calls", "calls/s"),
    wait!("wait_offload", "a task offloads 1,000 jobs at once", "those jobs", "jobs/s"),
    wait!("wait_timers", "a million timers are due at once"),
    wait!("wait_timers_1s", "a million timers are due within 1 s"),
    bytes!("bytes_task", "per parked task, 72-byte future", Tasks, AtMost(128.0)),
    bytes!("bytes_sleeper", "per sleeping task", Timers, AtMost(192.0)),
    bytes!("bytes_connection", "per idle connection", Sockets, Reach::None),
    time!(LOOP, Tasks, "loop", "a loop is made, runs nothing, is dropped", Reach::None),
];

/// The work of the same processor beside the echoes.
const BUSY: Line = more(
    "busy",
    "the timers that churn beside those echoes",
    "timers/s",
    Reach::None,
);

/// How many are alive at each point of a curve.
pub const ALIVE: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

/// The rows that are measured with more and more alive, and plotted.
pub const SCALES: &[Row] = &[
    Row {
        name: "scale_arm",
        group: "arm and cancel",
        needs: Needs::Timers,
        lines: &[
            less("arm", "arm one of so many timers", "ns", Reach::None),
            less("cancel", "cancel one of so many timers", "ns", Reach::None),
        ],
    },
    time!(
        "wake",
        Tasks,
        "scale_wake",
        "wake each of so many tasks",
        Reach::None
    ),
    time!(
        "spawn",
        Tasks,
        "scale_spawn",
        "spawn and join so many tasks",
        Reach::None
    ),
    Row {
        name: "scale_echo",
        group: "echo",
        needs: Needs::Sockets,
        lines: &[less(
            "cpu",
            "one of so many connections echoes 64 B: server's processor time",
            "µs",
            Reach::None,
        )],
    },
];

pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().chain(SCALES).find(|row| row.name == name)
}
