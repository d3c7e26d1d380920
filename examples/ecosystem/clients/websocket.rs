//! `websocket`, tried by a browser and by Python.

use crate::programs::{PYTHON, Process, Server, client, output, program};
use crate::watch;

/// Two clients, and the messages that each gets from the other. Then the server ends, and closes both by the protocol.
const TALK: &str = r#"
import asyncio, sys, websockets

async def main(url):
    async with websockets.connect(url) as one, websockets.connect(url) as two:
        await one.send("round")
        heard = [await one.recv(), await two.recv()]
        await two.send("and round, with a letter of three bytes: \u20ac")
        heard += [await one.recv(), await two.recv()]
        await one.send("x" * 100_000)
        heard += [len(await two.recv()), len(await one.recv())]
        await (await one.ping())
        print(heard, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for client in (one, two):
            try:
                await client.recv()
            except websockets.ConnectionClosed as closed:
                print(closed.rcvd is not None, flush=True)

asyncio.run(main(sys.argv[1]))
"#;

#[test]
fn two_clients_of_python_hear_each_other_and_the_end() {
    let _watched = watch::watch();
    let server = Server::start(program!("websocket"), &[]);
    let mut python = client(PYTHON, "python3");
    // If this fails: apt-get install python3-websockets
    output(client(PYTHON, "python3").args(["-c", "import websockets"]));
    let url = format!("ws://{}/room", server.address);
    let mut python = Process::start(python.args(["-c", TALK, &url]));
    assert_eq!(
        python.line(),
        "['round', 'round', 'and round, with a letter of three bytes: \u{20ac}', \
         'and round, with a letter of three bytes: \u{20ac}', 100000, 100000]"
    );
    let report = server.process.finish();
    assert!(report.starts_with("connections: 2"), "{report}");
    assert_eq!(python.finish(), "True\nTrue\n");
}

#[test]
fn a_browser_loads_the_page_speaks_and_hears_itself() {
    let _watched = watch::watch_for(watch::PATIENCE * 6);
    let server = Server::start(program!("websocket"), &[]);
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = client("chromium", "chromium");
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    chromium.args([
        "--virtual-time-budget=10000",
        &server.url("/#round%20and%20round"),
    ]);
    let page = output(chromium.stderr(std::process::Stdio::null()));
    assert!(page.contains("<li>round and round</li>"), "{page}");
    server.process.finish();
}

#[test]
fn what_is_no_websocket_is_told_so() {
    let _watched = watch::watch();
    let server = Server::start(program!("websocket"), &[]);
    let mut curl = client("curl", "curl");
    curl.args([
        "--silent",
        "--write-out",
        "%{http_code}",
        &server.url("/room"),
    ]);
    assert_eq!(output(&mut curl), "a WebSocket, or the page at /\n426");
}
