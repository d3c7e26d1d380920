//! How does the loop compare with all other runtimes? `cargo bench --bench compare`, and `-- --help` for its options.
//!
//! The question, the rivals' set-ups and what would prove us wrong are in `benches/peers`, which this program builds and
//! starts.

use std::process::ExitCode;

mod member;

fn main() -> ExitCode {
    member::start("roundelay-peers")
}
