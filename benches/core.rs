//! What does the core cost, beside the runtime that most programs would use instead? `cargo bench --bench core`, and
//! `cargo bench --bench core spawn` for one row.
//!
//! The question, the rival's set-up and what would prove us wrong are in `benches/core/src/main.rs`, which this program
//! builds and starts.

use std::process::ExitCode;

mod member;

fn main() -> ExitCode {
    member::start("roundelay-core-bench")
}
