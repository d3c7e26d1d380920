//! A copy of the sources, in which an exercise may break a line.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::exercise::{Exercise, Tool, root};

/// How long a build or a test may take. The tests have a watchdog of their own, whose message says more.
const PATIENCE: Duration = Duration::from_secs(600);

/// The variable with the factor for the ten seconds that the tests' watchdog waits.
const WATCHDOG: &str = "ROUNDELAY_PATIENCE";

/// The factor for a test of broken code, unless the environment sets another. Such a test ends in milliseconds, or hangs.
const THREE_SECONDS: &str = "0.3";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    AsPromised,
    DoesNotCompile,
    Passes,
    SaysSomethingElse,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::AsPromised => "fails as promised",
            Outcome::DoesNotCompile => "DOES NOT COMPILE",
            Outcome::Passes => "THE TEST PASSES",
            Outcome::SaysSomethingElse => "FAILS WITH OTHER WORDS",
        })
    }
}

pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Brings the copy up to date. A file that has not changed is not touched, so Cargo need not build it again.
    pub(crate) fn new() -> Self {
        let folder = root().join("target/exercises");
        let tree = folder.join("tree");
        fs::create_dir_all(&tree).expect("a folder for the copy");
        copy(root(), &tree, &["target", ".git"]);
        Self { folder }
    }

    /// Makes the change, runs the test, and takes the change back.
    pub(crate) fn try_with(&self, exercise: &Exercise) -> (Outcome, String) {
        let path = self.folder.join("tree").join(&exercise.file);
        let whole = fs::read_to_string(&path).expect("a source");
        let broken = match exercise.apply(&whole) {
            Ok(broken) => broken,
            Err(problem) => return (Outcome::DoesNotCompile, problem),
        };
        fs::write(&path, broken).expect("the copy can be changed");
        let (target, name) = exercise.target_and_name();
        let (is_built, built) = self.build(exercise.tool, target);
        let (has_passed, output) = match is_built {
            true => {
                let mut command = self.cargo(exercise.tool, target);
                command.args(["--", "--exact", name]);
                if env::var_os(WATCHDOG).is_none() {
                    command.env(WATCHDOG, THREE_SECONDS);
                }
                self.run(command)
            }
            false => (false, String::new()),
        };
        fs::write(&path, whole).expect("the copy can be changed back");
        let outcome = match () {
            () if !is_built => return (Outcome::DoesNotCompile, built),
            () if has_passed => Outcome::Passes,
            () if output.contains(&exercise.says) => Outcome::AsPromised,
            () => Outcome::SaysSomethingElse,
        };
        (outcome, output)
    }

    /// Builds the test programs that `targets` names, side by side. Returns whether that succeeded, and Cargo's output.
    pub(crate) fn build(&self, tool: Tool, targets: &str) -> (bool, String) {
        let mut command = self.cargo(tool, targets);
        command.arg("--no-run");
        self.run(command)
    }

    /// Runs these tests in the unchanged copy.
    pub(crate) fn test(&self, tool: Tool, target: &str, names: &[&str]) -> (bool, String) {
        let mut command = self.cargo(tool, target);
        command.args(["--", "--exact"]).args(names);
        let (has_passed, output) = self.run(command);
        let wanted = names.iter().collect::<BTreeSet<_>>().len();
        let all_ran = output.contains(&format!("ok. {wanted} passed"));
        (has_passed && all_ran, output)
    }

    /// `cargo test` in the copy.
    fn cargo(&self, tool: Tool, target: &str) -> Command {
        let (mut command, built) = build_and_test(tool);
        command
            .args(["--locked", "--quiet"])
            .args(target.split(' '))
            .arg("--target-dir")
            .arg(self.folder.join(built))
            .current_dir(self.folder.join("tree"))
            .env("CARGO_INCREMENTAL", "1")
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Runs the command. Returns whether it succeeded, and its output.
    fn run(&self, mut command: Command) -> (bool, String) {
        let path = self.folder.join("output");
        let file = fs::File::create(&path).expect("a file for the output");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .process_group(0);
        let mut child = command.spawn().expect("cargo runs");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child that can be asked") {
                break Some(status);
            }
            if start.elapsed() > PATIENCE {
                // The whole group: cargo, and the test that it runs.
                let group = format!("-{}", child.id());
                let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                let _ = child.wait();
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let bytes = fs::read(&path).expect("the output");
        let output = String::from_utf8_lossy(&bytes).into_owned();
        (status.is_some_and(|status| status.success()), output)
    }
}

/// Whether Miri can run here: it must be installed, and able to build the standard library that it interprets.
pub(crate) fn has_miri() -> bool {
    let is_set_up = nightly().args(["miri", "setup"]).output();
    is_set_up.is_ok_and(|output| output.status.success())
}

fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command
}

/// The command, and the folder that it builds into.
fn build_and_test(tool: Tool) -> (Command, &'static str) {
    let mut command = match tool {
        Tool::Miri => nightly(),
        Tool::Processor | Tool::Loom => Command::new(env!("CARGO")),
    };
    let folder = match tool {
        Tool::Processor => {
            // Cargo.toml says 4, for a clean build. Of 16 units, one changed line makes a smaller part stale.
            command.env("CARGO_PROFILE_DEV_CODEGEN_UNITS", "16");
            "target"
        }
        Tool::Loom => {
            command
                .env("RUSTFLAGS", "--cfg loom")
                .env("LOOM_MAX_PREEMPTIONS", "2")
                .env("LOOM_MAX_DURATION", "60");
            // `tests/loom_mutations.rs` builds there too, so loom is built once.
            "../loom"
        }
        Tool::Miri => {
            command
                .arg("miri")
                .env("RUSTFLAGS", "-Awarnings")
                .env("MIRIFLAGS", "-Zmiri-disable-isolation");
            "miri"
        }
    };
    command.arg("test");
    (command, folder)
}

/// Makes the folder `to` equal to the folder `from`, but leaves out the names in `without`.
fn copy(from: &Path, to: &Path, without: &[&str]) {
    let names = |folder: &Path| -> BTreeSet<_> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .filter(|name| !without.iter().any(|it| name == it))
            .collect()
    };
    let wanted = names(from);
    for name in names(to).difference(&wanted) {
        let path = to.join(name);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    for name in wanted {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            fs::create_dir_all(&to).expect("a folder for the copy");
            copy(&from, &to, &[]);
            continue;
        }
        let bytes = fs::read(&from).expect("a file that can be read");
        if fs::read(&to).ok().as_ref() != Some(&bytes) {
            fs::write(&to, bytes).expect("a file that can be written");
        }
    }
}
