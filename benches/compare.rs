//! How does the loop do beside all other runtimes? `cargo bench --bench compare`, and `-- --help` for what else it can do.
//!
//! The question, the rivals' set-ups and what would prove us wrong stand in `benches/peers`, which this builds and starts.

use std::process::ExitCode;

mod member;

fn main() -> ExitCode {
    member::start("roundelay-peers")
}
