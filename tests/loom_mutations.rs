//! Do the explorations of `src/shim.rs` find errors? Each mutation here breaks one line of a copy
//! of the sources, as a plausible first version might have it. Then a test must fail in some order
//! of the threads' steps.
//!
//! ```text
//! cargo test --test loom_mutations -- --ignored --nocapture
//! ```
//!
//! It compiles the crate once for each mutation, which takes about ten seconds. `.ci/run` runs it in
//! the step `loom`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file, and for each edit the lines that stand there exactly once, and the lines that replace them.
struct Mutation {
    says: &'static str,
    file: &'static str,
    edits: &'static [(&'static str, &'static str)],
}

const fn word(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/inbox/word.rs",
        edits,
    }
}

const fn shared(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/inbox/shared.rs",
        edits,
    }
}

const fn inbox(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/inbox/mod.rs",
        edits,
    }
}

const fn pool(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/offload/pool.rs",
        edits,
    }
}

const fn account(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/offload/shared.rs",
        edits,
    }
}

const fn worker(says: &'static str, edits: &'static [(&'static str, &'static str)]) -> Mutation {
    Mutation {
        says,
        file: "src/offload/worker.rs",
        edits,
    }
}

const MUTATIONS: &[Mutation] = &[
    word(
        "a wake that puts its number there does not publish what was written before",
        &[(
            ".compare_exchange(instead_of, number, SeqCst, SeqCst)",
            ".compare_exchange(instead_of, number, std::sync::atomic::Ordering::Relaxed, std::sync::atomic::Ordering::Relaxed)",
        )],
    ),
    word(
        "the loop takes the number, and does not see what was written before",
        &[
            (
                "self.0.load(SeqCst) >= NOTIFIED",
                "self.0.load(std::sync::atomic::Ordering::Relaxed) >= NOTIFIED",
            ),
            (
                "number(self.0.swap(AWAKE, SeqCst))",
                "number(self.0.swap(AWAKE, std::sync::atomic::Ordering::Relaxed))",
            ),
        ],
    ),
    inbox(
        "the queue is emptied before the notice is taken down",
        &[(
            "            match self.shared.word.take() {",
            "            std::mem::swap(&mut lock(&self.shared.queue).notes, &mut taken);
            match self.shared.word.take() {
                None => {}",
        )],
    ),
    word(
        "parks by a load and a store",
        &[(
            ".compare_exchange(AWAKE, PARKED, SeqCst, SeqCst)\n            .is_ok()",
            ".load(SeqCst) == AWAKE && { self.0.store(PARKED, SeqCst); true }",
        )],
    ),
    word(
        "parks by a swap, and loses what was there",
        &[(
            ".compare_exchange(AWAKE, PARKED, SeqCst, SeqCst)\n            .is_ok()",
            ".swap(PARKED, SeqCst) == AWAKE",
        )],
    ),
    word(
        "wakes up by a store, which overwrites what came meanwhile",
        &[(
            "let _ = self.0.compare_exchange(PARKED, AWAKE, SeqCst, SeqCst);",
            "self.0.store(AWAKE, SeqCst);",
        )],
    ),
    word(
        "never says that it is awake again",
        &[(
            "let _ = self.0.compare_exchange(PARKED, AWAKE, SeqCst, SeqCst);",
            "let _ = self.0.load(SeqCst);",
        )],
    ),
    shared(
        "puts up the notice before it has the lock",
        &[(
            "                let mut queue = lock(&self.queue);\n                if queue.post_queue.is_some() && self.push(&mut queue, Note::Wake(number)) {\n                    drop(queue);\n                    self.ring();\n                }\n",
            "                let before = self.word.announce();
                let mut queue = lock(&self.queue);
                if let Some(number) = before.wake {
                    queue.push(Note::Wake(number));
                }
                queue.push(Note::Wake(number));
                drop(queue);
                if before.is_parked {
                    self.ring();
                }
",
        )],
    ),
    shared(
        "a number that a second notice replaces is forgotten",
        &[(
            "        if let Some(number) = before.wake {\n            queue.push(Note::Wake(number));\n        }\n",
            "",
        )],
    ),
    shared(
        "a wake of a loop that sleeps does not ring",
        &[("Put::Ring => self.ring(),", "Put::Ring => {}")],
    ),
    shared(
        "a push at a loop that sleeps does not ring",
        &[("        before.is_parked\n", "        false\n")],
    ),
    shared(
        "every push rings",
        &[("        before.is_parked\n", "        true\n")],
    ),
    Mutation {
        says: "an inbox that is recycled is open to the posts of its last loop",
        file: "src/inbox/queue.rs",
        edits: &[("self.generation += 1;", "")],
    },
    Mutation {
        says: "a post that waits when the loop ends is left in the inbox",
        file: "src/inbox/queue.rs",
        edits: &[("taken.push_back(note);", "drop(note);")],
    },
    inbox(
        "the index may be given out before the word is closed",
        &[(
            "        self.shared.bell.take_down();",
            "        table::give_back(self.shared);\n        self.shared.bell.take_down();",
        )],
    ),
    inbox(
        "a host that waits for its descriptor is not told of a note that is there already",
        &[(
            "if !self.park() {\n            self.shared.ring();\n        }",
            "let _ = self.park();",
        )],
    ),
    worker(
        "a worker says that it is idle after the lock was released",
        &[(
            "        state.lie_down(self.me, thread);\n",
            "        drop(state);\n        let mut state = self.shared.lock();\n        state.lie_down(self.me, thread);\n",
        )],
    ),
    account(
        "a thread that is refused is still coming",
        &[(
            "self.coming = None;\n        self.is_refused",
            "self.is_refused",
        )],
    ),
    worker(
        "a refusal is never forgotten",
        &[("self.shared.lock().is_refused = false;", "")],
    ),
    worker(
        "a job is announced before its worker looks for the next",
        &[
            ("let next = self.find_work(thread);", ""),
            (
                "self.done = None;\n",
                "self.done = None;\n let next = self.find_work(thread);\n",
            ),
        ],
    ),
    account(
        "a worker that leaves stays among the idle",
        &[(
            "state.get_up(worker);\n        state.workers.remove(worker);",
            "state.workers.remove(worker);",
        )],
    ),
    worker(
        "a worker that takes a job does not call a worker for the next",
        &[("self.call = state.call(threads);", "let _ = threads;")],
    ),
    pool(
        "a pool that closes calls no worker",
        &[(
            "        for Idle { thread, .. } in idle {\n            self.shared.calls.call(&thread);\n        }\n",
            "        drop(idle);\n",
        )],
    ),
    account(
        "the last worker does not say that it has left",
        &[("self.empty.notify_all();", "")],
    ),
    pool(
        "a worker is called before the job is in the line",
        &[
            (
                "        let ticket = state.line.join(Waiting { job, at });\n",
                "",
            ),
            (
                "let call = state.call(self.shared.config.threads);\n",
                "let call = state.call(self.shared.config.threads);\n let ticket = state.line.join(Waiting { job, at });\n",
            ),
        ],
    ),
    Mutation {
        says: "the waker of a job is taken before its result can be seen",
        file: "src/offload/job.rs",
        edits: &[
            (
                "        let mut inner = self.lock();\n        inner.stage = match inner.pass_to(Stage::Over) {",
                "        let waker = self.lock().waker.take();\n        let mut inner = self.lock();\n        \
                 inner.stage = match inner.pass_to(Stage::Over) {",
            ),
            (
                "        inner.waker.take()\n    }\n\n    fn fail",
                "        waker\n    }\n\n    fn fail",
            ),
        ],
    },
];

/// Copies the files that the library is built from, to a folder below the target directory.
fn copy() -> PathBuf {
    let (root, copy) = (
        root(),
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated"),
    );
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).expect("a folder for the copy");
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "src",
        "examples",
        "benches",
        "exercises",
        "tests",
    ] {
        copy_all(&root.join(name), &copy.join(name));
    }
    copy
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder for the copy");
        for entry in fs::read_dir(from).expect("a folder that is there") {
            let name = entry.expect("an entry").file_name();
            copy_all(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).expect("a copy");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the explorations in the copy. The step `loom` has built the dependencies already.
fn explore(copy: &Path, file: &str, more: &[&str]) -> Output {
    let room = match file.contains("inbox") {
        true => "inbox::interleavings",
        false => "offload::interleavings",
    };
    Command::new(env!("CARGO"))
        .args(["test", "--locked", "--lib", room])
        .arg("--target-dir")
        .arg(root().join("target/loom"))
        .args(more)
        .current_dir(copy)
        .env("RUSTFLAGS", "--cfg loom")
        .env("LOOM_MAX_PREEMPTIONS", "2")
        .env("LOOM_MAX_DURATION", "60")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("cargo runs")
}

/// The tests that failed. If loom panics a second time while it cleans up, the process aborts in the middle of the line.
fn fallen(output: &Output) -> Vec<String> {
    if output.status.success() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| line.starts_with("test "));
    let failed = lines.filter_map(|line| {
        let (name, result) = line.strip_prefix("test ")?.split_once(" ...")?;
        let name = name.rsplit("::").next()?;
        (result.trim() != "ok").then(|| format!("{name}:{result}"))
    });
    failed.collect()
}

#[test]
#[ignore = "compiles the crate once for each mutation: run by name, see the first lines"]
fn each_mutation_is_found_in_some_order_of_the_steps() {
    let copy = copy();
    let mut survived = Vec::new();
    for Mutation { says, file, edits } in MUTATIONS {
        let path = copy.join(file);
        let whole = fs::read_to_string(&path).expect("a source");
        let mut broken = whole.clone();
        for (from, to) in *edits {
            assert_eq!(
                whole.matches(from).count(),
                1,
                "{says}: {file} does not have these lines exactly once:\n{from}"
            );
            broken = broken.replace(from, to);
        }
        fs::write(&path, broken).expect("the copy can be changed");
        let built = explore(&copy, file, &["--no-run"]);
        assert!(
            built.status.success(),
            "{says}: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        let output = explore(&copy, file, &["--", "--test-threads=1"]);
        fs::write(&path, whole).expect("the copy can be changed back");
        let fallen = fallen(&output);
        println!("{file}: {says}\n    {}", fallen.join("\n    "));
        if fallen.is_empty() {
            survived.push(*says);
        }
    }
    assert!(survived.is_empty(), "no test failed for {survived:#?}");
}
