//! Of what are the bytes of a program?

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use object::elf::FileHeader64;
use object::read::elf::ElfFile;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Kinds of bytes, each with the sections that hold them.
const KINDS: [(&str, &[&str]); 3] = [
    (
        "tables for unwinding",
        &[".eh_frame", ".eh_frame_hdr", ".gcc_except_table"],
    ),
    (
        "addresses, and what the loader needs to fill them in",
        &[".rela.dyn", ".data.rel.ro", ".got"],
    ),
    ("constants and texts", &[".rodata", ".data"]),
];

/// The bytes of each part of the program: of the code by its place, of everything else by its kind.
pub fn of(program: &Path) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let bytes = fs::read(program)?;
    let program = ElfFile::<FileHeader64<Endianness>>::parse(&*bytes)?;
    let mut parts = BTreeMap::new();
    for (kind, sections) in KINDS {
        let sizes = sections
            .iter()
            .filter_map(|name| program.section_by_name(name));
        parts.insert(kind.to_owned(), sizes.map(|section| section.size()).sum());
    }
    // A function that several crates have alike may have several names at one address.
    let functions: BTreeMap<u64, _> = program
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| (symbol.address(), symbol))
        .collect();
    for symbol in functions.values() {
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
        *parts.entry(place(&name)).or_default() += symbol.size();
    }
    Ok(parts)
}

/// Where a function is from: the room of the loop that its name or its types tell of, or another crate.
fn place(name: &str) -> String {
    let Some((_, behind)) = name.split_once("roundelay::") else {
        return "code of the standard library and of mio".to_owned();
    };
    let room = behind
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .next();
    format!("code: {}", room.unwrap_or("the first page"))
}
