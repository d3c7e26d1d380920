//! A server survives the limit of descriptors, which a Unix process can set for itself.

use std::io::{self, BufRead, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::serve::{assert_adds_up, echo};
use crate::support::{PATIENCE, watchdog};
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::run;
use roundelay::sync::CancelToken;

/// Prints each line of the log, for the parent process to read.
struct ToStdout;

impl log::Log for ToStdout {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}", record.args());
    }

    fn flush(&self) {}
}

const CHILD: &str = "ROUNDELAY_TEST_SERVE_CHILD";
const CONNECTIONS: usize = 60;

/// The server: a process that may have 32 descriptors, without a limit of connections.
fn serve_with_few_descriptors() -> io::Result<()> {
    static LOGGER: ToStdout = ToStdout;
    log::set_logger(&LOGGER).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    rlimit::Resource::NOFILE.set(32, 32)?;
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("port {}", listener.local_addr()?.port());
        let stop = CancelToken::new();
        let last = stop.clone();
        let handler = move |stream: TcpStream, _| {
            let last = last.clone();
            async move {
                let mut word = [0; 4];
                stream.read_exact(&mut word).await?;
                if &word == b"stop" {
                    last.cancel();
                }
                stream.write_all(&word).await?;
                echo(stream).await
            }
        };
        let served = serve(listener, handler)
            .limit(usize::MAX)
            .shutdown(stop.cancelled_owned())
            .await?;
        println!("served {} refused {}", served.accepted, served.refused);
        assert_adds_up(&served);
        Ok(())
    })
}

#[test]
fn a_server_at_the_descriptor_limit_waits_and_recovers() {
    if std::env::var_os(CHILD).is_some() {
        return serve_with_few_descriptors().unwrap();
    }
    watchdog(PATIENCE, || {
        let started = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("serve_descriptors::a_server_at_the_descriptor_limit_waits_and_recovers")
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        // The test harness writes its own words before ours, on the same line.
        let port = lines.find_map(|line| line.split_once("port ").map(|(_, port)| port.to_owned()));
        let port: u16 = port.expect("the child listens").parse().unwrap();

        let connect = |word: &[u8]| {
            let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            client.write_all(word).unwrap();
            client
        };
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| connect(b"ping")).collect();
        // More connections are open now than the child has descriptors, so it must have noticed.
        let complaint = lines.find(|line| line.contains("cannot accept"));
        assert!(complaint.is_some(), "the child ended early");
        for mut client in clients {
            let mut answer = [0; 4];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"ping");
        }
        connect(b"stop").read_exact(&mut [0; 4]).unwrap();

        let rest: Vec<String> = lines.collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        let report = rest.iter().find_map(|line| line.strip_prefix("served "));
        let (accepted, refused) = report.unwrap().split_once(" refused ").unwrap();
        assert_eq!(accepted.parse(), Ok(CONNECTIONS + 1));
        let (refused, seconds) = (refused.parse::<u64>().unwrap(), started.elapsed().as_secs());
        // There is one failure for each connection that had to wait. The retries after a pause add at most 200 in a second.
        assert!(refused >= 1 && refused <= CONNECTIONS as u64 + 200 * (seconds + 1));
        let complaints = rest
            .iter()
            .filter(|line| line.contains("cannot accept"))
            .count() as u64;
        assert!(
            complaints <= seconds + 1,
            "{complaints} lines in {seconds} s"
        );
    });
}
