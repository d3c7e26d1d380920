//! What an exercise is, and how it is written down.
//!
//! ```text
//! # 4.1 What the reader does, in a line.
//! file src/scheduler/tasks.rs
//! test --test scheduler wake::the_name_of_the_test
//! says words that the failing test prints
//! <<<<
//! the old lines, which stand once in the file
//! ====
//! the new lines
//! >>>>
//! Why it fails.
//! ```
//!
//! Several changes may follow each other. A line `under loom` or `under miri` before the first change names the tool that runs
//! the test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The tool that runs the test.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    #[default]
    Processor,
    /// Tries every order of the threads' steps, also those that this processor never takes. See `src/shim.rs`.
    Loom,
    /// An interpreter that sees undefined behaviour. It needs a nightly toolchain.
    Miri,
}

#[derive(Default)]
pub(crate) struct Exercise {
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) file: String,
    /// What follows `cargo test`.
    pub(crate) test: String,
    pub(crate) tool: Tool,
    pub(crate) says: String,
    /// The old lines and the new lines of each change.
    pub(crate) edits: Vec<(String, String)>,
    pub(crate) why: String,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the exercises are in the repository")
}

/// All exercises, in the order of the chapters.
pub(crate) fn all() -> Vec<Exercise> {
    let folder = root().join("exercises/chapters");
    let entries = fs::read_dir(&folder).expect("a folder with the exercises");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| fs::read_to_string(path).expect("a text"));
    texts.flat_map(|text| parse(&text)).collect()
}

fn parse(text: &str) -> Vec<Exercise> {
    let mut all: Vec<Exercise> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((number, title)) = line.strip_prefix("# ").and_then(|it| it.split_once(' ')) {
            all.push(Exercise {
                number: number.into(),
                title: title.into(),
                ..Exercise::default()
            });
            continue;
        }
        let exercise = all.last_mut().expect("a text begins with a title");
        match line.split_once(' ') {
            _ if line == "<<<<" => {
                let old = lines.by_ref().take_while(|line| *line != "====");
                let old = old.collect::<Vec<_>>().join("\n");
                let new = lines.by_ref().take_while(|line| *line != ">>>>");
                exercise
                    .edits
                    .push((old, new.collect::<Vec<_>>().join("\n")));
            }
            Some(("file", file)) if exercise.edits.is_empty() => exercise.file = file.into(),
            Some(("test", test)) if exercise.edits.is_empty() => exercise.test = test.into(),
            Some(("under", "loom")) if exercise.edits.is_empty() => exercise.tool = Tool::Loom,
            Some(("under", "miri")) if exercise.edits.is_empty() => exercise.tool = Tool::Miri,
            Some(("says", says)) if exercise.edits.is_empty() => exercise.says = says.into(),
            _ => {
                exercise.why.push_str(line);
                exercise.why.push('\n');
            }
        }
    }
    for exercise in &mut all {
        exercise.why = exercise.why.trim().into();
    }
    all
}

/// The tests of the exercises, by the tool that runs them and by the program that they are in.
pub(crate) fn tests_by_target<'a>(
    exercises: &[&'a Exercise],
) -> BTreeMap<(Tool, &'a str), Vec<&'a str>> {
    let mut tests: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for exercise in exercises {
        let (target, name) = exercise.target_and_name();
        let key = (exercise.tool, target);
        tests.entry(key).or_default().push(name);
    }
    tests
}

/// The arguments that build these programs. Each program is a tool and a target of [`tests_by_target`]. One command builds all
/// programs of a package, side by side.
pub(crate) fn builds<'a>(
    programs: impl Iterator<Item = &'a (Tool, &'a str)>,
) -> BTreeMap<(Tool, &'a str), String> {
    let mut builds = BTreeMap::new();
    for &(tool, target) in programs {
        // `--package NAME`, and the rest with a space before it.
        let (space, _) = target.match_indices(' ').nth(1).expect("a package");
        let (package, program) = target.split_at(space);
        let targets: &mut String = builds
            .entry((tool, package))
            .or_insert_with(|| package.into());
        targets.push_str(program);
    }
    builds
}

impl Tool {
    /// The command, without the name of the test.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Tool::Processor => "cargo test",
            Tool::Loom => "RUSTFLAGS='--cfg loom' LOOM_MAX_PREEMPTIONS=2 cargo test",
            Tool::Miri => "MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test",
        }
    }
}

impl Exercise {
    pub(crate) fn target_and_name(&self) -> (&str, &str) {
        self.test.rsplit_once(' ').expect("a target and a name")
    }

    /// The file with the change in it.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let mut changed = text.to_owned();
        for (old, new) in &self.edits {
            let count = text.matches(old.as_str()).count();
            if count != 1 {
                let Self { number, file, .. } = self;
                return Err(format!(
                    "{number}: {file} has these lines {count} times, and must have them once:\n{old}"
                ));
            }
            changed = changed.replace(old, new);
        }
        Ok(changed)
    }

    pub(crate) fn diff(&self) -> String {
        let mut diff = format!("--- {}\n", self.file);
        for (old, new) in &self.edits {
            for (sign, text) in [('-', old), ('+', new)] {
                for line in text.lines() {
                    let _ = writeln!(diff, "{sign}{line}");
                }
            }
        }
        diff
    }

    /// The message of the failure: a few lines, from the first panic or from the watchdog's message on.
    pub(crate) fn excerpt(&self, output: &str) -> String {
        let lines: Vec<&str> = output.lines().collect();
        let is_here = |line: &&str| line.contains("panicked at") || line.contains(&self.says);
        let start = lines.iter().position(is_here).unwrap_or(0);
        // loom panics again while it cleans up, and that says nothing.
        let most = if self.tool == Tool::Loom { 2 } else { 8 };
        let is_noise = |line: &&&str| line.is_empty() || line.starts_with("note:");
        let excerpt = lines[start..]
            .iter()
            .take_while(|line| **line != "failures:");
        let excerpt = excerpt.filter(|line| !is_noise(line)).take(most);
        let excerpt = excerpt.map(|line| format!("    {line}"));
        excerpt.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_change_applies_exactly_once() {
        for exercise in all() {
            let text = fs::read_to_string(root().join(&exercise.file)).expect(&exercise.file);
            if let Err(problem) = exercise.apply(&text) {
                panic!("{problem}");
            }
            assert!(
                !exercise.edits.is_empty() && !exercise.says.is_empty() && !exercise.why.is_empty()
            );
        }
    }

    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, texts);
            } else if path.extension().is_some_and(|it| it == "rs") {
                texts.push(fs::read_to_string(path).expect("a source"));
            }
        }
    }

    #[test]
    fn the_chapters_cite_the_exercises_that_there_are() {
        let mut texts = Vec::new();
        sources(&root().join("src"), &mut texts);
        let command = "`cargo run -p exercises -- ";
        let cited = texts.iter().flat_map(|text| {
            text.match_indices(command).filter_map(|(at, _)| {
                let rest = &text[at + command.len()..];
                rest.split_once('`').map(|(number, _)| number.to_owned())
            })
        });
        let cited: BTreeSet<String> = cited.collect();
        let there: BTreeSet<String> = all().into_iter().map(|it| it.number).collect();
        assert_eq!(
            cited, there,
            "left: cited in src, right: in exercises/chapters"
        );
    }
}
