//! Starts this test program once more, as a child that runs one of its tests.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

/// A child whose output is read line by line.
pub(crate) struct Again {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Runs an ignored test in a process of its own. `test` is its path: `signal::child_that_..`.
pub(crate) fn again(test: &str) -> Again {
    let mut child = command(test)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    Again {
        input: child.stdin.take(),
        output: BufReader::new(child.stdout.take().expect("the output was piped")),
        child,
    }
}

pub(crate) fn command(test: &str) -> Command {
    let program = std::env::current_exe().expect("a program has a path");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}

impl Again {
    /// Reads up to a line that contains these words, and gives this line. The test harness writes lines of its own.
    #[track_caller]
    pub(crate) fn expect(&mut self, words: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let count = self
                .output
                .read_line(&mut line)
                .expect("the child writes text");
            assert!(count > 0, "the child ended before it said \"{words}\"");
            if line.contains(words) {
                return line;
            }
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        let input = self
            .input
            .as_mut()
            .expect("the child's input is still open");
        input.write_all(text.as_bytes()).expect("the child reads");
    }

    /// Sends the child a signal by the command `kill`.
    pub(crate) fn kill(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("the process is our child")
    }
}

/// `kill -SIGNAL PID`.
pub(crate) fn kill(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status();
    assert!(status.expect("there is a `kill`").success());
}

/// The number of threads of this process.
#[cfg(target_os = "linux")]
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux").count()
}

/// The state of a process, as the kernel says it: `S` for asleep, `Z` for a zombie. Gives `None` if there is no such process.
#[cfg(target_os = "linux")]
pub(crate) fn state(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
