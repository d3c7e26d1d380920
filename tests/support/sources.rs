//! Reads the crate's own sources. It knows just enough of Rust's grammar to see the imports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// The path from `src`, as in `scheduler/mod.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments, literals and unit tests. The numbers of the lines stay the same.
    pub(crate) code: String,
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("a source file is UTF-8");
        let code = without_unit_tests(&blank_comments_and_literals(&text));
        let path = file.strip_prefix(root).expect("below the root");
        Self {
            path: path.to_string_lossy().replace('\\', "/"),
            text,
            code,
        }
    }

    /// The module's path: `scheduler/mod.rs` and `scheduler.rs` are `["scheduler"]`.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" {
            return Vec::new();
        }
        path.split('/').map(str::to_owned).collect()
    }
}

/// All files below `folder` with that ending, in order, without the files that cargo builds.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.expect("an entry").path())
            .collect(),
        Err(_) => return found,
    };
    entries.sort();
    for entry in entries {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&entry, ending));
        } else if name.ends_with(ending) {
            found.push(entry);
        }
    }
    found
}

/// The crate, as modules that import each other.
pub(crate) struct Crate {
    pub(crate) sources: Vec<Source>,
    by_module: BTreeMap<Vec<String>, usize>,
    /// For `(module, name)`: the path from which a `pub use` in this module takes the name.
    signposts: BTreeMap<(Vec<String>, String), Vec<String>>,
}

/// An import: one file needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: String,
    pub(crate) to: String,
    /// The words of the source.
    pub(crate) words: String,
}

impl Crate {
    /// The library, without the files that are unit tests as a whole.
    pub(crate) fn read(root: &Path) -> Self {
        let folder = root.join("src");
        let sources: Vec<Source> = files(&folder, ".rs")
            .iter()
            .map(|file| Source::read(&folder, file))
            .filter(|source| {
                !["/tests.rs", "/interleavings.rs"]
                    .iter()
                    .any(|end| source.path.ends_with(end))
            })
            .collect();
        let by_module = sources
            .iter()
            .enumerate()
            .map(|(index, source)| (source.module(), index))
            .collect();
        let mut read = Self {
            sources,
            by_module,
            signposts: BTreeMap::new(),
        };
        read.signposts = read.read_signposts();
        read
    }

    fn read_signposts(&self) -> BTreeMap<(Vec<String>, String), Vec<String>> {
        let mut signposts = BTreeMap::new();
        for source in &self.sources {
            let module = source.module();
            for (is_public, path) in uses(&source.code) {
                let Some(target) = self.absolute(&module, &path) else {
                    continue;
                };
                if is_public && target.last().is_some_and(|name| name != "*") {
                    let name = target.last().expect("not empty").clone();
                    signposts.insert((module.clone(), name), target);
                }
            }
        }
        signposts
    }

    /// All imports. A `pub use` is only a signpost and imports nothing. A file that uses it imports what it points to.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for source in &self.sources {
            let module = source.module();
            let uses = uses(&source.code);
            let absolute = |path: &Vec<String>| self.absolute(&module, path);
            // `use crate::task::cell;` imports nothing yet, but then `cell::new` is a path into that file.
            let aliases: BTreeMap<String, Vec<String>> = uses
                .iter()
                .filter_map(|(_, path)| absolute(path))
                .filter(|target| self.by_module.contains_key(target))
                .map(|target| (target.last().cloned().unwrap_or_default(), target))
                .collect();
            let private = uses.into_iter().filter(|(is_public, _)| !is_public);
            for mut path in private.map(|(_, path)| path).chain(paths(&source.code)) {
                if let Some(alias) = aliases.get(&path[0]) {
                    let alias = std::iter::once("crate".to_owned()).chain(alias.iter().cloned());
                    path.splice(0..1, alias);
                }
                let Some(target) = absolute(&path) else {
                    continue;
                };
                let to = &self.sources[self.home(&target)].path;
                if *to != source.path && !self.by_module.contains_key(&target) {
                    imports.push(Import {
                        from: source.path.clone(),
                        to: to.clone(),
                        words: path.join("::"),
                    });
                }
            }
        }
        imports.sort();
        imports.dedup();
        imports
    }

    /// The path from the crate's root, if it is a path into the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path[0].as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            child => {
                base.push(child.to_owned());
                if !self.by_module.contains_key(&base) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The file that has the end of the path.
    fn home(&self, path: &[String]) -> usize {
        let mut module = Vec::new();
        for (index, part) in path.iter().enumerate() {
            let mut deeper = module.clone();
            deeper.push(part.clone());
            if self.by_module.contains_key(&deeper) {
                module = deeper;
                continue;
            }
            if let Some(target) = self.signposts.get(&(module.clone(), part.clone())) {
                let mut target = target.clone();
                target.extend_from_slice(&path[index + 1..]);
                return self.home(&target);
            }
            break;
        }
        self.by_module[&module]
    }
}

/// The paths of every `use`, each with whether it is a `pub use`.
fn uses(code: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("use ") {
        let before = code[..start].trim_end();
        let starts_item = before.is_empty() || before.ends_with([';', '}', '{', ']', ')']);
        let is_public = before.ends_with("pub")
            || before.ends_with("pub(crate)")
            || before.ends_with("pub(super)");
        if !(starts_item || is_public) || code[..start].ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let Some(end) = code[start..].find(';') else {
            continue;
        };
        for path in flatten(&code[start + 4..start + end]) {
            found.push((is_public, path));
        }
    }
    found
}

/// The single paths of a `use`: `a::{b, c::d as e}` gives `a::b` and `a::c::d`.
fn flatten(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        let mut path: Vec<String> = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        return vec![path];
    };
    let stem = flatten(tree[..open].trim_end().trim_end_matches("::")).remove(0);
    let inside = &tree[open + 1..tree.rfind('}').expect("a closed brace")];
    let mut depth = 0;
    let branches = inside.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    branches
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(flatten)
        .map(|branch| {
            let mut path = stem.clone();
            path.extend(branch.into_iter().filter(|part| part != "self"));
            path
        })
        .collect()
}

/// The paths in the code itself: `crate::a::b`, `super::a`, and `a::b` if `a` is a module inside this one.
fn paths(code: &str) -> Vec<Vec<String>> {
    let without_uses: String = code
        .split_inclusive(';')
        .filter(|item| !is_use(item))
        .collect();
    let word = |c: char| c.is_alphanumeric() || "_:!".contains(c);
    without_uses
        .split(|c: char| !word(c))
        // An exported macro is at the root, wherever it is written, so it is no import.
        .filter(|path| path.contains("::") && !path.starts_with(':') && !path.ends_with('!'))
        .map(|path| path.trim_start_matches('!'))
        .map(|path| {
            path.split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .filter(|path: &Vec<String>| !path.is_empty() && path[0] != "self")
        .collect()
}

fn is_use(item: &str) -> bool {
    let last = item.rfind("use ").map_or("", |at| &item[at..]);
    let before = item[..item.len() - last.len()].trim_end();
    !last.is_empty()
        && (before.is_empty() || before.ends_with(['}', '{', ']', ')']) || before.ends_with("pub"))
}

/// Overwrites comments, strings and characters with blanks, so that only code is left.
pub(crate) fn blank_comments_and_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => find(bytes, at, b"*/") + 2,
            b'r' if is_raw_string(bytes, at) => end_of_raw_string(bytes, at),
            b'"' => end_of_string(bytes, at),
            b'\'' => end_of_character(bytes, at),
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut code[at..end.min(bytes.len())] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    bytes[from..]
        .windows(what.len())
        .position(|window| window == what)
        .map_or(bytes.len(), |found| from + found)
}

fn is_raw_string(bytes: &[u8], at: usize) -> bool {
    let is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let hashes = bytes[at + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    !is_word && bytes.get(at + 1 + hashes) == Some(&b'"')
}

fn end_of_raw_string(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    find(bytes, at + 2 + hashes, &close) + close.len()
}

fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += 1 + usize::from(bytes[end] == b'\\');
    }
    end + 1
}

/// The end of the character that begins at `at`. A lifetime, `'a` without a second quote, is no character.
fn end_of_character(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'\\') => find(bytes, at + 3, b"'") + 1,
        Some(byte) if byte.is_ascii() => {
            if bytes.get(at + 2) == Some(&b'\'') {
                at + 3
            } else {
                at + 1
            }
        }
        _ => find(bytes, at + 1, b"'") + 1,
    }
}

/// Overwrites `#[cfg(test)] mod tests { .. }` with blanks.
fn without_unit_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = end_of_item(&code, start);
        let blank: String = code[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// The end of the item that begins at `start`: its `;`, or the brace that closes its first brace.
pub(crate) fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + at + 1,
            _ => continue,
        }
        if c == '}' && depth == 0 {
            return start + at + 1;
        }
    }
    code.len()
}
