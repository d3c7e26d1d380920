//! What does it cost to have the runtime in a program: crates in the tree, time to compile them, size of the smallest program?
//!
//! Each runtime has a program that says hello from a task, in a folder of its own, with the features that the rows of this
//! suite need. It is built from nothing in release mode, stripped, with the versions of this workspace, three times. A program
//! that says hello without a runtime shows what the language itself takes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

mod parts;

use crate::results::{Figures, root};

struct Hello {
    peer: &'static str,
    dependency: &'static str,
    main: &'static str,
}

const TOKIO: &str = r#"tokio = { version = "1.54", features = ["io-util", "net", "rt", "time"] }"#;

/// The program without a runtime.
pub const NONE: &str = "none";

/// Before the name of a part of our program, beside which stand the bytes that it adds to the program without a runtime.
pub const PART: &str = "part: ";

/// Before the name of a setting of the program's own manifest, beside which stands how large our program is with it.
pub const SETTING: &str = "setting: ";

/// Settings, each with how cargo is told of it.
const SETTINGS: [(&str, &str); 3] = [
    ("codegen-units = 1", "profile.release.codegen-units=1"),
    ("panic = \"abort\"", "profile.release.panic=\"abort\""),
    ("lto = \"fat\"", "profile.release.lto=\"fat\""),
];

const OURS: &str = "roundelay";
const REPETITIONS: usize = 3;

const HELLOS: &[Hello] = &[
    Hello {
        peer: NONE,
        dependency: "",
        main: r#"fn main() { println!("hello") }"#,
    },
    Hello {
        peer: OURS,
        dependency: r#"roundelay = { path = "@ROOT@" }"#,
        main: r#"fn main() { roundelay::run(async { roundelay::spawn(async { println!("hello") }).await.unwrap() }) }"#,
    },
    Hello {
        peer: "tokio LocalRuntime",
        dependency: TOKIO,
        main: r#"fn main() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
            runtime.block_on(async { tokio::task::spawn_local(async { println!("hello") }).await.unwrap() }) }"#,
    },
    Hello {
        peer: "smol",
        dependency: r#"smol = "2""#,
        main: r#"fn main() {
            let executor = smol::LocalExecutor::new();
            smol::block_on(executor.run(executor.spawn(async { println!("hello") }))) }"#,
    },
    Hello {
        peer: "monoio epoll",
        dependency: r#"monoio = { version = "0.2.4", features = ["sync"] }"#,
        main: r#"fn main() {
            let mut runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().enable_all().build().unwrap();
            runtime.block_on(async { monoio::spawn(async { println!("hello") }).await }) }"#,
    },
    Hello {
        peer: "glommio",
        dependency: r#"glommio = "0.9""#,
        main: r#"fn main() {
            let executor = glommio::LocalExecutorBuilder::new(glommio::Placement::Unbound).make().unwrap();
            executor.run(async { glommio::spawn_local(async { println!("hello") }).await }) }"#,
    },
    Hello {
        peer: "compio",
        dependency: r#"compio = { version = "0.19", features = ["io", "net", "time"] }"#,
        main: r#"fn main() {
            let runtime = compio::runtime::Runtime::new().unwrap();
            runtime.block_on(async { compio::runtime::spawn(async { println!("hello") }).await.ok(); }) }"#,
    },
    Hello {
        peer: "futures LocalPool",
        dependency: r#"futures = "0.3""#,
        main: r#"fn main() {
            use futures::task::LocalSpawnExt;
            let mut pool = futures::executor::LocalPool::new();
            let handle = pool.spawner().spawn_local_with_handle(async { println!("hello") }).unwrap();
            pool.run_until(handle) }"#,
    },
];

pub fn measure(peers: &[&str]) -> Result<BTreeMap<String, Figures>, Box<dyn Error>> {
    let mut figures = BTreeMap::new();
    let is_wanted = |hello: &&Hello| hello.peer == NONE || peers.contains(&hello.peer);
    let hellos: Vec<_> = HELLOS.iter().filter(is_wanted).collect();
    for hello in &hellos {
        lay_out(hello)?;
    }
    for number in 1..=REPETITIONS {
        for hello in &hellos {
            eprintln!("building {}, {number} of {REPETITIONS}", hello.peer);
            let seconds = build(hello, "profile.release.strip=true")?;
            let figures: &mut Figures = figures.entry(hello.peer.to_owned()).or_default();
            figures
                .entry("seconds".into())
                .or_default()
                .push((seconds * 10.0).round() / 10.0);
        }
    }
    for hello in &hellos {
        let figures = figures.entry(hello.peer.to_owned()).or_default();
        figures.insert("bytes".into(), vec![bytes_of(hello)?]);
        figures.insert("crates".into(), vec![crates(hello)? as f64]);
        if hello.peer == OURS {
            figures.extend(parts_of(hello)?);
            for (name, setting) in SETTINGS {
                build(hello, setting)?;
                figures.insert(format!("{SETTING}{name}"), vec![bytes_of(hello)?]);
            }
        }
        fs::remove_dir_all(folder(hello)?)?;
    }
    Ok(figures)
}

fn folder(hello: &Hello) -> Result<PathBuf, Box<dyn Error>> {
    let hellos = root().canonicalize()?.join("target/compare/hello");
    Ok(hellos.join(hello.peer.replace(' ', "-")))
}

fn lay_out(hello: &Hello) -> Result<(), Box<dyn Error>> {
    let (root, folder) = (root().canonicalize()?, folder(hello)?);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src"))?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    fs::write(folder.join("src/main.rs"), hello.main)?;
    let dependency = hello
        .dependency
        .replace("@ROOT@", &root.display().to_string());
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[profile.release]\nstrip = true\n\
         [dependencies]\n{dependency}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    cargo(&folder, &["fetch"])?;
    Ok(())
}

/// Builds it from nothing, with one more setting. Returns how many seconds that took.
fn build(hello: &Hello, setting: &str) -> Result<f64, Box<dyn Error>> {
    let folder = folder(hello)?;
    let _ = fs::remove_dir_all(folder.join("target"));
    let start = Instant::now();
    cargo(&folder, &["build", "--release", "--config", setting])?;
    Ok(start.elapsed().as_secs_f64())
}

fn bytes_of(hello: &Hello) -> Result<f64, Box<dyn Error>> {
    let program = folder(hello)?.join("target/release/hello");
    Ok(fs::metadata(program)?.len() as f64)
}

fn crates(hello: &Hello) -> Result<usize, Box<dyn Error>> {
    let words = [
        "tree",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--no-dedupe",
    ];
    let tree = cargo(&folder(hello)?, &words)?;
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let is_crate = |line: &&str| !line.is_empty() && !line.starts_with("hello ");
    Ok(tree.lines().filter(is_crate).collect::<BTreeSet<_>>().len())
}

/// The parts of a program, each with the bytes that it has more there than the program without a runtime.
fn parts_of(hello: &Hello) -> Result<Figures, Box<dyn Error>> {
    let parts = |hello: &Hello| {
        build(hello, "profile.release.strip=false")?;
        parts::of(&folder(hello)?.join("target/release/hello"))
    };
    lay_out(&HELLOS[0])?;
    let without = parts(&HELLOS[0])?;
    fs::remove_dir_all(folder(&HELLOS[0])?)?;
    let more = parts(hello)?.into_iter().map(|(part, bytes)| {
        let more = bytes as f64 - without.get(&part).copied().unwrap_or(0) as f64;
        (format!("{PART}{part}"), vec![more])
    });
    Ok(more.collect())
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "cargo {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(output)
}
