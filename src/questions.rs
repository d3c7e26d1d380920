//! Thirty questions, each with a short answer, a link, and a test or an example that shows it.
//!
//! *Before this:* nothing. *Time:* 20 minutes for all, half a minute for one. *Files, in reading
//! order:* the links. Each answer ends with its proof: a test to run (`cargo test NAME`), or an
//! example.
//!
//! # The loop and its wakers
//!
//! 1. **Which part calls the waker?** The part of the loop that keeps it: the timers, the reactor,
//!    a thread of the pool, or another task. A task that no part wakes is [never polled
//!    again](crate::task#how-it-goes-wrong).
//!    `tests/scheduler/wake.rs::a_task_that_was_not_woken_is_not_polled`
//! 2. **What owns a task that sleeps?** The [slab of its loop](crate::task::waker#who-owns-whom).
//!    Timers, sockets and wakers hold only its number, and a number keeps nothing alive.
//!    `tests/scheduler/drop.rs::wakers_that_outlive_their_loop_keep_nothing_alive`
//! 3. **Why need nothing be `Send`?** Tasks, futures and outputs stay on [the thread of their
//!    loop](crate::sync). Only wakers, which are numbers, and the types of
//!    [`remote`](crate::remote) cross to other threads.
//!    `tests/traits.rs::the_main_future_may_borrow_and_need_not_be_send`
//! 4. **How is a wake lost while the loop falls asleep?** The loop looks, the wake comes, the loop
//!    sleeps. [Chapter 5](crate::inbox) makes the last look and the announcement of the sleep one
//!    step, so that a wake comes before that step or rings.
//!    `tests/remote/wake_afar.rs::a_wake_from_another_thread_finds_the_loop_parked_or_about_to_park`
//! 5. **In which order do tasks run?** First in, first out, and no task runs twice before all tasks
//!    that were ready have run once: [the batch rule](crate::scheduler#the-batch-rule).
//!    `tests/scheduler/order.rs::nobody_is_polled_twice_before_all_who_were_ready_have_been_polled_once`
//! 6. **Are there priorities?** [No](crate::scheduler#why-not-otherwise). Run two loops, or let the
//!    tasks take their work from a [`PriorityQueue`](crate::sync::PriorityQueue).
//!    `tests/sync/queue.rs::items_of_equal_priority_come_in_the_order_in_which_they_were_put`
//! 7. **Can I have more than one loop?** Yes: one for each thread, or several on one thread, each
//!    with its own tasks; [`Remote`](crate::Remote) and [`channel`](fn@crate::remote::channel) lead
//!    from one to another. `examples/22_loop_per_core.rs`
//!
//! # Blocking and fairness
//!
//! 8. **Which task blocks my loop?** [`Builder::slow_poll`](crate::Builder::slow_poll) names the
//!    task afterwards, [`Builder::watchdog`](crate::Builder::watchdog) during the poll.
//!    `examples/23_who_blocks.rs`
//! 9. **Why did my I/O starve?** A poll was long: the loop looks at sockets [between polls
//!    only](mod@crate::offload#the-problem). Let the computation yield, or `offload` it.
//!    `examples/08_starvation_and_yield.rs`
//! 10. **Does a yield let I/O in?** Not each yield. The loop looks after 64 polls, or after as
//!     few as take 25 us, so the [64th poll](crate::scheduler#the-batch-rule) lets I/O in at the
//!     latest.
//!     `tests/scheduler/fairness.rs::the_loop_looks_after_its_budget_of_polls_whatever_its_tasks_do_and_not_sooner`
//! 11. **What does `offload` cost?** One allocation, a system call to wake a worker that sleeps,
//!     and a system call to wake a loop that sleeps; a burst of jobs [shares both
//!     calls](mod@crate::offload#what-it-costs).
//!     `tests/offload/threads.rs::a_burst_of_a_thousand_results_costs_one_system_call_and_none_if_the_loop_is_awake`
//! 12. **Are files asynchronous?** No system tells when a regular file is ready. `offload` the
//!     call, or use the feature `fs`, which offloads each call of [`std::fs`].
//!     `tests/system/fs.rs::the_calls_do_what_those_of_the_standard_library_do`
//! 13. **Must I read until `WouldBlock`?** No. [`read`](crate::net::TcpStream::read) waits by
//!     itself, and a read that gives fewer bytes than asked for tells the reactor that the stream
//!     is [drained](crate::reactor#a-read-that-blocks-in-five-columns).
//!     `tests/io/readiness.rs::a_short_read_or_write_is_not_followed_by_one_that_finds_nothing`
//! 14. **How do I slow a fast producer down?** Put a bounded [`Queue`](crate::sync::Queue) between
//!     producer and consumer: `put` waits while the queue is full.
//!     `tests/sync/queue.rs::a_full_queue_makes_putters_wait_in_line`
//!
//! # Tasks
//!
//! 15. **When does a spawned task begin?** After the task that spawned it has returned `Pending` or
//!     has ended, [behind all tasks that were ready before](crate::task#the-idea).
//!     `tests/scheduler/order.rs::tasks_run_in_the_order_of_their_spawning_and_never_inside_spawn`
//! 16. **Must I keep the handle?** No: a task [goes on without one](crate::JoinHandle).
//!     `tests/scheduler/handles.rs::a_dropped_handle_detaches_and_its_task_runs_on`
//! 17. **What becomes of a panic in a task?** The loop catches it and goes on, and the handle
//!     returns a [`JoinError`](crate::JoinError). Without a handle the panic is logged.
//!     [`Builder::on_panic`](crate::Builder::on_panic) makes it end the run instead.
//!     `tests/scheduler/panic.rs::after_a_panic_the_other_tasks_go_on`
//! 18. **What does `gather` do when one fails?** [`try_join!`](crate::try_join) drops the others
//!     and returns the first error; [`join!`](crate::join) returns every output, errors among them.
//!     `tests/future/macros.rs::try_join_drops_the_rest_before_it_returns_the_error`
//! 19. **What if all tasks wait for each other?** The loop sleeps, and no call fails. A list of the
//!     tasks names [a circle of handles](crate::inspect#circles) as a deadlock.
//!     `tests/inspect/text.rs::a_deadlock_is_found_and_told`
//! 20. **Can I hold a borrow across an `.await`?** The main future and the parts of a
//!     [`join!`](crate::join) may borrow, a spawned task may not. A guard of a `RefCell` makes
//!     other tasks panic meanwhile: use [`sync::Mutex`](crate::sync::Mutex) there.
//!     `tests/future/combinators.rs::futures_may_borrow_from_the_stack`
//! 21. **Do I need locks on one thread?** Only [across an `.await`](crate::sync): no other task
//!     runs between two of them.
//!     `tests/sync/locks.rs::the_lock_is_handed_over_in_order_and_nobody_barges_in`
//! 22. **What happens to the other tasks when the main future ends?**
//!     [`EventLoop::run`](crate::EventLoop::run) leaves them to its next run; the function
//!     [`run`](crate::run) drops them.
//!     `tests/event_loop/shutdown.rs::a_run_leaves_the_other_tasks_to_the_next_run_and_the_function_run_drops_them`
//!
//! # Time, and ends
//!
//! 23. **Can a timer fire early?** [Never](crate::time). On Linux it is some tens of microseconds
//!     late. `tests/time/timers.rs::a_timer_is_never_early`
//! 24. **Does a time-out stop a computation?** No: a poll is never interrupted. A computation that
//!     takes too long and then waits [has timed out](crate::timeout).
//!     `tests/time/timers.rs::a_body_that_computes_for_too_long_and_then_waits_has_timed_out`
//! 25. **What does cancelling do?** It [drops the future](crate::task#cancelling-is-dropping) at
//!     its present `.await`. [`cancel`](crate::JoinHandle::cancel) returns after the drop.
//!     `tests/scheduler/cancel.rs::cancel_resolves_only_after_the_future_is_dropped`
//! 26. **How do I clean up with awaits?** Do not drop the task. Ask it to stop, by a
//!     [`CancelToken`](crate::sync::CancelToken). `examples/07_cancel.rs`
//!     `tests/io/serve_options.rs::handlers_hear_of_the_shutdown_and_finish_their_sentence_within_the_grace`
//! 27. **Does a read that I drop lose bytes?** Not with [`BufReader`](crate::io::BufReader): it
//!     keeps its bytes until a call can take all bytes that it needs.
//!     `tests/io/buffered.rs::a_call_that_is_dropped_while_it_waits_has_taken_nothing`
//! 28. **How do I test code that sleeps?** On a loop with [virtual
//!     time](crate::time#time-in-the-hands-of-a-test), where an hour takes no time.
//!     `examples/24_virtual_time.rs`
//!
//! # Other threads, other crates
//!
//! 29. **How does another thread reach the loop?** By a [`Remote`](crate::Remote), asyncio's
//!     `call_soon_threadsafe` and `run_coroutine_threadsafe`. The calls of each thread run in the
//!     order in which it sent them.
//!     `tests/remote/posts.rs::calls_run_in_the_order_in_which_each_thread_sent_them`
//! 30. **Can I use crates that are made for tokio?** Yes, if they ask for traits, by the features
//!     of [`compat`](crate::compat). If they ask for tokio's runtime, run this loop as its guest.
//!     `tests/ecosystem/guest.rs`
//!
//! # Next
//!
//! [The first page](crate).
