//! Compares the architecture on the first page of the design with the sources. A table that no test
//! checks goes out of date.

// The sources are the same on each system, so one system is enough.
#![cfg(unix)]

#[path = "support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use sources::{Crate, Import, Source, blank_comments_and_literals, end_of_item, files};

/// The layers: a file may import the files of the rows below its own. The files of one row may import each other (but not
/// in a circle), unless the row is `Apart`.
const TABLE: &[(&str, Row)] = &[
    ("the crate", Row::Together(&["lib.rs", "entry.rs"])),
    ("hosts of the loop", Row::Together(&["compat/tokio.rs"])),
    ("the loop", Row::Together(&["event_loop/"])),
    ("leaf futures", Row::Together(LEAF_FUTURES)),
    ("seeing the loop", Row::Together(&["inspect/"])),
    ("the current loop", Row::Together(&["context.rs"])),
    (
        "wakers",
        Row::Together(&["task/behind.rs", "task/waker.rs"]),
    ),
    ("the scheduler", Row::Together(&["scheduler/"])),
    ("cells", Row::Together(&["task/cell.rs"])),
    (
        "the drivers",
        Row::Apart(&["time/timers", "reactor/", "offload/", "inbox/"]),
    ),
    ("pure", Row::Together(PURE)),
];

const LEAF_FUTURES: &[&str] = &[
    "compat/",
    "fs/",
    "future/",
    "group",
    "io/",
    "net/",
    "offload/future.rs",
    "process/",
    "reactor/registered",
    "remote/",
    "signal/",
    "sync/",
    "task/cooperative.rs",
    "task/ends.rs",
    "task/join.rs",
    "task/mod.rs",
    "task/yield_now.rs",
    "time/interval.rs",
    "time/mod.rs",
    "time/sleep.rs",
    "time/timeout.rs",
    "time/virtual_time.rs",
];

const PURE: &[&str] = &[
    "account.rs",
    "appendix.rs",
    "chain.rs",
    "declared.rs",
    "draw.rs",
    "fault",
    "foreign.rs",
    "histogram.rs",
    "pinned.rs",
    "questions.rs",
    "reactor/ready.rs",
    "record/",
    "shim",
    "stays.rs",
    "task/error.rs",
    "task/id.rs",
    "task/output.rs",
    "time/clock.rs",
    "time/slack.rs",
    "time/wheel",
    "trying.rs",
    "unrecorded.rs",
];

enum Row {
    Together(&'static [&'static str]),
    /// Files that may not import each other.
    Apart(&'static [&'static str]),
}

/// The table as the first page shows it.
fn layers() -> String {
    let row = |(name, row): &(&str, Row)| {
        let (Row::Together(members) | Row::Apart(members)) = row;
        let files: Vec<String> = members.iter().map(|path| format!("`{path}`")).collect();
        format!("//! | {name} | {} |\n", files.join(", "))
    };
    TABLE.iter().map(row).collect()
}

#[test]
fn the_first_page_shows_the_same_layers() {
    let page = fs::read_to_string(root().join("src/lib.rs")).expect("there is a first page");
    let layers = layers();
    assert!(
        page.contains(&layers),
        "the table of layers in src/lib.rs should be\n{layers}"
    );
}

/// The place of a file in the table: its row, and its place in the row.
fn place(path: &str) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    for (row, (_, members)) in TABLE.iter().enumerate() {
        let (Row::Together(members) | Row::Apart(members)) = members;
        for (column, member) in members.iter().enumerate() {
            // The longest name wins: `offload/future.rs` before `offload/`.
            if path.starts_with(member) && best.is_none_or(|(_, _, length)| member.len() > length) {
                best = Some((row, column, member.len()));
            }
        }
    }
    best.map(|(row, column, _)| (row, column))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources, which are read once for all tests.
fn the_crate() -> &'static Crate {
    static CRATE: LazyLock<Crate> = LazyLock::new(|| Crate::read(root()));
    &CRATE
}

/// All imports of one file of the crate by another.
fn imports() -> &'static [Import] {
    static IMPORTS: LazyLock<Vec<Import>> = LazyLock::new(|| the_crate().imports());
    &IMPORTS
}

#[track_caller]
fn assert_none(problem: &str, found: &[String]) {
    assert!(
        found.is_empty(),
        "\n\n{problem}:\n  {}\n",
        found.join("\n  ")
    );
}

// Imports.

#[test]
fn every_file_has_its_place_in_the_table() {
    let homeless: Vec<String> = the_crate()
        .sources
        .iter()
        .filter(|source| place(&source.path).is_none())
        .map(|source| source.path.clone())
        .collect();
    assert_none("these files are missing from the table above", &homeless);
}

#[test]
fn every_file_imports_only_what_stands_below_it() {
    let mut upwards = Vec::new();
    for import in imports() {
        let (Some(from), Some(to)) = (place(&import.from), place(&import.to)) else {
            continue;
        };
        let is_apart = matches!(TABLE[from.0].1, Row::Apart(_));
        if from.0 > to.0 || (from.0 == to.0 && from.1 != to.1 && is_apart) {
            upwards.push(format!(
                "{} ({}) imports {} ({}), as `{}`",
                import.from, TABLE[from.0].0, import.to, TABLE[to.0].0, import.words
            ));
        }
    }
    assert_none(
        "these imports go up, or from one driver to another",
        &upwards,
    );
}

#[test]
fn no_file_imports_itself_in_a_circle() {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for import in imports() {
        let Import { from, to, .. } = import.clone();
        graph.entry(from).or_default().insert(to);
    }
    let reaches = |from: &str, goal: &str| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(next) = todo.pop() {
            let imports = graph.get(next).into_iter().flatten();
            todo.extend(imports.filter(|to| seen.insert(*to)).map(String::as_str));
        }
        seen.iter().any(|to| *to == goal)
    };
    let in_circle = |from: &&String| reaches(from, from);
    let circles: Vec<String> = graph
        .keys()
        .filter(in_circle)
        .map(|from| {
            let back: Vec<&str> = graph[from]
                .iter()
                .filter(|to| reaches(to, from))
                .map(String::as_str)
                .collect();
            format!("{from} -> {}", back.join(", "))
        })
        .collect();
    assert_none("these import each other in a circle", &circles);
}

/// Files that every part may import, since they name no task, socket, timer or thread: the door to foreign code, the error
/// that tasks and jobs share, what tests put in place of the system, and the recorder, to which each part reports.
const SAID_BY_ALL: &[&str] = &[
    "fault.rs",
    "foreign.rs",
    "record/probe.rs",
    "shim.rs",
    "task/error.rs",
    "trying.rs",
];

/// "`Waker` is the only type that the scheduler and the drivers share": neither imports the other, and no file below them
/// is imported by both.
#[test]
fn the_scheduler_and_the_drivers_share_nothing_but_the_waker() {
    let row = |name: &str| TABLE.iter().position(|(row, _)| *row == name);
    let (scheduler, cells, drivers) = (row("the scheduler"), row("cells"), row("the drivers"));
    let imports = imports();
    let row_of = |path: &str| place(path).map(|(row, _)| row);
    let is_scheduler = |path: &str| [scheduler, cells].contains(&row_of(path));
    let is_driver = |path: &str| row_of(path) == drivers;
    let by_scheduler: BTreeSet<&str> = imports
        .iter()
        .filter(|import| is_scheduler(&import.from))
        .map(|import| import.to.as_str())
        .collect();
    let shared: Vec<String> = imports
        .iter()
        .filter(|import| {
            is_driver(&import.from)
                && (is_scheduler(&import.to) || by_scheduler.contains(import.to.as_str()))
                && !SAID_BY_ALL.contains(&import.to.as_str())
                // The highest number of loops is a number, not a type.
                && import.words != "crate::task::id::MAX_LOOPS"
        })
        .map(|import| format!("{} imports {}", import.from, import.words))
        .collect();
    assert_none(
        "imports of a file that both the scheduler and a driver know",
        &shared,
    );
    let drivers_known: Vec<&&str> = by_scheduler.iter().filter(|to| is_driver(to)).collect();
    assert!(
        drivers_known.is_empty(),
        "the scheduler imports a driver: {drivers_known:?}"
    );
}

#[test]
fn the_wheel_stands_alone() {
    let imports: Vec<String> = imports()
        .iter()
        .filter(|import| {
            import.from.starts_with("time/wheel") && !import.to.starts_with("time/wheel")
        })
        .map(|import| import.words.clone())
        .collect();
    assert_none(
        "the wheel is taught and fuzzed as a stand-alone file, but it imports",
        &imports,
    );
}

/// Tests the code that reads the sources. If it overlooked an import, the tests above would not see it either.
#[test]
fn the_imports_that_make_the_design_are_seen() {
    let imports = imports();
    for (from, to) in [
        ("event_loop/main_task.rs", "scheduler/mod.rs"),
        ("event_loop/mod.rs", "task/join.rs"),
        ("event_loop/builder.rs", "reactor/mod.rs"),
        ("context.rs", "offload/made.rs"),
        ("context.rs", "time/timers/made.rs"),
        ("task/waker.rs", "task/id.rs"),
        ("scheduler/mod.rs", "scheduler/tasks.rs"),
        ("scheduler/handles.rs", "scheduler/mod.rs"),
        ("net/lookup.rs", "offload/future.rs"),
    ] {
        assert!(
            imports
                .iter()
                .any(|import| import.from == from && import.to == to),
            "{from} imports {to}, and the test did not see it: {imports:#?}"
        );
    }
    let code = blank_comments_and_literals("a('\"', 'x', &'a T) // b\n\"c \\\" d\" e r#\"f\"#");
    assert_eq!(code.split_whitespace().collect::<String>(), "a(,,&aT)e");
}

// Unsafe code.

const UNSAFE_ROOMS: &[&str] = &[
    "pinned.rs",
    "reactor/timerfd.rs",
    "task/cell.rs",
    "task/waker.rs",
];
const UNSAFE_BLOCKS: usize = 15;

/// The numbers of the lines, counted from zero, whose code contains the word.
fn lines_with<'a>(source: &'a Source, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = move |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|part| part == word)
    };
    source
        .code
        .lines()
        .enumerate()
        .filter(move |(_, line)| is_word(line))
        .map(|(index, _)| index)
}

/// Whether a comment on that line, or shortly above it, says `words`. Clippy checks that the comment belongs to the line.
fn is_explained(source: &Source, line: usize, words: &str) -> bool {
    let lines: Vec<&str> = source.text.lines().collect();
    lines[line.saturating_sub(8)..=line]
        .iter()
        .any(|line| line.contains(words))
}

#[test]
fn unsafe_code_lives_in_four_rooms_and_in_fifteen_blocks_at_most() {
    let mut count = 0;
    let mut outside = Vec::new();
    for source in &the_crate().sources {
        let blocks = lines_with(source, "unsafe").count();
        count += blocks;
        if blocks > 0 && !UNSAFE_ROOMS.contains(&source.path.as_str()) {
            outside.push(format!("{} has {blocks}", source.path));
        }
    }
    assert_none("unsafe code outside its rooms", &outside);
    assert!(
        count <= UNSAFE_BLOCKS,
        "{count} unsafe blocks, but at most {UNSAFE_BLOCKS} are allowed"
    );
}

#[test]
fn every_unsafe_block_says_why_it_is_safe_and_which_test_guards_it() {
    let mut silent = Vec::new();
    for source in &the_crate().sources {
        for line in lines_with(source, "unsafe") {
            if !is_explained(source, line, "SAFETY: ") {
                silent.push(format!("src/{}:{}", source.path, line + 1));
            }
        }
    }
    assert_none("unsafe code without a SAFETY comment", &silent);
}

// One door to foreign code.

/// What only `foreign.rs` may do, and what other files call instead. Code under `#[cfg(test)]` is left out.
const FOREIGN: &[(&str, &str)] = &[
    ("log::", "foreign::tell"),
    ("trace!(", "foreign::tell"),
    ("debug!(", "foreign::tell"),
    ("info!(", "foreign::tell"),
    ("warn!(", "foreign::tell"),
    ("error!(", "foreign::tell"),
    ("log_enabled!(", "foreign::is_traced"),
    ("catch_unwind", "foreign::catch"),
    (".wake()", "foreign::wake"),
    (".wake_by_ref()", "foreign::wake_by_ref"),
    (
        ")(",
        "foreign::catch or foreign::quietly, around a stored closure",
    ),
];

/// *decide-then-do*, and a panic of foreign code does not spread: foreign code is called through one door.
#[test]
fn foreign_code_is_called_through_one_door() {
    let mut outside = Vec::new();
    for source in &the_crate().sources {
        if source.path == "foreign.rs" {
            continue;
        }
        let end = source
            .code
            .find("#[cfg(test)]\nmod tests")
            .unwrap_or(source.code.len());
        for (index, line) in source.code[..end].lines().enumerate() {
            let is_declaration = line.contains("compile_error!")
                || line.trim_start().starts_with('(')
                || line.contains("fn ");
            for (words, instead) in FOREIGN {
                if line.contains(words) && !is_declaration {
                    outside.push(format!(
                        "src/{}:{}: {} (call {instead})",
                        source.path,
                        index + 1,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert_none("foreign code that is not called through its door", &outside);
}

// Comments that can be checked.

#[test]
fn every_atomic_operation_names_its_partner() {
    const ORDERINGS: &[&str] = &["SeqCst", "Relaxed", "Acquire", "Release", "AcqRel"];
    let mut silent = Vec::new();
    let sources = &the_crate().sources;
    for source in sources
        .iter()
        .filter(|source| source.code.contains("atomic::"))
    {
        let lines: BTreeSet<usize> = ORDERINGS
            .iter()
            .flat_map(|word| lines_with(source, word))
            .collect();
        for line in lines {
            let code = source
                .code
                .lines()
                .nth(line)
                .expect("the line was found above");
            let is_import = code.trim_start().starts_with("use ");
            if !is_import && !is_explained(source, line, "ORDERING: ") {
                silent.push(format!("src/{}:{}: {}", source.path, line + 1, code.trim()));
            }
        }
    }
    assert_none("atomic operations without an ORDERING comment", &silent);
}

/// Every text of the project that a reader may meet.
fn texts() -> Vec<(String, String)> {
    [".rs", ".md", ".toml", ".yml", ".sh"]
        .iter()
        .flat_map(|ending| files(root(), ending))
        .map(|file| {
            let path = file
                .strip_prefix(root())
                .expect("the file is below the root");
            let text = fs::read_to_string(&file).expect("a text is UTF-8");
            (path.to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The text on one line, since the words of a comment may be broken over two.
fn joined(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.trim_start().trim_start_matches(['/', '!']).trim());
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_guard_is_a_test_that_exists() {
    let mut missing = Vec::new();
    for (path, text) in texts()
        .iter()
        .filter(|(path, _)| !path.starts_with("tests/architecture"))
    {
        let text = joined(text);
        for (at, _) in text.match_indices("tests/") {
            let end = text[at..]
                .find(|c: char| !(c.is_alphanumeric() || "/_.:".contains(c)))
                .map_or(text.len(), |end| at + end);
            let name = text[at..end].trim_end_matches(['.', ':']);
            let (file, test) = name.split_once("::").unwrap_or((name, ""));
            if !file.ends_with(".rs")
                || text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '/')
            {
                continue;
            }
            let function = test.rsplit("::").next().unwrap_or_default();
            let is_there = fs::read_to_string(root().join(file))
                .is_ok_and(|text| function.is_empty() || text.contains(&format!("fn {function}(")));
            if !is_there {
                missing.push(format!("{path} names {name}"));
            }
        }
    }
    missing.dedup();
    assert_none("tests that are named as guards and do not exist", &missing);
}

#[test]
fn every_example_that_is_named_exists() {
    let mut missing = Vec::new();
    for (path, text) in texts()
        .iter()
        .filter(|(path, _)| !path.starts_with("tests/architecture"))
    {
        for (at, _) in text.match_indices("examples/") {
            let name = text[at..]
                .split(|c: char| !(c.is_alphanumeric() || "/_.".contains(c)))
                .next();
            let name = name.unwrap_or_default().trim_end_matches('.');
            let is_file = name.ends_with(".rs")
                && !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '/');
            if is_file && !root().join(name).exists() {
                missing.push(format!("{path} names {name}"));
            }
        }
    }
    assert_none("examples that are named and do not exist", &missing);
}

// Tests that can hang.

/// No test in these files can hang: they read texts, or ask the compiler.
const PURE_TESTS: &[&str] = &[
    "tests/architecture.rs",
    "tests/book.rs",
    // It runs the compiler for minutes, but only on request.
    "tests/loom_mutations.rs",
    "tests/traits.rs",
];

/// A watched test calls one of these (tests/support/watch.rs). `in_loop` calls `watchdog`.
const WATCHES: &[&str] = &["watch()", "watch_for(", "watchdog(", "watchdog_on_stack("];

#[test]
fn every_test_that_could_hang_is_watched() {
    let (mut tests, mut alone) = (0, Vec::new());
    for (path, text) in texts().iter().filter(|(path, _)| {
        path.starts_with("tests/") && path.ends_with(".rs") && !PURE_TESTS.contains(&path.as_str())
    }) {
        let code = blank_comments_and_literals(text);
        for (at, attribute) in code.match_indices("#[test]") {
            // Another attribute may come before the function: `#[ignore = ".."]`.
            let start = at + attribute.len();
            let start = start + code[start..].find("fn ").expect("a test is a function");
            let body = &code[start..end_of_item(&code, start)];
            tests += 1;
            if !WATCHES.iter().any(|call| body.contains(call)) {
                let name = body.split(['(', ' ']).nth(1).unwrap_or_default();
                alone.push(format!("{path}::{name}"));
            }
        }
    }
    assert!(tests > 500, "only {tests} tests were seen");
    assert_none(
        "tests without a watchdog; begin with `let _watched = crate::support::watch();`",
        &alone,
    );
}

// Sizes.

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 60;

const INVARIANTS: [&str; 10] = [
    "one-queue",
    "no-user-code-under-borrow",
    "wake-only-queues",
    "stale-is-inert",
    "home-drop",
    "never-early",
    "inbox-before-park",
    "nothing-left",
    "decide-then-do",
    "bounded-look",
];

#[test]
fn every_invariant_stands_on_the_first_page_and_is_cited_by_a_test() {
    let texts = texts();
    let holds = |name: &str, (path, text): &(String, String)| match path.as_str() {
        "src/lib.rs" => text.contains(&format!("//! | {name} | ")),
        _ => path.starts_with("tests/") && text.contains(&format!("*{name}*")),
    };
    let missing = INVARIANTS.iter().flat_map(|name| {
        let mut paths = texts.iter().filter(|text| holds(name, text));
        let (pages, tests): (Vec<_>, Vec<_>) =
            paths.by_ref().partition(|(path, _)| path == "src/lib.rs");
        let on_page = pages
            .is_empty()
            .then(|| format!("{name}: on the first page"));
        let in_test = tests.is_empty().then(|| format!("{name}: in a test"));
        on_page.into_iter().chain(in_test)
    });
    assert_none(
        "invariants that are not cited",
        &missing.collect::<Vec<_>>(),
    );
    let (_, page) = texts
        .iter()
        .find(|(path, _)| path == "src/lib.rs")
        .expect("there is a first page");
    let (_, table) = page
        .split_once("| name | what holds |")
        .expect("the first page has the table of invariants");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("//! | "));
    assert_eq!(
        rows.count(),
        INVARIANTS.len(),
        "the table on the first page has a row for each invariant"
    );
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let long: Vec<String> = the_crate()
        .sources
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_OF_A_FILE)
        .map(|(path, lines)| format!("src/{path}: {lines}"))
        .collect();
    assert_none("files that are too long", &long);
}

#[test]
fn functions_are_short() {
    let mut lengths = Vec::new();
    let mut long = Vec::new();
    for source in &the_crate().sources {
        for (start, _) in source.code.match_indices("fn ") {
            let is_word = source.code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let end = end_of_item(&source.code, start);
            let body = &source.code[start..end];
            if is_word || !body.contains('{') {
                continue;
            }
            let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
            lengths.push(lines);
            if lines > LINES_OF_A_FUNCTION {
                let line = source.code[..start].lines().count();
                long.push(format!("src/{}:{line}: {lines} lines", source.path));
            }
        }
    }
    assert_none("functions of more than sixty lines", &long);
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= 8,
        "half of the functions have more than {median} lines"
    );
}

/// The rooms that few programs enter.
const ON_DEMAND: &[&str] = &[
    "account.rs",
    "declared.rs",
    "event_loop/observation/",
    "future/ready.rs",
    "group/around.rs",
    "group/error.rs",
    "group/keep.rs",
    "group/teardown.rs",
    "histogram.rs",
    "inspect/",
    "io/duplex.rs",
    "io/error.rs",
    "net/connection.rs",
    "net/datagram.rs",
    "net/face.rs",
    "net/lookup.rs",
    "net/lookup_error.rs",
    "net/network.rs",
    "net/serve.rs",
    "net/tcp.rs",
    "net/udp.rs",
    "net/unix.rs",
    "net/unix_datagram.rs",
    "offload/awaited.rs",
    "offload/calls.rs",
    "offload/future.rs",
    "offload/job.rs",
    "offload/line.rs",
    "offload/made.rs",
    "offload/pool.rs",
    "offload/shared.rs",
    "offload/worker.rs",
    "remote/tasks.rs",
    "remote/trigger.rs",
    "sync/cancel_afar.rs",
    "sync/cancel_token.rs",
    "sync/notify.rs",
    "time/interval.rs",
    "time/sleep.rs",
    "time/timers",
    "time/virtual_time.rs",
];

/// The compiler translates a function of a library for each program that has the library, whether the program calls it or
/// not; but a function that is generic, `async` or `#[inline]` only where it is called. Such rooms are half of this crate's
/// translation.
#[test]
fn a_room_that_few_programs_enter_is_compiled_on_demand() {
    let mut found = Vec::new();
    for source in &the_crate().sources {
        if !ON_DEMAND.iter().any(|room| source.path.starts_with(room)) {
            continue;
        }
        let lines: Vec<&str> = source.code.lines().collect();
        let mut is_generic = false;
        for (place, line) in lines.iter().enumerate() {
            let words = without_visibility(line);
            if let Some(rest) = words.strip_prefix("impl") {
                is_generic = has_type_parameter(rest);
            }
            if words.starts_with("trait ") || *line == "}" {
                is_generic = words.starts_with("trait ");
            }
            let Some(rest) = words.strip_prefix("fn ") else {
                continue;
            };
            let to_the_body = lines[place..].join(" ");
            let head = to_the_body.split(['{', ';']).next().unwrap_or_default();
            let has_body = to_the_body[head.len()..].starts_with('{');
            let arguments = head.split("->").next().unwrap_or_default();
            let name = rest.find(['<', '(']).unwrap_or(rest.len());
            let is_marked = lines[..place]
                .iter()
                .rev()
                .take_while(|line| line.trim_start().starts_with("#["))
                .any(|line| line.contains("#[inline"));
            let depends =
                is_generic || has_type_parameter(&rest[name..]) || arguments.contains("impl ");
            if has_body && !depends && !is_marked {
                found.push(format!("src/{}:{}: {}", source.path, place + 1, words));
            }
        }
    }
    assert_none("functions without `#[inline]`", &found);
}

fn without_visibility(line: &str) -> &str {
    let line = line.trim_start();
    let Some(rest) = line.strip_prefix("pub") else {
        return line;
    };
    let rest = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    rest.trim_start()
}

/// Whether a list of parameters, if the text begins with one, has more than lifetimes.
fn has_type_parameter(text: &str) -> bool {
    let Some(list) = text.strip_prefix('<') else {
        return false;
    };
    let list = list.split('>').next().unwrap_or_default();
    list.split(',').any(|name| {
        let name = name.trim();
        !name.is_empty() && !name.starts_with('\'')
    })
}

// The book names no machine on which it was written.

#[test]
fn nothing_ties_the_project_to_the_place_where_it_was_written() {
    // Each word is in two parts, so that the test does not find this file.
    let words = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tm", "p/bash"],
        ["hub.", "git"],
        ["LESSONS", ".md"],
        ["this ses", "sion"],
        ["wt/", "hub"],
    ]
    .map(|parts| parts.concat());
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (index, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(*word)) {
                found.push(format!("{path}:{}: {word}", index + 1));
            }
        }
    }
    assert_none("words that mean something on one machine only", &found);
}
