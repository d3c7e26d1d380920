//! How the figures were made: when, where, with what, and how steadily.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::results::{Results, root};

pub fn about(arguments: &[String]) -> BTreeMap<String, String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(root())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    };
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let entries = [
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        (
            "command",
            Some(match arguments {
                [] => "cargo bench --bench compare".to_string(),
                words => format!("cargo bench --bench compare -- {}", words.join(" ")),
            }),
        ),
        ("commit", said("git", &["rev-parse", "--short", "HEAD"])),
        (
            "processor",
            field("/proc/cpuinfo", "model name").map(|name| format!("{name}, {processors} in use")),
        ),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", said("uname", &["-sr"])),
        ("compiler", said("rustc", &["--version"])),
        ("versions", Some(versions())),
    ];
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_string(), value?)))
        .collect()
}

fn versions() -> String {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    let version = |name: &str| {
        // Where the tree has several, the newest is the one that we use ourselves.
        let named = |package: &&str| package.contains(&format!("name = \"{name}\"\n"));
        let package = lock.split("[[package]]").filter(named).last()?;
        let version = package
            .lines()
            .find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{name} {}", version.trim_matches('"')))
    };
    let names = [
        "tokio",
        "smol",
        "async-executor",
        "async-io",
        "monoio",
        "glommio",
        "compio",
        "futures",
        "mio",
    ];
    names
        .into_iter()
        .filter_map(version)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What stands between two entries of "again": each begins with its command.
const NEXT: &str = "; cargo bench";

/// The machine and the versions as a table, then a line for each time that some rows were measured again.
pub fn recorded(results: &Results) -> String {
    let mut text = String::from("| | |\n|---|---|\n");
    for name in [
        "date",
        "command",
        "commit",
        "processor",
        "memory",
        "kernel",
        "compiler",
        "versions",
        "steadiness",
    ] {
        if let Some(value) = results.about.get(name) {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    }
    if let Some(again) = results.about.get("again") {
        text += "\nLater, and with the commit of their day, some rows were measured again:\n\n";
        for entry in again.replace(NEXT, "\ncargo bench").lines() {
            let _ = match entry.split_once(", on ") {
                Some((command, rest)) => writeln!(text, "- {rest}: `{command}`"),
                None => writeln!(text, "- {entry}"),
            };
        }
    }
    if is_quick(results) {
        text += "\n**Quick**: each row once, and with fewer sleepers, tasks and connections than its label says.\n";
    }
    text
}

pub fn is_quick(results: &Results) -> bool {
    let command = results.about.get("command");
    command.is_some_and(|command| command.contains("--quick"))
}
