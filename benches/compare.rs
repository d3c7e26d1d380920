//! How does the loop do beside all other runtimes? `cargo bench --bench compare`, and `-- --help` for what else it can do.
//!
//! The peers are many crates, which nobody wants to build who only runs the tests. So they live in a workspace member of
//! their own, `benches/peers`, and this builds that and starts it. The question, the rivals' set-ups and what would prove us
//! wrong stand there.

use std::env;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benches too, without this word.
    if !env::args().any(|argument| argument == "--bench") {
        println!("measures only in `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let status = Command::new(cargo)
        .args([
            "run",
            "--profile",
            "bench",
            "--package",
            "roundelay-peers",
            "--",
        ])
        .args(arguments)
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
