//! A process that runs.

use std::fmt;
use std::io;
use std::process::{self, ExitStatus, Output};

use rustix::process::{Pid, Signal, kill_process};

use super::end::End;
use super::orphans;
use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use crate::signal::Kind;
use crate::trying::while_trying;

/// A child process. Comes from [`Command::spawn`](super::Command::spawn).
///
/// Dropping it does not wait for the process, which runs on, or is killed if
/// [`kill_on_drop`](super::Command::kill_on_drop) was set. Its zombie is reaped later; see the [module](super).
pub struct Child {
    /// Writes to its standard input, if that was piped and has not been taken.
    pub stdin: Option<ChildStdin>,
    /// Reads from its standard output, if that was piped and has not been taken.
    pub stdout: Option<ChildStdout>,
    /// Reads from its standard error, if that was piped and has not been taken.
    pub stderr: Option<ChildStderr>,
    life: Life,
}

/// The process without its pipes.
struct Life {
    /// `None` only while it is dropped.
    child: Option<process::Child>,
    status: Option<ExitStatus>,
    /// Made for the first task that has to wait.
    end: Option<End>,
    kill_on_drop: bool,
}

impl Child {
    pub(super) fn new(mut child: process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let life = Life {
            child: Some(child),
            status: None,
            end: None,
            kill_on_drop,
        };
        Ok(Self {
            stdin: stdin.map(ChildStdin::new).transpose()?,
            stdout: stdout.map(ChildStdout::new).transpose()?,
            stderr: stderr.map(ChildStderr::new).transpose()?,
            life,
        })
    }

    /// The number of the process; `None` once its end has been seen, since the number may then be another's.
    pub fn id(&self) -> Option<u32> {
        match self.life.status {
            Some(_) => None,
            None => self.life.child.as_ref().map(process::Child::id),
        }
    }

    /// Waits until the process has ended. Its standard input, if it is still here, is closed first: a process that reads to the
    /// end would otherwise wait for us, and we for it. Once the process has ended, the answer is the same each time.
    ///
    /// A process that writes to a pipe without a reader stops when the pipe is full, and does not end; then
    /// [`wait_with_output`](Self::wait_with_output) is the right call.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost but the standard input.
    ///
    /// # Wakes
    ///
    /// The loop keeps the task's waker while it waits. Dropping the future takes it out.
    ///
    /// # Errors
    ///
    /// The process's status has been taken by a `waitpid` elsewhere in the process; or the system has no descriptor left; or it would
    /// have to wait, and no loop is running on this thread.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.life.wait().await
    }

    /// The status, if the process has ended.
    ///
    /// # Errors
    ///
    /// The process's status has been taken by a `waitpid` elsewhere in the process.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.life.try_wait()
    }

    /// Reads what the process writes to the pipes that are still here, and waits until it has ended and the pipes are closed.
    ///
    /// If a child of the child keeps a pipe open, that is later than the end of the process.
    ///
    /// # Cancellation
    ///
    /// What has been read is lost. The process runs on, or is killed if [`kill_on_drop`](super::Command::kill_on_drop) was set.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), or a pipe's.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let read_stdout = async {
            let mut bytes = Vec::new();
            if let Some(pipe) = stdout {
                pipe.read_to_end(&mut bytes).await?;
            }
            Ok(bytes)
        };
        let read_stderr = async {
            let mut bytes = Vec::new();
            if let Some(pipe) = stderr {
                pipe.read_to_end(&mut bytes).await?;
            }
            Ok(bytes)
        };
        let (status, stdout, stderr) =
            crate::try_join!(self.life.wait(), read_stdout, read_stderr)?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Kills the process (`SIGKILL`), and does not wait for its end. If it has ended, nothing happens.
    ///
    /// # Errors
    ///
    /// The system refuses: the process has become another user's.
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    /// use roundelay::process::Command;
    /// # roundelay::run(async {
    /// let mut child = Command::new("sleep").arg("3600").spawn()?;
    /// child.kill()?;
    /// assert_eq!(child.wait().await?.signal(), Some(9));
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn kill(&mut self) -> io::Result<()> {
        match self.send_signal(Kind::KILL) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            sent => sent,
        }
    }

    /// Sends a signal to the process: [`Kind::TERMINATE`] asks it to end.
    ///
    /// The number of the process cannot have become another's: it is the process's until its status has been taken.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the process's end has been seen; or the system refuses.
    pub fn send_signal(&mut self, kind: Kind) -> io::Result<()> {
        let (Some(child), None) = (&self.life.child, self.life.status) else {
            let told =
                format!("cannot send {kind}: the process has ended, and its status was taken");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        };
        let Some(signal) = Signal::from_named_raw(kind.as_raw()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        kill_process(Pid::from_child(child), signal).map_err(|error| {
            let what = format!("sending {kind} to process {}", child.id());
            while_trying(what, error.into())
        })
    }
}

impl Life {
    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if let (None, Some(child)) = (self.status, &mut self.child) {
            self.status = child.try_wait()?;
        }
        Ok(self.status)
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let child = self.child.as_mut().expect("it is there until the drop");
        let end = match &mut self.end {
            Some(end) => end,
            none => none.insert(End::of(child)?),
        };
        let status = end.wait(child).await?;
        self.status = Some(status);
        self.end = None;
        orphans::reap();
        Ok(status)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // An error says that somebody else has taken the status: then there is nothing to kill, and no zombie.
        if let (Ok(None), Some(mut child)) = (self.try_wait(), self.child.take()) {
            if self.kill_on_drop {
                // It fails only for a process of another user, which then runs on as without this.
                let _ = child.kill();
            }
            orphans::adopt(child);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("status", &self.life.status)
            .finish_non_exhaustive()
    }
}
