//! What does it cost to have the runtime in a program: crates in the tree, time to compile them, size of the smallest program?
//!
//! Each runtime has a program that says hello from a task, in a folder of its own, with the features that the rows of this
//! suite need. It is built from nothing in release mode, stripped, with the versions of this workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use crate::results::{Figures, root};

struct Hello {
    peer: &'static str,
    dependency: &'static str,
    main: &'static str,
}

const TOKIO: &str = r#"tokio = { version = "1.54", features = ["io-util", "net", "rt", "time"] }"#;

const HELLOS: &[Hello] = &[
    Hello {
        peer: "roundelay",
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
    for hello in HELLOS.iter().filter(|hello| peers.contains(&hello.peer)) {
        eprintln!("building {}", hello.peer);
        figures.insert(hello.peer.to_string(), build(hello)?);
    }
    Ok(figures)
}

fn build(hello: &Hello) -> Result<Figures, Box<dyn Error>> {
    let root = root().canonicalize()?;
    let folder = root
        .join("target/compare/hello")
        .join(hello.peer.replace(' ', "-"));
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
    let tree = cargo(
        &folder,
        &[
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--no-dedupe",
        ],
    )?;
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let crates: BTreeSet<_> = tree
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("hello "))
        .collect();
    let start = Instant::now();
    cargo(&folder, &["build", "--release"])?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = fs::metadata(folder.join("target/release/hello"))?.len();
    fs::remove_dir_all(&folder)?;
    Ok(Figures::from([
        ("crates".into(), vec![crates.len() as f64]),
        ("seconds".into(), vec![(seconds * 10.0).round() / 10.0]),
        ("bytes".into(), vec![bytes as f64]),
    ]))
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
