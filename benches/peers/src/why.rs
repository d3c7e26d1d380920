//! Why we lose where we lose, as far as it is known. The report prints what stands here for a row that is lost, and only then;
//! for most rows nothing stands here.

use std::fmt;

use Why::{Likely, Shown};

pub enum Why {
    /// The code says so, or another figure of the same table does.
    Shown(&'static str),
    /// It would explain the difference. Nobody has measured that it does.
    Likely(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown(why) => f.write_str(why),
            Likely(why) => write!(f, "*Likely, but not measured:* {why}"),
        }
    }
}

pub fn why(row: &str, metric: &str, rival: &str) -> Option<Why> {
    let is_bare = rival.starts_with("mio");
    Some(match (row, metric) {
        ("echo_50" | "echo_1000", "per_s" | "cpu") if is_bare => Shown(
            "Of what a request takes, this is what is not the kernel's: 1,020 instructions and 8 lines that are not in the first cache \
             with 1,000 connections (callgrind), which is a task that is woken, polled, and stands in line; 210 and 1.1 in the bare \
             loop, 1,140 and 8.2 in tokio. To be within one per cent it would have to be half.",
        ),
        _ if is_bare => return None, // said once, at the head of the list
        ("spawn_64" | "spawn_16k" | "spawn_batch_16k", _) if rival == "glommio" => Shown(
            "glommio polls a task inside the very call that spawns it (so its chain of 16 KiB futures overflows the stack). What \
             is ready at once is never queued or woken, and its thousand at once are one after the other, in one cell. Ours waits \
             its turn: two polls and a wake.",
        ),
        ("spawn_16k" | "spawn_batch_16k" | "spawn_chain_16k", _) => {
            Likely("nearly all of it is copying the future into its cell, which all have to do.")
        }
        ("timer_64" | "timer_4096" | "timer_100k" | "timer_1m", _) => Shown(
            "Both read the clock for each timer, which is more than half of it: 25 ns by itself, and 5 for the deadline's arithmetic. \
             The row with the clock apart has the rest.",
        ),
        ("timers_bulk", _) => Shown(
            "Without any timer the row would still read the clock for each, and allocate and free the box in which it keeps each: \
             25 ns and 45 by themselves, which overlap.",
        ),
        ("guard_ready", _) => Shown(
            "With no time-out around the body the row takes 1.05 ns at its fastest, which is half of the best peer already. What \
             ours adds is two stores and a comparison. Neither of the two reads a clock.",
        ),
        ("fire_100k", "cpu") => Shown(
            "Half of it is the kernel's: to set the alarm, wait and be woken takes 21 us of processor time here (a bare loop's \
             sleep of 100 us shows it), and to be punctual we do it six times in a millisecond; who does it once takes less, \
             and is late by as much.",
        ),
        ("fire_1m", "late_p99" | "stall") => Shown(
            "Every 268 ms a slot of some 270,000 timers is dealt out at once, which takes about ten milliseconds; who is due \
             meanwhile is late by as much.",
        ),
        ("fire_100k" | "fire_1m", _) => Shown(
            "100,000 in 200 ms are one in 2,000 ns, a million in a second one in 1,000: who takes as much processor time for each of \
             them never sleeps.",
        ),
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", "cpu") => Shown(
            "It is the kernel's: a loop that does nothing but set an alarm and wait for it is in the table too, as the bare loop.",
        ),
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", _) => Shown(
            "All but a few microseconds of it are the kernel's: compare the bare loop, which does nothing but set an alarm and \
             wait for it.",
        ),
        ("foreign_parked", "ns") if rival == "futures LocalPool" => Shown(
            "LocalPool has no sockets to wait for: it sleeps on a futex, where we and the others are woken through a descriptor. \
             We make two system calls a wake, a write and a wait; nobody makes fewer.",
        ),
        ("foreign_parked", _) => Shown(
            "It is two system calls a wake, a write and a wait, for us and for those who do it in as little; the rest is the \
             processor's own waking up.",
        ),
        ("offload_turn", _) => Shown(
            "The loop sleeps, and waking its processor up is nearly all of it: the next row has all on one.",
        ),
        ("echo_1" | "echo_50" | "echo_1000" | "echo_10k" | "pipelined_whole", _)
            if rival == "monoio io_uring" =>
        {
            Shown(
                "io_uring takes the reads and writes of many connections in one system call; ours are two for each request.",
            )
        }
        ("pipelined", _) => Shown(
            "A read and a write for each request are two system calls, the bare loop's too; they cost less on io_uring. \
             Answered together, as through `BufReader` and `BufWriter`, they are the next row.",
        ),
        ("echo_busy", _) => Shown(
            "The echoes share their processor with the busy task, and that one gets more done here than there: the last line of \
             the row counts the timers that it replaces.",
        ),
        ("wait_busy", _) if rival.starts_with("tokio") => Shown(
            "The loop looks at its sockets after 64 polls, which are 640 us here. tokio looks before a task that has yielded goes on, \
             so that its yield takes a system call: see the row of one task that yields.",
        ),
        ("wait_posts" | "wait_offload", _) => Likely(
            "a thread that posts a call, or takes a job, holds a lock for a few nanoseconds. If the system takes its processor away \
             just then, the loop waits for that thread as long.",
        ),
        ("hello", _) => Shown(
            "Nearly all of it is the same for both: one read and one write a request, hyper and the allocator. Of the instructions above \
             the kernel 24 in a hundred are ours here, and 20 tokio's there (callgrind); the checks of `Here` are a tenth of ours.",
        ),
        ("cores", _) => Likely(
            "the kernel deals the connections out by a hash of their addresses, so one loop may have many more of them than the other, and \
             shares its processor with the client besides. tokio's workers take tasks from each other.",
        ),
        ("upload", _) => Shown(
            "hyper's buffer is not initialized, and without `unsafe` code it can be filled by a copy only: what comes from the socket \
             is copied once more here than there.",
        ),
        ("bytes_task", _) => Shown(
            "A place in the table, with the room that the table keeps for growing, and the cell with its spawn location.",
        ),
        ("loop", _) => Shown(
            "A loop has two descriptors from its beginning: the poller and the inbox's bell. smol shares a poller, with a thread \
             of its own, among all loops of the process, and LocalPool has none.",
        ),
        _ => return None,
    })
}
