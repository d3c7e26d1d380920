//! Builds a workspace member in the bench profile, and starts it.
//!
//! What the benchmarks measure the crate beside are many crates, which a build of the tests or of an example does not need:
//! cargo builds all dev-dependencies of a package for each of these. So the benchmarks are members of their own, which are
//! built only when they are asked for.

use std::env;
use std::process::{Command, ExitCode};

/// Starts the member with this program's arguments, of which `--bench` is always one.
pub(crate) fn start(package: &str) -> ExitCode {
    // `cargo test --all-targets` starts benches too, without this word.
    if !env::args().any(|argument| argument == "--bench") {
        println!("measures only in `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--profile", "bench", "--package", package, "--"])
        .args(env::args().skip(1))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
