//! The exercises of the chapters. Each is a small change that breaks something, the test that must fail, and the words that the
//! failure must print.
//!
//! ```text
//! cargo run -p exercises -- list      all of them
//! cargo run -p exercises -- 4.1       tries one, and shows what happens
//! cargo run -p exercises -- all       tries all, and fails if one does not fail as promised
//! ```
//!
//! loom runs a few of the tests. It shows orders of the threads' steps that a processor takes once in a million runs or never.
//! Miri runs one test, and needs `rustup component add miri rust-src --toolchain nightly`.
//!
//! The change is made in a copy of the sources under `target/exercises`; your sources stay as they are. The exercises are in
//! `exercises/chapters`, one file for each chapter.

mod exercise;
mod scratch;

use std::process::ExitCode;

use exercise::{Exercise, Tool};
use scratch::{Outcome, Scratch};

fn main() -> ExitCode {
    let exercises = exercise::all();
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => list(&exercises),
        ["all"] => try_all(&exercises),
        [number] => match exercises.iter().find(|it| it.number == number) {
            Some(exercise) => try_one(exercise),
            None => usage(&format!("there is no exercise {number}")),
        },
        _ => usage("one argument is needed"),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("{problem}: give the number of an exercise, such as 4.1, or `list`, or `all`");
    ExitCode::from(2)
}

fn list(exercises: &[Exercise]) -> ExitCode {
    for Exercise { number, title, .. } in exercises {
        println!("{number:<12} {title}");
    }
    ExitCode::SUCCESS
}

const WITHOUT_MIRI: &str =
    "Miri is not installed: rustup component add miri rust-src --toolchain nightly";

/// What a student sees.
fn try_one(exercise: &Exercise) -> ExitCode {
    println!("Exercise {}. {}\n", exercise.number, exercise.title);
    print!("{}", exercise.diff());
    println!("\n{} {}\n", exercise.tool.command(), exercise.test);
    if exercise.tool == Tool::Miri && !scratch::has_miri() {
        eprintln!("NOT TRIED: {WITHOUT_MIRI}");
        return ExitCode::FAILURE;
    }
    let scratch = Scratch::new();
    let (outcome, output) = scratch.try_with(exercise);
    println!("{}\n", exercise.excerpt(&output));
    println!("{}\n", exercise.why);
    match outcome {
        Outcome::AsPromised => println!("The test failed, as the exercise says."),
        other => println!("{other}. The whole output:\n{output}"),
    }
    code(outcome == Outcome::AsPromised)
}

fn try_all(exercises: &[Exercise]) -> ExitCode {
    let scratch = Scratch::new();
    let mut is_well = true;
    let has_miri = scratch::has_miri();
    let can_run = |it: &&Exercise| has_miri || it.tool != Tool::Miri;
    let (exercises, not_tried): (Vec<_>, Vec<_>) = exercises.iter().partition(can_run);
    let tests = exercise::tests_by_target(&exercises);
    for ((tool, _), targets) in exercise::builds(tests.keys()) {
        let (is_built, output) = scratch.build(tool, &targets);
        if !is_built {
            println!("{targets} cannot be built, although nothing was changed:\n{output}");
            return ExitCode::FAILURE;
        }
    }
    for ((tool, target), names) in tests {
        let (has_passed, output) = scratch.test(tool, target, &names);
        println!("{target}: without a change {} tests pass", names.len());
        if !has_passed {
            println!("they do not all pass:\n{output}");
            is_well = false;
        }
    }
    for exercise in exercises {
        let (outcome, output) = scratch.try_with(exercise);
        println!("{:<12} {outcome}: {}", exercise.number, exercise.title);
        if outcome != Outcome::AsPromised {
            println!("{output}");
            is_well = false;
        }
    }
    for Exercise { number, title, .. } in not_tried {
        eprintln!("{number:<12} NOT TRIED, {WITHOUT_MIRI}: {title}");
    }
    code(is_well)
}

fn code(is_well: bool) -> ExitCode {
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
