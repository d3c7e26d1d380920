//! Writes the page of a recording that is made up: `cargo run --package roundelay-pages -- chat chat.html`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [story, path] = &arguments[..] else {
        eprintln!("usage: page (chat | storm | crowd) FILE.html");
        return ExitCode::FAILURE;
    };
    let recording = match &**story {
        "chat" => made_up::chat(1),
        "storm" => made_up::storm(1, 100_000),
        "crowd" => made_up::crowd(1, 5_000),
        other => {
            eprintln!("there is no story {other:?}, only chat, storm and crowd");
            return ExitCode::FAILURE;
        }
    };
    match recording.write_html(path) {
        Ok(()) => {
            println!(
                "{path}: {} events, {} tasks",
                recording.events.len(),
                recording.tasks.len()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path} cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}
