//! The promises of each primitive of `sync`. `tests/models` also compares some of them with models.

mod broadcast;
mod cancel_token;
mod condition;
mod in_a_loop;
mod leave;
mod locks;
mod mpsc;
mod oneshot;
mod queue;
mod semaphore;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod wait_list;
mod watch;
