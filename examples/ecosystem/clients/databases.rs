//! `postgres` and `redis_client`, each tried beside the server's own client.

use std::process::Command;

use crate::programs::{Process, client, output, program};
use crate::servers::{Service, postgres, redis};
use crate::watch;

/// The rows that psql finds, each as `a|b`.
fn psql(server: &Service, query: &str) -> String {
    let mut psql = client("psql", "postgresql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--username=postgres",
    ]);
    psql.args(["--host=127.0.0.1", &format!("--port={}", server.port)]);
    output(psql.args(["--command", query]))
        .trim_end()
        .to_owned()
}

/// Starts the program, and reads its lines up to the line that says that it listens.
fn start(mut command: Command) -> (Process, Vec<String>) {
    let mut process = Process::start(&mut command);
    let mut lines = Vec::new();
    while lines
        .last()
        .is_none_or(|line| line != "listening for rounds")
    {
        let line = process.line();
        assert!(!line.is_empty(), "the program ended after {lines:?}");
        lines.push(line);
    }
    (process, lines)
}

fn visit_postgres(server: &Service, host: &str) {
    let mut command = Command::new(program!("postgres"));
    let address = format!("host={host} port={} user=postgres", server.port);
    command.args(["--server", &address, "--connections", "3"]);
    let (mut process, lines) = start(command);
    assert!(lines[0].starts_with("1000 rows pipelined in "), "{lines:?}");
    let cancelled = "of the sleep: ERROR: canceling statement due to user request";
    assert_eq!(lines[1], cancelled);
    assert_eq!(lines[2], "200 transactions over 3 connections");
    // One thread does all the work of the program.
    assert!(process.threads() <= 2, "the loop, and standard input");
    // The rows are there, each visit was written once, and no query sleeps on in the server.
    let rows = "SELECT count(*), count(DISTINCT number), sum(visits), max(visits) FROM rounds";
    assert_eq!(psql(server, rows), "2000|2000|200|1");
    let ours = "FROM pg_stat_activity WHERE application_name = 'roundelay'";
    let states = psql(
        server,
        &format!("SELECT state, count(*) {ours} GROUP BY state"),
    );
    assert_eq!(states, "idle|4", "three of the pool, and one that listens");
    // The program hears psql, and only on its own channel.
    psql(
        server,
        "NOTIFY other, 'not for us'; NOTIFY rounds, 'round and round'; NOTIFY rounds, '\u{20ac}'",
    );
    assert_eq!(process.line(), r#"heard "round and round" on rounds"#);
    assert_eq!(process.line(), "heard \"\u{20ac}\" on rounds");
    assert_eq!(process.finish(), "");
}

#[test]
fn psql_sees_rows_sessions_and_a_cancelled_query_and_is_heard() {
    let _watched = watch::watch_for(watch::PATIENCE * 6);
    let server = postgres();
    visit_postgres(&server, "127.0.0.1");
    let folder = server.folder.path().display().to_string();
    visit_postgres(&server, &folder);
    let log = server.process.stop("INT");
    assert_eq!(
        log.matches("canceling statement due to user request")
            .count(),
        2,
        "{log}"
    );
    assert_eq!(log.matches("pg_sleep").count(), 2, "{log}");
    // The server complains in its log about a client that leaves without a good-bye.
    assert!(
        !log.contains("unexpected EOF on client connection"),
        "{log}"
    );
}

#[test]
fn redis_cli_sees_what_was_counted_and_is_heard() {
    let _watched = watch::watch_for(watch::PATIENCE * 3);
    let server = redis();
    let port = server.port.to_string();
    let cli = |arguments: &[&str]| {
        output(
            client("redis-cli", "redis-tools")
                .args(["-p", &port])
                .args(arguments),
        )
    };
    let mut command = Command::new(program!("redis_client"));
    command.args(["--server", &format!("127.0.0.1:{port}")]);
    let (mut process, lines) = start(command);
    assert!(
        lines[0].starts_with("counted to 2000, pipelined in "),
        "{lines:?}"
    );
    let many = "1000 tasks over one connection, 50 at once; the sum of the numbers that they read is 499500";
    assert_eq!(lines[1], many);
    assert!(
        lines[2].starts_with("time-out: true, and the next answer came "),
        "{lines:?}"
    );
    assert!(process.threads() <= 2, "the loop, and standard input");
    assert_eq!(cli(&["get", "rounds"]), "2000\n");
    assert_eq!(cli(&["mget", "round:0", "round:999"]), "0\n999\n");
    let clients = cli(&["client", "list"]);
    assert_eq!(
        clients.lines().count(),
        2,
        "one of ours, and redis-cli: {clients}"
    );
    assert_eq!(cli(&["publish", "other", "not for us"]), "0\n");
    assert_eq!(cli(&["publish", "rounds", "round and round"]), "1\n");
    assert_eq!(process.line(), r#"heard "round and round" on rounds"#);
    assert_eq!(process.finish(), "");
}
