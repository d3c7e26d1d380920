//! A supervisor: keeps programs running, restarts ended programs with growing pauses, and ends all of them on request.
//!
//! `cargo run --release --features process --example 20_supervisor -- 'ping localhost' 'while :; do date; sleep 5; done'`
//!
//! Each argument is a line for `sh`. Ctrl-C, or `kill`, asks the programs to end, and after a while kills the remaining
//! ones; a second Ctrl-C ends the supervisor at once. Without arguments it shows that with four programs.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use roundelay::io::{BufReader, ReadError};
use roundelay::process::{Child, Command, ExitStatus, Stdio};
use roundelay::signal::{self, Kind};
use roundelay::sync::CancelToken;
use roundelay::{TaskGroup, join, race, sleep, timeout};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A program that has run for this long counts as healthy: its next pause is the shortest again.
const HEALTHY: Duration = Duration::from_secs(5);
/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_millis(300);

const SHOW: [&str; 4] = [
    "trap 'echo tidies up; exit 0' TERM; echo is here to stay; while :; do sleep 0.05; done",
    "echo is about to fail; exit 3",
    "echo falls over its own feet; kill -SEGV $$",
    "trap 'echo does not feel like it' TERM; while :; do sleep 0.05; done",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut scripts: Vec<String> = std::env::args().skip(1).collect();
    let is_show = scripts.is_empty();
    if is_show {
        scripts = SHOW.map(str::to_owned).into();
    }
    roundelay::run(async {
        let stop = CancelToken::new();
        let signals = signal::listen([Kind::INTERRUPT, Kind::TERMINATE])?;
        TaskGroup::scope(async |group| {
            for (index, script) in scripts.into_iter().enumerate() {
                group.spawn(keep_running(format!("{}", index + 1), script, stop.clone()));
            }
            if is_show {
                group.spawn(async {
                    sleep(Duration::from_millis(900)).await;
                    let this = std::process::id().to_string();
                    Command::new("kill").args(["-TERM", &this]).status().await?;
                    Ok::<_, io::Error>(())
                });
            }
            // Drops the signals here: a second Ctrl-C ends the supervisor.
            let kind = { signals }.recv().await?;
            println!("supervisor | {kind}: asks the programs to end");
            stop.cancel();
            Ok(())
        })
        .await?;
        println!("supervisor | all have ended");
        Ok(())
    })
}

/// Starts the program, again and again. The pause doubles, unless the program was healthy.
async fn keep_running(name: String, script: String, stop: CancelToken) -> io::Result<()> {
    let mut wait = FIRST_WAIT;
    loop {
        let begin = Instant::now();
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::null());
        // If the supervisor is dropped, it leaves no program behind.
        let mut child = shell.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let is_over = Cell::new(false);
        let tell = async {
            while let Some(line) = lines.next_line().await? {
                println!("{name:>10} | {line}");
            }
            Ok::<_, ReadError>(())
        };
        let watch = async {
            let status = match stop.run_until_cancelled(child.wait()).await {
                Some(status) => status,
                None => end(&name, &mut child).await,
            };
            is_over.set(stop.is_cancelled());
            status
        };
        let (told, status) = join!(tell, watch);
        told?;
        println!("{name:>10} | -- {} after {:.1?}", status?, begin.elapsed());
        if is_over.get() {
            return Ok(());
        }
        if begin.elapsed() > HEALTHY {
            wait = FIRST_WAIT;
        }
        println!("{name:>10} | -- starts again in {wait:?}");
        race!(sleep(wait), stop.cancelled());
        if stop.is_cancelled() {
            return Ok(());
        }
        wait = (2 * wait).min(LONGEST_WAIT);
    }
}

/// Asks the program to end, waits, and kills it.
async fn end(name: &str, child: &mut Child) -> io::Result<ExitStatus> {
    child.send_signal(Kind::TERMINATE)?;
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    println!("{name:>10} | -- did not end in time");
    child.kill()?;
    child.wait().await
}
