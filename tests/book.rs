//! Compares the book with the sources. Each chapter has its parts and leads to the next, and each name
//! in a text exists.

#[allow(dead_code, reason = "tests/architecture.rs uses the rest")]
#[path = "support/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use sources::{Crate, blank_comments_and_literals, files};

/// The way through the book: the files with an essay, each with the name of the link to it.
const WAY: &[(&str, &str)] = &[
    ("lib.rs", "crate"),
    ("task/mod.rs", "task#chapter-1-what-a-task-is"),
    ("task/cell.rs", "cell"),
    ("task/waker.rs", "waker"),
    ("scheduler/mod.rs", "scheduler"),
    ("inbox/mod.rs", "inbox"),
    ("time/wheel.rs", "wheel"),
    ("time/mod.rs", "super#chapter-6-second-part"),
    ("reactor/mod.rs", "reactor"),
    ("offload/mod.rs", "offload"),
    ("event_loop/mod.rs", "event_loop"),
    ("foreign.rs", "foreign"),
    ("chain.rs", "chain"),
    ("future/mod.rs", "future"),
    ("group/mod.rs", "group"),
    ("sync/mod.rs", "sync"),
    ("sync/wait_list.rs", "wait_list"),
    ("io/mod.rs", "io"),
    ("net/mod.rs", "net"),
    ("net/serve.rs", "serve"),
    ("remote/mod.rs", "remote"),
    ("inspect/mod.rs", "inspect"),
    ("record/mod.rs", "record"),
    ("signal/mod.rs", "signal"),
    ("process/mod.rs", "process"),
    ("fs/mod.rs", "fs"),
    ("compat/mod.rs", "compat"),
    ("appendix.rs", "appendix"),
    ("questions.rs", "questions"),
];

/// Chapters whose last link skips the next file of the table, because that file is a part of the same chapter.
const LEADS_PAST: &[(&str, &str)] = &[("remote/mod.rs", "time#time-in-the-hands-of-a-test")];

/// The files of the numbered chapters.
const CHAPTERS: [&[&str]; 9] = [
    &["task/mod.rs"],
    &["task/cell.rs"],
    &["task/waker.rs"],
    &["scheduler/mod.rs"],
    &["inbox/mod.rs"],
    &["time/wheel.rs", "time/mod.rs"],
    &["reactor/mod.rs"],
    &["offload/mod.rs"],
    &["event_loop/mod.rs"],
];
const PARTS: &[&[&str]] = &[
    &["The problem"],
    &["The idea"],
    &["Why not otherwise", "Not needed here"],
    &["Exercises", "Exercises of chapter 6"],
    &["Next"],
];
/// Chapter 1 describes no mechanism, so it does not need this part.
const PARTS_OF_A_MECHANISM: &[&[&str]] = &[&["What it costs"]];

const COLUMNS: usize = 100;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn the_crate() -> &'static Crate {
    static CRATE: LazyLock<Crate> = LazyLock::new(|| Crate::read(root()));
    &CRATE
}

/// The essay at the head of a file, without its `//!`.
fn essay(file: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("src").join(file)).expect("a chapter is a file");
    let is_essay = |line: &&str| line.starts_with("//!") || line.starts_with("#![doc = include");
    let lines = text.lines().take_while(is_essay);
    lines
        .map(|line| {
            let line = line.strip_prefix("//!").unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line).to_owned()
        })
        .collect()
}

/// The headings of an essay, without the lines of code that begin with `#`.
fn headings(essay: &[String]) -> Vec<&str> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in essay {
        is_code ^= line.starts_with("```");
        if !is_code && line.starts_with('#') && line.trim_start_matches('#').starts_with(' ') {
            found.push(line.trim_start_matches('#').trim());
        }
    }
    found
}

#[track_caller]
fn assert_none(problem: &str, found: &[String]) {
    assert!(
        found.is_empty(),
        "\n\n{problem}:\n  {}\n",
        found.join("\n  ")
    );
}

#[test]
fn every_chapter_says_what_to_read_first_how_long_it_takes_and_in_which_order() {
    let mut missing = Vec::new();
    for (file, _) in WAY {
        let essay = essay(file);
        let first = essay.first().map_or("", String::as_str);
        if first.is_empty() || first.starts_with('#') {
            missing.push(format!(
                "src/{file}: a first line that says what the file is"
            ));
        }
        let words = essay.join(" ");
        for opening in ["*Before this:*", "*Time:*", "*Files, in reading order:*"] {
            let is_first_page = *file == "lib.rs" && opening.starts_with("*Files");
            if !is_first_page && !words.contains(opening) {
                missing.push(format!("src/{file}: {opening}"));
            }
        }
    }
    assert_none(
        "parts that are missing at the opening of a chapter",
        &missing,
    );
}

#[test]
fn every_chapter_has_its_parts() {
    let mut missing = Vec::new();
    for (index, files) in CHAPTERS.iter().enumerate() {
        let number = index + 1;
        let essays: Vec<Vec<String>> = files.iter().map(|file| essay(file)).collect();
        let headings: Vec<&str> = essays.iter().flat_map(|essay| headings(essay)).collect();
        let title = format!("Chapter {number}. ");
        if !headings[0].starts_with(&title) {
            missing.push(format!("src/{}: the title `# {title}..`", files[0]));
        }
        let more = if number > 1 {
            PARTS_OF_A_MECHANISM
        } else {
            &[]
        };
        for part in PARTS.iter().chain(more) {
            if !part.iter().any(|name| headings.contains(name)) {
                missing.push(format!("src/{}: {}", files[0], part.join(", or ")));
            }
        }
    }
    assert_none("parts that are missing in a chapter", &missing);
}

#[test]
fn every_chapter_ends_with_a_link_to_the_next() {
    let mut astray = Vec::new();
    for pair in WAY.windows(2) {
        let [(file, _), (next, name)] = pair else {
            unreachable!("each window has two items");
        };
        let past = LEADS_PAST.iter().find(|(from, _)| from == file);
        let name = past.map_or(*name, |(_, name)| name);
        let essay = essay(file);
        if *file == "lib.rs" {
            continue;
        }
        let last = essay
            .iter()
            .rposition(|line| line.trim_start_matches('#') == " Next");
        let words = essay[last.unwrap_or(essay.len())..].join(" ");
        let is_linked = words.match_indices("](").any(|(at, _)| {
            let target = &words[at + 2..];
            let target = &target[..target.find(')').unwrap_or(target.len())];
            target.trim_end_matches("/index.html").ends_with(name)
        }) || words.contains(&format!("[`{name}`]"));
        // `serve()` links to the page of the function. Its chapter is at the head of the same file.
        let is_linked = is_linked || words.contains(&format!("{name}()"));
        if !is_linked {
            astray.push(format!("src/{file}: to src/{next}"));
        }
    }
    assert_none("chapters that do not end with a link to the next", &astray);
}

/// The first page links to each chapter.
#[test]
fn the_first_page_leads_to_every_chapter() {
    let page = essay("lib.rs").join("\n");
    let missing = WAY.iter().skip(1).filter(|(file, _)| {
        let module = file
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .replace('/', "::");
        let forms = [
            format!("]({module})"),
            format!("](mod@{module})"),
            format!("]({module}#"),
            format!("[`{module}`]"),
            format!("]({module}/index.html)"),
        ];
        !forms.iter().any(|form| page.contains(form))
    });
    let missing: Vec<String> = missing.map(|(file, _)| format!("src/{file}")).collect();
    assert_none("chapters without a link on the first page", &missing);
    assert!(page.contains("**You may stop here.**"));
}

/// The files to which the map on the first page links, in the map's order.
fn files_of_the_map() -> Vec<String> {
    let page = essay("lib.rs").join("\n");
    let map = page.split("# Chapter 0").nth(1).expect("there is a map");
    let map = map.split("## The layers").next().unwrap_or_default();
    let links = map.split("[`").skip(1);
    let links = links.filter_map(|rest| rest.split_once(".rs`]"));
    links.map(|(name, _)| format!("{name}.rs")).collect()
}

/// The files that a chapter names in its opening, without the chapter's own file.
fn reading_order(file: &str) -> Vec<String> {
    let essay = essay(file).join("\n");
    let opening = essay.split("*Files, in reading order:*").nth(1);
    let opening = opening.and_then(|rest| rest.split("\n\n").next());
    let names = opening.unwrap_or_default().split("[`").skip(1);
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let find = |name: &str| {
        let within = file.trim_end_matches(".rs");
        let homes = [
            format!("{folder}/{name}.rs"),
            format!("{within}/{name}.rs"),
            format!("{name}.rs"),
        ];
        homes
            .into_iter()
            .find(|path| root().join("src").join(path).exists())
    };
    names
        .filter_map(|rest| rest.split_once("`]"))
        .map(|(name, _)| {
            find(name).unwrap_or_else(|| panic!("src/{file}: no file is called {name}"))
        })
        .collect()
}

/// Each chapter's files are on the map, in the chapter's order.
#[test]
fn the_map_leads_to_the_files_of_every_chapter_in_reading_order() {
    let map = files_of_the_map();
    let mut astray = Vec::new();
    let mut count = 0;
    for (file, _) in WAY.iter().skip(1) {
        let mut place = 0;
        for named in reading_order(file) {
            count += 1;
            match map[place..].iter().position(|on_map| *on_map == named) {
                Some(next) => place += next + 1,
                None => astray.push(format!("src/{file}: {named}")),
            }
        }
        let is_list = ["appendix.rs", "questions.rs"].contains(file);
        if !is_list && !map.iter().any(|on_map| on_map == file) {
            astray.push(format!("src/{file}"));
        }
    }
    assert!(count > 70, "the openings name only {count} files");
    assert_none(
        "files that are missing from the map, or are out of order",
        &astray,
    );
}

/// rustdoc makes a page for each source file. `src/files.md` has the addresses of the files on the map, and no others.
#[test]
fn every_link_of_the_map_leads_to_the_page_of_a_source() {
    let map: BTreeSet<String> = files_of_the_map().into_iter().collect();
    let addresses = fs::read_to_string(root().join("src/files.md")).expect("a text is UTF-8");
    let wanted = map
        .iter()
        .map(|file| format!("[`{file}`]: ../src/roundelay/{file}.html\n"));
    assert_eq!(addresses, wanted.collect::<String>());
    let missing = map
        .iter()
        .filter(|file| !root().join("src").join(file).exists());
    let missing: Vec<String> = missing.cloned().collect();
    assert_none("files on the map that do not exist", &missing);
}

/// Rows of tables and long words cannot be broken, so they may be wider. The exercises have their own width.
#[test]
fn the_chapters_are_a_hundred_columns_wide() {
    let mut wide = Vec::new();
    for (file, _) in WAY {
        let mut is_exercise = false;
        for (index, line) in essay(file).iter().enumerate() {
            if line.starts_with('#') {
                is_exercise = line.contains("Exercises");
            }
            let can_break = line.trim_start().contains(' ') && !line.starts_with('|');
            let columns = line.chars().count() + "//! ".len();
            if can_break && columns > COLUMNS && !is_exercise && !line.starts_with("#![doc") {
                wide.push(format!("src/{file}:{}: {columns}", index + 1));
            }
        }
    }
    assert_none("lines of the book that are too long", &wide);
}

/// A page of rustdoc shows this many columns of a figure in a window of 1,200 pixels.
const FIGURE: usize = 93;

/// All figures are drawn with the same characters, and none is cut off at the edge of its page.
#[test]
fn the_figures_fit_on_their_pages_and_are_drawn_alike() {
    let mut poor = Vec::new();
    let mut count = 0;
    for source in &the_crate().sources {
        let mut is_figure = false;
        for (index, line) in source.text.lines().enumerate() {
            let Some(line) = line.strip_prefix("//!") else {
                continue;
            };
            let line = line.strip_prefix(' ').unwrap_or(line);
            if line.starts_with("```") {
                is_figure = line == "```text";
                count += usize::from(is_figure);
                continue;
            }
            let is_drawn = |c| {
                ('\u{2190}'..='\u{21ff}').contains(&c) || ('\u{2500}'..='\u{25ff}').contains(&c)
            };
            if is_figure && (line.chars().count() > FIGURE || line.contains(is_drawn)) {
                poor.push(format!("src/{}:{}: {line}", source.path, index + 1));
            }
        }
    }
    assert!(count > 50, "there are only {count} figures");
    assert_none(
        "figures that are cut off, or drawn with other characters",
        &poor,
    );
}

// The thirty questions.

#[test]
fn thirty_questions_have_an_answer_a_link_and_a_proof() {
    let text = essay("questions.rs").join("\n");
    let mut poor = Vec::new();
    for number in 1..=30 {
        let start = format!("\n{number}. **");
        let Some(at) = text.find(&start) else {
            poor.push(format!("{number}: this question is missing"));
            continue;
        };
        let item = &text[at + 1..];
        let end = item.find("\n\n").into_iter();
        let end = end.chain(item.find(&format!("\n{}. **", number + 1))).min();
        let words = item[..end.unwrap_or(item.len())].split_whitespace();
        let item = words.collect::<Vec<_>>().join(" ");
        let Some((question, answer)) = item.split_once("?** ") else {
            poor.push(format!("{number}: asks nothing"));
            continue;
        };
        if !answer.contains('[') {
            poor.push(format!("{question}: no link"));
        }
        // tests/architecture.rs checks that the named test or example exists.
        if !answer.contains("`tests/") && !answer.contains("`examples/") {
            poor.push(format!("{question}: no test and no example"));
        }
    }
    assert!(
        !text.contains("\n31. **"),
        "there are more than thirty questions"
    );
    assert_none("questions without a full answer", &poor);
}

#[test]
fn the_questions_are_one_step_from_the_readme_and_from_the_first_page() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    assert!(readme.contains("](src/questions.rs)"));
    assert!(essay("lib.rs").join("\n").contains("](questions)"));
}

// Names in comments.

/// The words between backticks in the comments of a text.
fn quoted(text: &str) -> Vec<String> {
    let comments: Vec<&str> = text
        .lines()
        .filter_map(|line| line.find("//").map(|at| &line[at..]))
        .map(|line| line.trim_start_matches(['/', '!']).trim())
        .collect();
    let words = comments.join(" ");
    words
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The words of the code of all sources and tests.
fn words_of_the_code() -> &'static BTreeSet<String> {
    static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut words = BTreeSet::new();
        for folder in ["src", "tests", "benches", "examples"] {
            for file in files(&root().join(folder), ".rs") {
                let text = fs::read_to_string(file).expect("a source file is UTF-8");
                let code = blank_comments_and_literals(&text);
                let names = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                words.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
        words
    });
    &WORDS
}

/// In a comment `a_name_as_long_as_this` is a test, and `Type::item` is an item if `Type` is a type of this crate.
#[test]
fn every_item_and_every_test_that_a_comment_names_exists() {
    let code = words_of_the_code();
    let ours: BTreeSet<&str> = the_crate()
        .sources
        .iter()
        .flat_map(|source| {
            let words: Vec<&str> = source.code.split_whitespace().collect();
            let pairs = words.windows(2).map(|pair| (pair[0], pair[1]));
            let types =
                pairs.filter(|(keyword, _)| matches!(*keyword, "struct" | "enum" | "trait"));
            let name = |(_, name): (_, &'static str)| {
                name.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
            };
            types.filter_map(name).collect::<Vec<_>>()
        })
        .collect();
    let mut missing = Vec::new();
    for source in &the_crate().sources {
        for words in quoted(&source.text) {
            let words = words.trim_end_matches("()");
            let is_test = is_name(words) && words.matches('_').count() > 3;
            let item = words
                .split_once("::")
                .filter(|(owner, item)| ours.contains(owner) && is_name(item));
            let name = item.map_or(words, |(_, item)| item);
            if (is_test || item.is_some()) && !code.contains(name) {
                missing.push(format!("src/{}: `{words}`", source.path));
            }
        }
    }
    assert_none("names in comments that do not exist", &missing);
}

/// A guard is named with its file, which tests/architecture.rs looks up, or it is a unit test.
#[test]
fn every_guard_that_is_a_unit_test_exists() {
    let code = words_of_the_code();
    let mut missing = Vec::new();
    for source in &the_crate().sources {
        for (at, words) in source.text.match_indices("Guarded by ") {
            let guard = &source.text[at + words.len()..];
            let end = guard
                .find(|c: char| c.is_whitespace() || c == ',')
                .unwrap_or(guard.len());
            let guard = guard[..end].trim_matches(['.', '`', ',', ')']);
            let is_unit_test = guard.contains("tests::");
            let name = guard.rsplit("::").next().unwrap_or_default();
            if is_unit_test && !code.contains(name) || !is_unit_test && !guard.starts_with("tests/")
            {
                missing.push(format!("src/{}: {guard}", source.path));
            }
        }
    }
    assert_none(
        "unit tests that are named as guards and do not exist",
        &missing,
    );
}

// Files and links.

/// `room/file.rs` in a comment or a text is the path of a file: from the root, from `src`, or from the folder of the text.
#[test]
fn every_file_that_a_comment_names_exists() {
    let mut missing = Vec::new();
    for source in &the_crate().sources {
        let folder = Path::new("src").join(&source.path);
        let folder = folder.parent().expect("a file has a folder").to_owned();
        let own = folder.join(
            Path::new(&source.path)
                .file_stem()
                .expect("a file has a name"),
        );
        for words in quoted(&source.text) {
            let is_path = words.ends_with(".rs") && !words.contains([' ', '*', '<', '(']);
            let homes = [Path::new(""), Path::new("src"), &folder, &own];
            let exists = |home: &&Path| root().join(home).join(&words).exists();
            if is_path && !words.starts_with('.') && !homes.iter().any(exists) {
                missing.push(format!("src/{}: `{words}`", source.path));
            }
        }
    }
    assert_none("files that comments name and that do not exist", &missing);
}

/// The address of the section under a heading.
fn address(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let letters = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    letters.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for file in files(root(), ".md") {
        let text = fs::read_to_string(&file).expect("a text is UTF-8");
        let folder = file.parent().expect("a file has a folder");
        let addresses: BTreeSet<String> = text
            .lines()
            .filter(|l| l.starts_with('#'))
            .map(address)
            .collect();
        for (at, _) in text.match_indices("](") {
            let target = &text[at + 2..];
            let target = &target[..target.find([')', '\n', ' ']).unwrap_or(target.len())];
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            let exists = match target.split_once('#') {
                Some(("", section)) => addresses.contains(section),
                Some((path, _)) => folder.join(path).exists(),
                None => folder.join(target).exists(),
            };
            if !is_elsewhere && !exists {
                broken.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert_none("links in documents that lead nowhere", &broken);
}

/// The path of one read on the first page: each file with its functions, in the order in which they run.
fn path_of_a_read() -> Vec<(String, Vec<String>)> {
    let essay = essay("lib.rs");
    let after = essay
        .iter()
        .skip_while(|line| *line != "## The path of one read");
    let figure = after.skip_while(|line| *line != "```text").skip(1);
    let steps = figure.take_while(|line| *line != "```");
    let step = |line: &String| {
        let (before, functions) = line.split_once(".rs ")?;
        let file = before.split_whitespace().last()?;
        let functions = functions.split(',').map(|name| name.trim().to_owned());
        Some((format!("{file}.rs"), functions.collect()))
    };
    steps.filter_map(step).collect()
}

/// The lines of code of all functions with a body that have this name in the file.
fn lines_of(file: &str, name: &str) -> usize {
    let sources = &the_crate().sources;
    let source = sources.iter().find(|source| source.path == file);
    let source = source.unwrap_or_else(|| panic!("no file {file}"));
    let lines: Vec<&str> = source.code.lines().collect();
    let is_head = |line: &&str| {
        let after = line.split("fn ").nth(1);
        after.and_then(|after| after.split(['(', '<']).next()) == Some(name)
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut sum = 0;
    for (place, head) in lines.iter().enumerate().filter(|(_, line)| is_head(line)) {
        // A declaration without a body ends at a semicolon before any brace opens.
        let rest = &lines[place..];
        let is_declaration = rest.iter().find(|line| line.ends_with([';', '{', '}']));
        if is_declaration.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let is_end =
            |line: &&str| indent(line) == indent(head) && line.trim_start().starts_with('}');
        let length = match head.ends_with('}') {
            true => 0,
            false => rest.iter().position(is_end).expect("an end"),
        };
        sum += rest[..=length]
            .iter()
            .filter(|line| !line.trim().is_empty())
            .count();
    }
    sum
}

#[test]
fn the_path_of_a_read_is_as_short_as_the_first_page_says() {
    let path = path_of_a_read();
    let files: BTreeSet<&String> = path.iter().map(|(file, _)| file).collect();
    assert_eq!(files.len(), 15, "{files:?}");
    let (mut sum, mut seen) = (0, BTreeSet::new());
    for (file, functions) in &path {
        for name in functions.iter().filter(|name| seen.insert((file, *name))) {
            let lines = lines_of(file, name);
            assert!(lines > 0, "{file} has no function {name}");
            println!("{lines:>4} {file} {name}");
            sum += lines;
        }
    }
    assert!((600..800).contains(&sum), "{sum} lines");
}
