//! Signals: which listeners get them, how often they count, and what they do without a listener.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process;
use std::time::Duration;

use crate::again::{again, command, kill};
use crate::support::{Counter, counted, counting_waker, poll_once};
use roundelay::signal::{self, Kind};
use roundelay::{EventLoop, run, sleep, spawn, task, timeout, yield_now};

fn kill_self(signal: &str) {
    kill(signal, process::id());
}

#[test]
fn each_listener_gets_the_signal_and_waits_for_it_without_being_polled() {
    let _watched = crate::support::watch();
    let polls = Counter::default();
    run(async {
        let listeners: Vec<_> = (0..3)
            .map(|_| {
                let mut signals = signal::listen([Kind::USER_1]).unwrap();
                spawn(counted(
                    &polls,
                    async move { signals.recv().await.unwrap() },
                ))
            })
            .collect();
        yield_now().await;
        kill_self("USR1");
        for listener in listeners {
            assert_eq!(listener.await.unwrap(), Kind::USER_1);
        }
    });
    assert_eq!(
        polls.get(),
        6,
        "each listener has one poll to wait and one for the signal"
    );
}

#[test]
fn a_signal_that_comes_several_times_before_it_is_asked_for_counts_once() {
    let _watched = crate::support::watch();
    run(async {
        let mut signals = signal::listen([Kind::USER_2]).unwrap();
        // Handlers run in the order of listening. When this one gets a signal, the one above has got it too.
        let mut second = signal::listen([Kind::USER_2]).unwrap();
        for _ in 0..5 {
            kill_self("USR2");
            assert_eq!(second.recv().await.unwrap(), Kind::USER_2);
        }
        assert_eq!(signals.recv().await.unwrap(), Kind::USER_2);
        assert_eq!(signals.try_recv(), None);
        // The bytes of the other signals are taken out too, and are not reported.
        let again = timeout(Duration::from_millis(1), signals.recv()).await;
        assert!(again.is_err());
        kill_self("USR2");
        assert_eq!(signals.recv().await.unwrap(), Kind::USER_2);
    });
}

#[test]
fn one_listener_may_listen_to_several_kinds_and_hears_which() {
    let _watched = crate::support::watch();
    run(async {
        let mut signals = signal::listen([Kind::HANGUP, Kind::WINDOW_CHANGE]).unwrap();
        assert_eq!(format!("{signals:?}"), "[SIGHUP, SIGWINCH]");
        kill_self("WINCH");
        assert_eq!(signals.recv().await.unwrap(), Kind::WINDOW_CHANGE);
        kill_self("HUP");
        assert_eq!(signals.recv().await.unwrap(), Kind::HANGUP);
    });
}

#[test]
fn loops_on_several_threads_hear_the_same_signal() {
    let _watched = crate::support::watch();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let ready = ready.clone();
            std::thread::spawn(move || {
                let mut signals = signal::listen([Kind::ALARM]).unwrap();
                ready.send(()).unwrap();
                run(async { signals.recv().await }).unwrap()
            })
        })
        .collect();
    (0..3).for_each(|_| is_ready.recv().unwrap());
    kill_self("ALRM");
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Kind::ALARM);
    }
}

/// *nothing-left*
#[test]
fn a_wait_that_is_dropped_leaves_no_waker_and_loses_no_signal() {
    let _watched = crate::support::watch();
    EventLoop::new().unwrap().run(async {
        let mut signals = signal::listen([Kind::CONTINUE]).unwrap();
        let (waker, wakes) = counting_waker();
        let before = std::sync::Arc::strong_count(&wakes);
        {
            let mut wait = pin!(signals.recv());
            let mut cx = std::task::Context::from_waker(&waker);
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert_eq!(std::sync::Arc::strong_count(&wakes), before + 1);
        }
        assert_eq!(std::sync::Arc::strong_count(&wakes), before);
        kill_self("CONT");
        assert_eq!(signals.recv().await.unwrap(), Kind::CONTINUE);
    });
}

#[test]
fn what_cannot_be_caught_is_refused_with_its_name() {
    let _watched = crate::support::watch();
    let error = signal::listen([Kind::KILL]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("SIGKILL"), "{error}");
    let error = signal::listen([]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_wait_outside_a_loop_says_so() {
    let _watched = crate::support::watch();
    let mut signals = signal::listen([Kind::TERMINAL_STOP]).unwrap();
    let std::task::Poll::Ready(Err(error)) = poll_once(pin!(signals.recv())) else {
        panic!("without a loop a wait must be an error");
    };
    assert!(error.to_string().contains("no roundelay loop is running"));
}

/// In tokio the handler stays when its stream is gone, so the second signal does nothing. The test does not use `SIGINT`,
/// because a shell that starts these tests in the background makes it ignored.
#[test]
fn once_nobody_listens_a_signal_ends_the_process_again() {
    let _watched = crate::support::watch();
    let mut child = again("signal::child_that_tidies_up_for_ever");
    child.expect("listens");
    child.kill("TERM");
    child.expect("tidies up");
    child.kill("TERM");
    let status = child.ended();
    assert_eq!(status.signal(), Some(15), "{status}");
}

#[test]
#[ignore = "run by once_nobody_listens_a_signal_ends_the_process_again"]
fn child_that_tidies_up_for_ever() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    run(async {
        let listening = signal::listen([Kind::TERMINATE]).unwrap();
        // There are two listeners. The default action comes back when the last one is dropped.
        drop(signal::listen([Kind::TERMINATE]).unwrap());
        println!("listens");
        { listening }.recv().await.unwrap();
        println!("tidies up");
        loop {
            sleep(Duration::from_secs(1)).await;
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_is_ignored_again() {
    let _watched = crate::support::watch();
    let mut child = again("signal::child_that_is_ignorant_of_hangups");
    child.expect("no longer listens");
    child.kill("HUP");
    child.say("\n");
    let status = child.ended();
    assert!(status.success(), "{status}");
}

/// Whether the signal is still waiting for a thread of this process.
#[cfg(target_os = "linux")]
fn is_pending(kind: Kind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask >> (kind.as_raw() - 1) & 1 == 1
}

/// `nohup` ignores a signal in this way, and so does the standard library with `SIGPIPE`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by a_signal_that_was_ignored_is_ignored_again"]
fn child_that_is_ignorant_of_hangups() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    run(async {
        drop(signal::listen([Kind::PIPE]).unwrap());
    });
    kill_self("PIPE");
    // A signal that is still pending at `exec` would reach a program that does not ignore it yet.
    while is_pending(Kind::PIPE) {
        std::thread::yield_now();
    }
    // `exec` keeps the ignored signals ignored, but keeps no handler.
    if std::env::var_os("ROUNDELAY_NOHUP").is_none() {
        let program = std::env::current_exe().unwrap();
        let name = "signal::child_that_is_ignorant_of_hangups";
        let script = "trap '' HUP; exec \"$0\" --exact \"$1\" --ignored --nocapture";
        let mut shell = process::Command::new("sh");
        shell.arg("-c").arg(script).arg(program).arg(name);
        use std::os::unix::process::CommandExt;
        panic!("{}", shell.env("ROUNDELAY_NOHUP", "1").exec());
    }
    run(async {
        let mut signals = signal::listen([Kind::HANGUP]).unwrap();
        kill_self("HUP");
        signals.recv().await.unwrap();
        drop(signals);
        println!("no longer listens");
    });
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn ctrl_c_and_a_polite_kill_both_end_a_wait_for_termination() {
    let _watched = crate::support::watch();
    for (signal, name) in [("INT", "SIGINT"), ("TERM", "SIGTERM")] {
        let mut child = again("signal::child_that_waits_for_termination");
        child.expect("waits");
        child.kill(signal);
        child.expect(name);
        assert!(child.ended().success());
    }
}

#[test]
#[ignore = "run by ctrl_c_and_a_polite_kill_both_end_a_wait_for_termination"]
fn child_that_waits_for_termination() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    let kind = run(async {
        let mut wait = pin!(signal::termination());
        std::future::poll_fn(|cx| {
            assert!(wait.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        println!("waits");
        wait.await.unwrap()
    });
    println!("{kind}");
}

#[test]
fn a_program_shows_its_tasks_on_a_signal_as_often_as_it_comes() {
    let _watched = crate::support::watch();
    let output = command("signal::child_that_shows_its_tasks")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shown.matches("WAITS FOR").count(), 2, "{shown}");
    assert_eq!(
        shown.matches(" 'pump' waits for a timer in 59 min").count(),
        2
    );
}

#[test]
#[ignore = "the child of the test above"]
fn child_that_shows_its_tasks() {
    let _watched = crate::support::watch();
    run(async {
        let pump = task::Builder::new().name("pump");
        drop(pump.spawn(sleep(Duration::from_secs(3_600))));
        let shown = signal::show_tasks(Kind::USER_1).unwrap();
        for _ in 0..2 {
            let mut signals = signal::listen([Kind::USER_1]).unwrap();
            let heard = spawn(async move { signals.recv().await });
            // Both tasks wait for their sockets now, and get the signal in one look.
            yield_now().await;
            kill_self("USR1");
            heard.await.unwrap().unwrap();
            yield_now().await;
        }
        drop(shown);
        yield_now().await;
    });
}
