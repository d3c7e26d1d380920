//! `http_server`, `axum_app` and `http_client`, tried by curl, wrk and Python's server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::programs::{PYTHON, Process, Server, client, output, program};
use crate::watch;

/// The thread of the loop, and the thread that waits for the end of standard input.
const LOOP_AND_INPUT: usize = 2;

fn curl() -> Command {
    let mut curl = client("curl", "curl");
    curl.args(["--silent", "--show-error", "--max-time", "20"]);
    curl
}

#[test]
fn curl_asks_twice_over_one_connection() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &[]);
    let url = server.url("/");
    let made = "connections made: %{num_connects}\n";
    let text = output(curl().args(["--write-out", made, &url, &url]));
    assert_eq!(
        text,
        "hello\nconnections made: 1\nhello\nconnections made: 0\n"
    );
    let status = ["--write-out", "%{http_code}", &server.url("/nowhere")];
    assert_eq!(output(curl().args(status)), "not here\n404");
    assert_eq!(server.process.threads(), LOOP_AND_INPUT);
    let report = server.process.finish();
    assert!(
        report.starts_with("connections: 2, ") && report.contains("finished: 2, failed: 0"),
        "{report}"
    );
}

#[test]
fn curl_uploads_ten_megabytes() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), vec![b'x'; 10_000_000]).unwrap();
    let data = format!("@{}", file.path().display());
    let count = output(curl().args(["--data-binary", &data, &server.url("/count")]));
    assert_eq!(count, "10000000\n");
    // The length is unknown, so the upload comes in chunks.
    let chunked = ["--header", "Transfer-Encoding: chunked"];
    let url = server.url("/count");
    let count = output(curl().args(chunked).args(["--data-binary", &data, &url]));
    assert_eq!(count, "10000000\n");
}

#[test]
fn a_stream_without_end_is_heard_at_once_and_ends_with_the_server() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &[]);
    let mut listener = Process::start(curl().args(["--no-buffer", &server.url("/ticks")]));
    for number in 0..3 {
        assert_eq!(listener.line(), format!("tick {number}"));
    }
    let report = server.process.finish();
    assert!(report.contains("finished: 1"), "{report}");
    let rest = listener.finish();
    assert!(rest.ends_with("good-bye\n"), "{rest}");
}

#[test]
fn a_client_that_never_ends_its_headers_is_cut_off() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &["--header-timeout", "50"]);
    let mut slow = TcpStream::connect(&server.address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: he").unwrap();
    slow.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(output(curl().arg(server.url("/"))), "hello\n");
}

#[test]
fn wrk_gets_no_wrong_answer_on_64_connections() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &[]);
    let mut wrk = client("wrk", "wrk");
    let report = output(wrk.args(["-c", "64", "-t", "1", "-d", "1", &server.url("/")]));
    assert!(report.contains("requests in"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert_eq!(server.process.threads(), LOOP_AND_INPUT);
    server.process.finish();
}

#[test]
fn curl_writes_lists_and_deletes_notes_by_json() {
    let _watched = watch::watch();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db").display().to_string();
    let server = Server::start(program!("axum_app"), &["--file", &file]);
    let notes = server.url("/notes");
    let status = ["--write-out", " %{http_code}"];
    let add = |json: &str| output(curl().args(status).args(["--json", json, &notes]));
    assert_eq!(
        add(r#"{"text": "buy milk"}"#),
        r#"{"id":1,"text":"buy milk"} 201"#
    );
    assert_eq!(
        add(r#"{"text": "drink it"}"#),
        r#"{"id":2,"text":"drink it"} 201"#
    );
    // axum refuses JSON that is no draft, before the handler runs.
    assert!(add(r#"{"word": "?"}"#).ends_with(" 422"));
    let first = server.url("/notes/1");
    let remove = || output(curl().args(status).args(["--request", "DELETE", &first]));
    assert_eq!((remove(), remove()), (" 204".into(), " 404".into()));
    let left = r#"[{"id":2,"text":"drink it"}]"#;
    assert_eq!(output(curl().arg(&notes)), left);
    // The database has a thread of its own.
    assert_eq!(server.process.threads(), LOOP_AND_INPUT + 1);
    server.process.finish();
    // The notes outlive the server.
    let server = Server::start(program!("axum_app"), &["--file", &file]);
    assert_eq!(output(curl().arg(server.url("/notes"))), left);
}

#[test]
fn a_hundred_requests_at_once_are_answered_from_the_database() {
    let _watched = watch::watch();
    let server = Server::start(program!("axum_app"), &[]);
    let urls = format!("{}?[1-100]", server.url("/notes"));
    let parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "50"];
    let text = output(
        curl()
            .args(parallel)
            .args(["--json", r#"{"text": "x"}"#, &urls]),
    );
    assert_eq!(text.matches(r#""text":"x""#).count(), 100, "{text}");
    let all = output(curl().arg(server.url("/notes")));
    assert_eq!(all.matches(r#""text":"x""#).count(), 100, "{all}");
}

/// The number of connections in "fetched 1000, failed 0, 6000 bytes over 20 connections in ..".
fn connections(report: &str) -> u32 {
    let (_, rest) = report.split_once(" bytes over ").expect("a report");
    let number = rest.split(' ').next().expect("a number");
    number.parse().unwrap()
}

#[test]
fn a_thousand_fetches_keep_to_their_limit_of_connections() {
    let _watched = watch::watch();
    let server = Server::start(program!("http_server"), &[]);
    let mut fetch = Command::new(program!("http_client"));
    let report = output(fetch.args(["--url", &server.url("/"), "--limit", "20"]));
    assert!(
        report.starts_with("fetched 1000, failed 0, 6000 bytes over "),
        "{report}"
    );
    // If no connection is free, the pool opens one. Then it takes the connection that is ready first, new or freed.
    assert!(connections(&report) <= 200, "{report}");
    let served = server.process.finish();
    assert!(served.contains("failed: 0, panicked: 0"), "{served}");
}

#[test]
fn a_hundred_fetches_from_the_server_of_python() {
    let _watched = watch::watch();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("word.txt"), "round and round").unwrap();
    let mut python = client(PYTHON, "python3");
    let arguments = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"];
    python.args(arguments).args(["--protocol", "HTTP/1.1"]);
    let python = python.current_dir(folder.path()).stderr(Stdio::null());
    let mut python = Process::start(python);
    // "Serving HTTP on 127.0.0.1 port 40000 (http://127.0.0.1:40000/) ..."
    let line = python.line();
    let url = line
        .split(['(', ')'])
        .nth(1)
        .expect("an address in brackets");
    let mut fetch = Command::new(program!("http_client"));
    let url = format!("{url}word.txt");
    let report = output(fetch.args(["--url", &url, "--count", "100", "--limit", "4"]));
    assert!(
        report.starts_with("fetched 100, failed 0, 1500 bytes over "),
        "{report}"
    );
    assert!(connections(&report) <= 40, "{report}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_for_each_fetch() {
    let _watched = watch::watch();
    let mut fetch = Command::new(program!("http_client"));
    fetch.args(["--url", "http://127.0.0.1:1/", "--count", "3"]);
    let output = fetch.output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("fetched 0, failed 3"));
}
