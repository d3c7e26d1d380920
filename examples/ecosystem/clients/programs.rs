//! Starts programs and talks to them. No program outlives its test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// The path of one of the programs.
macro_rules! program {
    ($name:literal) => {
        env!(concat!("CARGO_BIN_EXE_", $name))
    };
}
pub(crate) use program;

/// Debian's Python, which has Debian's modules. Another Python may come first in the `PATH`.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// A command of Debian, by its name or its path. If it is missing, this panics with the name of its package.
pub(crate) fn client(name: &str, package: &str) -> Command {
    let is_there = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).exists()));
    assert!(
        is_there,
        "`{name}` is not installed: apt-get install {package}"
    );
    Command::new(name)
}

/// Runs a command, which must succeed, and returns its output.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let output: Output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A process with pipes to and from it. Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) lines: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Process {
            input: child.stdin.take(),
            lines: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// The next line that it prints, without the line end. It is empty if the process has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends its standard input, and returns the rest of its output. The process must succeed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> String {
        drop(self.input.take());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {rest}");
        rest
    }

    /// Sends it a signal, and returns the rest of its output. The process must succeed.
    #[track_caller]
    pub(crate) fn stop(self, signal: &str) -> String {
        let id = self.child.id().to_string();
        output(client("sh", "dash").args(["-c", r#"kill -s "$0" "$1""#, signal, &id]));
        self.finish()
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.child.id());
        fs::read_dir(tasks).unwrap().count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that listens, and its address.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Server {
        let mut command = Command::new(program);
        let mut process = Process::start(command.args(["--listen", "127.0.0.1:0"]).args(arguments));
        let line = process.line();
        let address = line.strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("{program} said {line:?}"));
        Server {
            address: address.to_owned(),
            process,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
