//! Child processes, awaited. asyncio's `create_subprocess_exec`. Feature `process`.
//!
//! *Before this:* [`signal`](crate::signal). *Time:* 15 minutes. *Files, in reading order:* this
//! one, [`command`], [`child`], [`pipe`], [`end`], [`descriptor`], [`orphans`].
//!
//! The standard library starts the process. This module awaits its end and its pipes.
//!
//! # The problem
//!
//! `Child::wait` of the standard library blocks. A thread for each child could wait, but costs a
//! thread. A loop that asks for every child every few milliseconds is late, and keeps the processor
//! busy.
//!
//! # The idea
//!
//! On Linux a child has a descriptor, the *pidfd*, that becomes readable when the child ends. The
//! loop watches the pidfd like a socket: one event belongs to one child.
//!
//! Where there is no pidfd (other systems, Linux before 5.3, some sandboxes), the system reports by
//! a signal, `SIGCHLD`, that *some* child has ended, and each waiting task asks for its own child.
//! There the module uses [`signal`](crate::signal).
//!
//! # What becomes of a child without a wait
//!
//! When its [`Child`] is dropped, a child runs on, unless [`kill_on_drop`](Command::kill_on_drop)
//! was set. When the child ends, the kernel keeps its status for a parent that asks: a *zombie*. So
//! the module remembers dropped children, and asks for their statuses whenever another child is
//! started, has ended, or is dropped. That takes no thread and no task. Only children that ended
//! since the last such call are zombies.
//!
//! # What it costs
//!
//! To start a child blocks the loop for as long as the system needs, a millisecond or so. A wait is
//! one descriptor and one registration, and none if the child has already ended. No thread.
//!
//! ```
//! use roundelay::process::Command;
//!
//! roundelay::run(async {
//!     let script = "echo round; echo and round >&2; exit 3";
//!     let output = Command::new("sh").args(["-c", script]).output().await?;
//!     assert_eq!(output.status.code(), Some(3));
//!     assert_eq!(output.stdout, b"round\n");
//!     assert_eq!(output.stderr, b"and round\n");
//!     std::io::Result::Ok(())
//! })
//! .unwrap();
//! ```
//!
//! Sources: `pidfd_open(2)`, `waitpid(2)`; D. J. Bernstein, "The self-pipe trick".
//!
//! Guarded by tests/system/process.rs.
//!
//! # Next
//!
//! [`fs`](../fs/index.html): files.

mod child;
mod command;
mod descriptor;
mod end;
mod orphans;
mod pipe;

pub use self::child::Child;
pub use self::command::Command;
pub use self::pipe::{ChildStderr, ChildStdin, ChildStdout};
#[doc(no_inline)]
pub use std::process::{ExitStatus, Output, Stdio};
