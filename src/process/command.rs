//! The program to run, and its settings.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use super::child::Child;
use crate::trying::while_trying;

/// A child process to start: the standard library's [`Command`](std::process::Command), with `output` and `status` as
/// futures.
///
/// Other settings (a user, a group of processes, a hook before `exec`) are set on [`as_std_mut`](Self::as_std_mut).
///
/// ```
/// use roundelay::io::BufReader;
/// use roundelay::process::{Command, Stdio};
///
/// roundelay::run(async {
///     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
///     let input = child.stdin.take().unwrap();
///     let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
///     input.write_all(b"there\nand back\n").await?;
///     assert_eq!(lines.next_line().await?.as_deref(), Some("there"));
///     assert_eq!(lines.next_line().await?.as_deref(), Some("and back"));
///     drop(input); // the end of its input ends `cat`
///     assert!(child.wait().await?.success());
///     Ok::<_, roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    kill_on_drop: bool,
    /// Whether each stream has been set; otherwise each way of running has its own default.
    has_stdin: bool,
    has_stdout: bool,
    has_stderr: bool,
}

impl Command {
    /// Runs this program, without arguments, in the environment and the folder of this process.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::from(std::process::Command::new(program))
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> &mut Self {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(name, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Self {
        self.std.envs(variables);
        self
    }

    /// Removes a variable of the environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(name);
        self
    }

    /// Begins with an empty environment.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Runs the program in this folder.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(folder);
        self
    }

    /// Sets the child's standard input.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.has_stdin = true;
        self.std.stdin(stdin);
        self
    }

    /// Sets the child's standard output.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.has_stdout = true;
        self.std.stdout(stdout);
        self
    }

    /// Sets the child's standard error.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.has_stderr = true;
        self.std.stderr(stderr);
        self
    }

    /// Whether dropping the [`Child`] kills a process that has not ended. Default: no, the process runs on.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// The standard library's command underneath.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Starts the process. A standard stream that was not set is that of this process.
    ///
    /// The call blocks until the system has started the program, a millisecond or so.
    ///
    /// # Errors
    ///
    /// The program does not exist, may not be run, or the system has no process or descriptor left.
    pub fn spawn(&mut self) -> io::Result<Child> {
        super::orphans::reap();
        let what = || format!("starting {}", self.std.get_program().to_string_lossy());
        let what = what();
        self.std
            .spawn()
            .and_then(|child| Child::new(child, self.kill_on_drop))
            .map_err(|error| while_trying(what, error))
    }

    /// Runs the process to its end, and returns its output. As with the standard library, a standard input that was not
    /// set is empty, and an output that was not set is captured.
    ///
    /// # Cancellation
    ///
    /// The process runs on, or is killed if [`kill_on_drop`](Self::kill_on_drop) was set. Its output is lost.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    pub async fn output(&mut self) -> io::Result<Output> {
        if !self.has_stdin {
            self.std.stdin(Stdio::null());
        }
        if !self.has_stdout {
            self.std.stdout(Stdio::piped());
        }
        if !self.has_stderr {
            self.std.stderr(Stdio::piped());
        }
        let child = self.spawn();
        // The next start of this command has its own default for a stream that was not set.
        if !self.has_stdin {
            self.std.stdin(Stdio::inherit());
        }
        if !self.has_stdout {
            self.std.stdout(Stdio::inherit());
        }
        if !self.has_stderr {
            self.std.stderr(Stdio::inherit());
        }
        child?.wait_with_output().await
    }

    /// Runs the process to its end.
    ///
    /// # Cancellation
    ///
    /// The process runs on, or is killed if [`kill_on_drop`](Self::kill_on_drop) was set.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// ```
    /// use roundelay::process::Command;
    /// # roundelay::run(async {
    /// assert!(Command::new("true").status().await?.success());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait().await
    }
}

/// [`Command::output`] captures both outputs of such a command, and its input is empty, because a setting of the
/// standard library's command cannot be read.
impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Self {
        Self {
            std,
            kill_on_drop: false,
            has_stdin: false,
            has_stdout: false,
            has_stderr: false,
        }
    }
}
