//! How many instructions, system calls and allocations does each operation take? These do not depend on how fast or how
//! busy a machine is, so they can be compared from one change to the next, and a bound can be set on them.
//!
//! *How*: an operation is run `n` times in one process and `2 n` times in another, and the difference is divided by `n`. So
//! the cost of the start and the end is not in the figure. callgrind counts the instructions, strace the system calls, and an
//! allocator of this program the allocations.
//!
//! *What would prove us wrong*: a figure above its bound in `benches/bounds.toml`. Then this program fails, and so does CI.
//! `cargo bench --bench counters` compares; `-- --record` writes new bounds, for instructions four per cent above the count.
//! Another compiler may give other counts, so the file of the bounds names its compiler.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[path = "counters/floor.rs"]
mod floor;
#[path = "counters/operations.rs"]
mod operations;

use operations::OPERATIONS;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

// ORDERING: relaxed. It is a sum that is read while no thread allocates.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes each call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller promises what the call needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller promises what the call needs.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Begins the name of a step in `counters/floor.rs`.
const FLOOR: &str = "floor-";
/// The argument that makes a process print its allocations.
const ALLOCATIONS_OF: &str = "allocations-of";
/// Far below one instruction, system call or allocation for each operation.
const NOISE: f64 = 0.05;
const MARGIN: f64 = 1.04;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["client", address, count] => {
            operations::client(address, count.parse().expect("a number")).map_err(Into::into)
        }
        ["run", name, count] => run(name, count),
        [ALLOCATIONS_OF, name, count] => {
            run(name, count).map(|()| println!("{}", ALLOCATIONS.load(Relaxed)))
        }
        // `cargo test --all-targets` starts benches too, without this argument.
        _ if !env::args().any(|argument| argument == "--bench") => {
            println!("counts only in `cargo bench`");
            Ok(())
        }
        ["--record"] => record(),
        ["--floor"] => show_floor(),
        _ => compare(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;
/// Operation and counter, and the figure for one operation.
type Figures = BTreeMap<String, f64>;

fn run(name: &str, count: &str) -> Result<()> {
    if let Some(step) = name.strip_prefix(FLOOR) {
        let (_, run) = floor::STEPS[step.parse::<usize>()?];
        run(count.parse()?);
        return Ok(());
    }
    let operation = OPERATIONS
        .iter()
        .find(|operation| operation.name == name)
        .ok_or("no such operation")?;
    (operation.run)(count.parse()?);
    Ok(())
}

#[derive(Clone, Copy)]
struct Counter {
    name: &'static str,
    count: fn(&str, usize) -> Result<f64>,
    times: usize,
}

const COUNTERS: [Counter; 3] = [
    Counter {
        name: "instructions",
        count: instructions,
        times: 2_000,
    },
    Counter {
        name: "syscalls",
        count: syscalls,
        times: 1_000,
    },
    Counter {
        name: "allocations",
        count: allocations,
        times: 10_000,
    },
];

fn measure() -> Figures {
    let mut figures = Figures::new();
    for counter in COUNTERS {
        // How often a server polls depends on its client too, so its instructions vary. It never makes more system calls.
        let is_steady = |name: &str| counter.name != "instructions" || name != "echo";
        for operation in OPERATIONS
            .iter()
            .filter(|operation| is_steady(operation.name))
        {
            match each(counter, operation.name) {
                Ok(figure) => {
                    figures.insert(format!("{}.{}", operation.name, counter.name), figure);
                }
                Err(error) => eprintln!(
                    "NOT CHECKED: {} of `{}`: {error}",
                    counter.name, operation.name
                ),
            }
        }
    }
    figures
}

fn each(counter: Counter, operation: &str) -> Result<f64> {
    let once = (counter.count)(operation, counter.times)?;
    let twice = (counter.count)(operation, 2 * counter.times)?;
    let each = (twice - once) / counter.times as f64;
    Ok((each.max(0.0) * 100.0).round() / 100.0)
}

fn compare() -> Result<()> {
    let bounds = read_bounds()?;
    let mut exceeded = 0;
    println!(
        "{:<34}{:>12}{:>12}",
        "for one operation", "counted", "bound"
    );
    for (name, figure) in measure() {
        let bound = bounds.get(&name);
        let is_exceeded = bound.is_none_or(|bound| figure > bound + NOISE);
        exceeded += usize::from(is_exceeded);
        let bound = bound.map_or("none".into(), |bound| format!("{bound:.2}"));
        println!(
            "{name:<34}{figure:>12.2}{bound:>12}{}",
            if is_exceeded { "  GROWN" } else { "" }
        );
    }
    match exceeded {
        0 => Ok(()),
        count => Err(format!(
            "{count} above the bounds in benches/bounds.toml; if it is worth it, record them anew"
        )
        .into()),
    }
}

/// The price of each promise, as `counters/floor.rs` tells it.
fn show_floor() -> Result<()> {
    let [counter, ..] = COUNTERS;
    let count = |operation: &str| each(counter, operation);
    for (step, (what, _)) in floor::STEPS.iter().enumerate() {
        println!("{:>8.0}  {what}", count(&format!("{FLOOR}{step}"))?);
    }
    println!(
        "{:>8.0}  this crate: echo_among_50",
        count("echo_among_50")?
    );
    Ok(())
}

fn record() -> Result<()> {
    let compiler = Command::new("rustc").arg("--version").output()?;
    let mut text = format!(
        "# The most that one operation may take; compared by `cargo bench --bench counters`, written by\n\
         # `cargo bench --bench counters -- --record`, instructions four per cent above what was counted.\n# {}\n",
        String::from_utf8_lossy(&compiler.stdout).trim()
    );
    let mut group = String::new();
    for (name, figure) in measure() {
        let (operation, counter) = name.split_once('.').expect("two words");
        if group != operation {
            text += &format!("\n[{operation}]\n");
            group = operation.to_string();
        }
        let bound = match counter {
            "instructions" => (figure * MARGIN).ceil(),
            // A client that is quick sometimes saves the server a look.
            _ if figure > 1.0 => figure.ceil(),
            _ => figure,
        };
        text += &format!("{counter} = {bound} # {figure}\n");
    }
    fs::write(bounds_file(), text)?;
    Ok(())
}

fn bounds_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bounds.toml")
}

/// Reads the part of TOML that the file needs: headings, numbers and comments.
fn read_bounds() -> Result<Figures> {
    let (mut bounds, mut group) = (Figures::new(), String::new());
    for line in fs::read_to_string(bounds_file())?.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            group = name.to_string();
        } else if let Some((name, bound)) = line.split_once('=') {
            bounds.insert(format!("{group}.{}", name.trim()), bound.trim().parse()?);
        }
    }
    Ok(bounds)
}

// The three counters. Each runs an operation `count` times in a process of its own.

fn instructions(operation: &str, count: usize) -> Result<f64> {
    let tool = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ];
    let said = watched(&tool, operation, count)?;
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    Ok(line
        .ok_or("callgrind has not said how many")?
        .1
        .trim()
        .parse()?)
}

/// Counts the system calls of the loop's thread only.
fn syscalls(operation: &str, count: usize) -> Result<f64> {
    let said = watched(&["strace", "-c", "-U", "calls,name"], operation, count)?;
    let total = said.lines().find(|line| line.trim_end().ends_with("total"));
    let total = total.and_then(|line| line.split_whitespace().next());
    Ok(total.ok_or("strace has not said how many")?.parse()?)
}

fn allocations(operation: &str, count: usize) -> Result<f64> {
    let output = limited(&[], [ALLOCATIONS_OF, operation, &count.to_string()])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

fn watched(tool: &[&str], operation: &str, count: usize) -> Result<String> {
    let output = limited(tool, ["run", operation, &count.to_string()])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{} has failed: {said}", tool[0]).into()),
    }
}

/// Far more than callgrind takes on a busy machine.
const SECONDS: &str = "300";
/// The exit code of `timeout` when it had to end the process.
const TIMED_OUT: i32 = 124;

/// Runs this program under a tool, in a process of its own. A missing tool is only an error, but if the operation hangs, this
/// program ends too.
fn limited(tool: &[&str], arguments: [&str; 3]) -> Result<Output> {
    let output = Command::new("timeout")
        .arg(SECONDS)
        .args(tool)
        .arg(env::current_exe()?)
        .args(arguments)
        .output()
        .map_err(|error| format!("timeout: {error}"))?;
    if output.status.code() == Some(TIMED_OUT) {
        let [what, operation, count] = arguments;
        eprintln!(
            "watchdog: `{what} {operation} {count}` under {tool:?} still runs after {SECONDS} s: it hangs"
        );
        process::exit(1);
    }
    Ok(output)
}
