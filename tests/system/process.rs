//! Child processes: their ends and their pipes. No thread and no zombie is left.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::support::{Counter, counted};
use roundelay::io::{BufReader, Write};
use roundelay::process::{Command, Stdio};
use roundelay::signal::Kind;
use roundelay::{run, sleep, spawn, timeout};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_wait_is_polled_twice_and_costs_no_thread() {
    let _watched = crate::support::watch();
    let polls = Counter::default();
    run(async {
        let mut child = sh("read line; exit 7")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let waiting = spawn(counted(&polls, async move { child.wait().await }));
        roundelay::yield_now().await;
        assert_eq!(polls.get(), 1);
        drop(input);
        assert_eq!(waiting.await.unwrap().unwrap().code(), Some(7));
    });
    assert_eq!(polls.get(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_children_are_awaited_without_a_thread() {
    let _watched = crate::support::watch();
    let mut child = crate::again::again("process::child_that_awaits_a_hundred");
    child.expect("threads: the same");
    assert!(child.ended().success());
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by a_hundred_children_are_awaited_without_a_thread"]
fn child_that_awaits_a_hundred() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    let before = crate::again::threads();
    run(async {
        let mut children: Vec<_> = (0..100)
            .map(|n| {
                sh(&format!("read line; exit {n}"))
                    .stdin(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let inputs: Vec<_> = children
            .iter_mut()
            .map(|child| child.stdin.take())
            .collect();
        let waits: Vec<_> = children
            .into_iter()
            .map(|mut child| spawn(async move { child.wait().await.unwrap().code() }))
            .collect();
        roundelay::yield_now().await;
        let during = crate::again::threads();
        drop(inputs);
        for (n, wait) in waits.into_iter().enumerate() {
            assert_eq!(wait.await.unwrap(), Some(n as i32));
        }
        assert_eq!(during, before);
    });
    println!("threads: the same");
}

#[test]
fn output_is_captured_from_both_pipes_though_each_holds_more_than_a_pipe_does() {
    let _watched = crate::support::watch();
    let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2";
    let output = run(async { sh(script).output().await }).unwrap();
    assert!(output.status.success());
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (300_000, 200_000)
    );
}

#[test]
fn output_gives_an_empty_input_unless_something_else_was_said() {
    let _watched = crate::support::watch();
    run(async {
        let output = Command::new("cat").output().await.unwrap();
        assert!(output.stdout.is_empty());
        let output = sh("echo here")
            .stdout(Stdio::null())
            .output()
            .await
            .unwrap();
        assert!(
            output.stdout.is_empty(),
            "the caller's choice for standard output was ignored"
        );
        // If a child has a pipe that is never read, it never ends.
        let mut twice = sh("test -p /dev/stdout && exit 9; exit 0");
        assert_eq!(twice.output().await.unwrap().status.code(), Some(9));
        twice.stdout(Stdio::null());
        assert!(twice.status().await.unwrap().success());
        let mut twice = Command::new("true");
        twice.output().await.unwrap();
        assert!(twice.spawn().unwrap().stdout.is_none());
    });
}

#[test]
fn a_megabyte_goes_through_a_child_and_back() {
    let _watched = crate::support::watch();
    run(async {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let writing = spawn(async move {
            Write::write_all(&mut input, &[7; 1 << 20]).await.unwrap();
            input.close().await.unwrap();
            input.write(b"more").await.unwrap_err().kind()
        });
        let mut bytes = Vec::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut bytes)
            .await
            .unwrap();
        assert_eq!(bytes.len(), 1 << 20);
        assert!(bytes.iter().all(|&byte| byte == 7));
        assert_eq!(writing.await.unwrap(), std::io::ErrorKind::BrokenPipe);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn the_output_of_one_child_is_the_input_of_another() {
    let _watched = crate::support::watch();
    run(async {
        let mut first = sh("echo one; echo two")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let between = first.stdout.take().unwrap().into_stdio().unwrap();
        let output = Command::new("tac").stdin(between).output().await.unwrap();
        assert_eq!(output.stdout, b"two\none\n");
        assert!(first.wait().await.unwrap().success());
    });
}

#[test]
fn a_child_is_asked_to_end_and_then_made_to() {
    let _watched = crate::support::watch();
    run(async {
        let script = "trap 'echo no' TERM; echo ready; while :; do sleep 0.01; done";
        let mut child = sh(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        child.send_signal(Kind::TERMINATE).unwrap();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("no"));
        assert!(
            timeout(Duration::from_millis(5), child.wait())
                .await
                .is_err()
        );
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        // The answer stays the same, and a later `kill` reaches no other process.
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        assert_eq!(child.id(), None);
        child.kill().unwrap();
        let error = child.send_signal(Kind::TERMINATE).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn kill_on_drop_kills_and_the_zombie_is_gone_with_the_next_child() {
    let _watched = crate::support::watch();
    run(async {
        let child = Command::new("sleep")
            .arg("3600")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let id = child.id().unwrap();
        drop(child);
        while !matches!(crate::again::state(id), None | Some('Z')) {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(Command::new("true").status().await.unwrap().success());
        assert_eq!(crate::again::state(id), None);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_is_dropped_runs_on_and_leaves_no_zombie() {
    let _watched = crate::support::watch();
    run(async {
        let mut child = sh("read line").stdin(Stdio::piped()).spawn().unwrap();
        let (id, input) = (child.id().unwrap(), child.stdin.take());
        drop(child);
        assert_ne!(crate::again::state(id), None);
        drop(input);
        while crate::again::state(id) != Some('Z') {
            // Another test of this process may start a child at this moment, and reap this one.
            if crate::again::state(id).is_none() {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        drop(Command::new("true").spawn().unwrap());
        assert_eq!(crate::again::state(id), None);
    });
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let _watched = crate::support::watch();
    let error = Command::new("no-such-program-anywhere")
        .spawn()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(
        error.to_string().contains("no-such-program-anywhere"),
        "{error}"
    );
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let _watched = crate::support::watch();
    run(async {
        let mut child = sh("sleep 0.05; exit 4").spawn().unwrap();
        assert!(
            timeout(Duration::from_millis(1), child.wait())
                .await
                .is_err()
        );
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(child.wait().await.unwrap().code(), Some(4));
    });
}
