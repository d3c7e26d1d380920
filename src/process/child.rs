//! A running process.

use std::fmt;
use std::io;
use std::process::{self, ExitStatus, Output};

use rustix::process::{Pid, Signal, kill_process};

use super::end::End;
use super::orphans;
use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use crate::signal::Kind;
use crate::trying::while_trying;

/// A child process. Made by [`Command::spawn`](super::Command::spawn).
///
/// Dropping it does not wait for the process. The process runs on, or is killed if
/// [`kill_on_drop`](super::Command::kill_on_drop) was set. Its zombie is reaped later; see the [module](super).
pub struct Child {
    /// Writes to the child's standard input, if that was piped and has not been taken.
    pub stdin: Option<ChildStdin>,
    /// Reads from the child's standard output, if that was piped and has not been taken.
    pub stdout: Option<ChildStdout>,
    /// Reads from the child's standard error, if that was piped and has not been taken.
    pub stderr: Option<ChildStderr>,
    life: Life,
}

/// The process without its pipes.
struct Life {
    /// `None` only while it is dropped.
    child: Option<process::Child>,
    status: Option<ExitStatus>,
    /// Made when a task first has to wait.
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

    /// The number of the process. `None` once its end has been seen, because the system may use the number again.
    pub fn id(&self) -> Option<u32> {
        match self.life.status {
            Some(_) => None,
            None => self.life.child.as_ref().map(process::Child::id),
        }
    }

    /// Waits until the process has ended. First closes the process's standard input, if it has not been taken:
    /// otherwise a process that reads to the end would wait for ever. Once the process has ended, each call returns the
    /// same answer.
    ///
    /// A process that writes to a pipe without a reader stops when the pipe is full, and does not end. For such a
    /// process call [`wait_with_output`](Self::wait_with_output).
    ///
    /// # Cancellation
    ///
    /// Nothing is lost but the standard input.
    ///
    /// # Wakes
    ///
    /// The loop keeps the task's waker while the future waits. Dropping the future removes it.
    ///
    /// # Errors
    ///
    /// Another `waitpid` of this program has taken the process's status; or the system has no descriptor left; or the
    /// process has not ended, and no loop is running on this thread.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.life.wait().await
    }

    /// The status, if the process has ended.
    ///
    /// # Errors
    ///
    /// Another `waitpid` of this program has taken the process's status.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.life.try_wait()
    }

    /// Reads from the pipes that have not been taken, and waits until the process has ended and the pipes are closed.
    ///
    /// If a child of the child keeps a pipe open, the pipe closes later than the process ends.
    ///
    /// # Cancellation
    ///
    /// The bytes that have been read are lost. The process runs on, or is killed if
    /// [`kill_on_drop`](super::Command::kill_on_drop) was set.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), or an error of a pipe.
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

    /// Kills the process (`SIGKILL`), and does not wait for its end. Does nothing if the process has ended.
    ///
    /// # Errors
    ///
    /// The system refuses: the process now belongs to another user.
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
    /// No other process can have the number: the system keeps it until the status has been taken.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the process's end has been seen. Otherwise the system's error.
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
        // An error says that other code has taken the status: then there is nothing to kill, and no zombie.
        if let (Ok(None), Some(mut child)) = (self.try_wait(), self.child.take()) {
            if self.kill_on_drop {
                // Fails only for a process of another user, which then runs on.
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
