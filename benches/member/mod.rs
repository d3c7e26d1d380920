//! Builds a workspace member in the bench profile, and starts it.
//!
//! The benchmarks measure the crate beside many other crates. As dev-dependencies of this package, cargo would build them
//! for each test and each example, which do not need them. So the benchmarks are members of their own, and are built only
//! when they are run.

use std::env;
use std::process::{Command, ExitCode};

/// Starts the member with the arguments of this program. `--bench` is always one of them.
pub(crate) fn start(package: &str) -> ExitCode {
    // `cargo test --all-targets` starts benches too, without this argument.
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
