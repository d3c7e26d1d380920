//! Why we lose where we lose, as far as it is known. The report prints what stands here for a row that is lost, and only then.

pub fn why(row: &str, metric: &str) -> Option<&'static str> {
    Some(match (row, metric) {
        ("spawn_64" | "spawn_1k" | "spawn_16k" | "spawn_batch", _) => {
            "Besides its cell a task here has a place in a table, with a serial, so that stale wakers and handles do nothing; \
             glommio's and monoio's is one pointer with a plain count."
        }
        ("timer_64" | "timer_4096" | "timer_100k" | "timer_1m", _) => {
            "Both read the clock for each timer, which is half of it; armed and cancelled in bulk (below) ours is the fastest."
        }
        ("fire_100k", "cpu") => {
            "We wake up every 150 us to be punctual; who takes less fires once a millisecond, and so is a millisecond late."
        }
        ("fire_100k", _) => {
            "Who is more punctual never sleeps: 2,000 ns each is all of the processor."
        }
        ("fire_1m", _) => {
            "A million in a second is about what the machine can do, and whoever falls behind stays behind: the spread is \
             larger than the figures."
        }
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", "cpu") => {
            "Setting the descriptor of the alarm is a system call more than a time-out in whole milliseconds needs."
        }
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", _) => {
            "On io_uring the time-out goes in with the wait; we set the descriptor of an alarm first, and are woken by it."
        }
        ("foreign_parked", _) => {
            "Nearly all of it is the processor's own waking up, which differs from run to run by more than this."
        }
        ("foreign_awake", _) => {
            "The loop looks at its inbox after at most 64 polls. Who looks after each poll answers sooner, and pays for it in \
             every `yield` above."
        }
        ("offload_turn", _) => {
            "It depends on where the system puts the worker. On another processor that sleeps, as here, waking that up is \
             nearly all of it; the next row has both on one processor."
        }
        ("echo_1000" | "echo_10k" | "scale_echo", "cpu" | "per_s") => {
            "A request touches the source, the task's place and its cell, each in a cache line of its own; the bare loop touches \
             one record. With so many connections these are no longer in the cache."
        }
        ("echo_1" | "echo_50" | "echo_1000" | "echo_10k" | "stream_64k", _) => {
            "The bare loop has no tasks: it is the limit, and what lies between is the price of a task and of its wakes."
        }
        ("pipelined", "per_s" | "cpu") => {
            "A read and a write for each request, by system calls that the bare loop needs as well. On io_uring they cost \
             less. Answering together (below) is worth twelve times as much."
        }
        ("pipelined", _) => {
            "The connections take turns here, request by request, so that all finish late; who serves one connection's sixteen \
             requests in one go finishes half of them early."
        }
        ("pipelined_whole", "p99" | "p999") => "These are single outliers in a fifth of a second.",
        ("pipelined_whole", _) => "The bare loop has no tasks: it is the limit.",
        ("connect", _) => "On io_uring, one request to the kernel accepts many connections.",
        ("echo_busy", _) => {
            "Sockets wait for up to 64 polls, and each poll of the busy task replaces eight timers. compio and smol look at \
             their sockets more often, and take many times as long for a yield."
        }
        ("bytes_task", _) => {
            "A place in the table, with the room that the table keeps for growing, and the cell with its spawn location."
        }
        ("bytes_connection", "usable") => {
            "The registered source has room for several waiters in each direction, and remembers what was ready. The process as \
             a whole grew least."
        }
        ("loop", _) => {
            "A loop has three descriptors from its beginning: the poller, the inbox's and the alarm's. smol shares a poller, \
             with a thread of its own, among all loops of the process, and LocalPool has none."
        }
        _ => return None,
    })
}
