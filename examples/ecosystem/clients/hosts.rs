//! `guest_of_tokio`, tried by curl and Python; `calloop_host`, tried by Python.

use crate::programs::{PYTHON, Process, Server, client, output, program};
use crate::watch;

/// The thread of the loop, which is tokio's too, and the thread that waits for the end of standard input.
const LOOP_AND_INPUT: usize = 2;

/// Two clients, and the messages that each gets from the other.
const TALK: &str = r#"
import asyncio, sys, websockets

async def main(url):
    async with websockets.connect(url) as one, websockets.connect(url) as two:
        await (await one.ping())
        await (await two.ping())
        await one.send("round")
        heard = [await one.recv(), await two.recv()]
        await two.send("x" * 100_000)
        heard += [len(await two.recv()), len(await one.recv())]
        print(heard)

asyncio.run(main(sys.argv[1]))
"#;

/// Two lines and their answers, and an announcement. After that the client only waits for the end of the connection.
const LINES: &str = r#"
import re, socket, sys

host, port = sys.argv[1].split(":")
with socket.create_connection((host, int(port))) as connection, connection.makefile() as lines:
    heard = []
    for word in ("one", "two"):
        connection.sendall((word + "\n").encode())
        for line in lines:
            if not line.endswith("was drawn\n"):
                heard.append(re.fullmatch(r"frame (\d+): " + word + "\n", line)[1])
                break
    for line in lines:
        if line.endswith("00 was drawn\n"):
            break
    connection.shutdown(socket.SHUT_WR)
    rest = [line for line in lines if not line.endswith("was drawn\n")]
    print(int(heard[0]) <= int(heard[1]), rest)
"#;

fn get(server: &Server, path: &str) -> String {
    let status = ["--silent", "--write-out", " %{http_code}"];
    output(client("curl", "curl").args(status).arg(server.url(path)))
}

#[test]
fn curl_gets_what_both_sides_of_the_guest_have_to_say() {
    let _watched = watch::watch();
    let server = Server::start(program!("guest_of_tokio"), &[]);
    let answer = get(&server, "/");
    assert!(
        answer.starts_with("hello, number ") && answer.ends_with(" 200"),
        "{answer}"
    );
    assert_eq!(get(&server, "/slow"), " 408");
    // reqwest has been here, or will be in a moment.
    let healthy = |answer: String| answer.starts_with("200 OK: hello, number ");
    while !healthy(get(&server, "/health")) {}
    assert_eq!(server.process.threads(), LOOP_AND_INPUT);
    let report = server.process.finish();
    assert!(report.starts_with("greetings: "), "{report}");
}

#[test]
fn two_clients_of_python_hear_each_other_in_a_room_of_axum() {
    let _watched = watch::watch();
    let server = Server::start(program!("guest_of_tokio"), &[]);
    // If this fails: apt-get install python3-websockets
    output(client(PYTHON, "python3").args(["-c", "import websockets"]));
    let url = format!("ws://{}/room", server.address);
    assert_eq!(
        output(client(PYTHON, "python3").args(["-c", TALK, &url])),
        "['round', 'round', 100000, 100000]\n"
    );
    assert_eq!(server.process.threads(), LOOP_AND_INPUT);
    server.process.finish();
}

#[test]
fn lines_are_answered_between_the_frames_of_calloop() {
    let _watched = watch::watch();
    let server = Server::start(program!("calloop_host"), &[]);
    let mut clients: Vec<Process> = (0..3)
        .map(|_| Process::start(client(PYTHON, "python3").args(["-c", LINES, &server.address])))
        .collect();
    for python in &mut clients {
        assert_eq!(python.line(), "True []");
    }
    assert_eq!(server.process.threads(), LOOP_AND_INPUT);
    let report = server.process.finish();
    assert!(report.starts_with("frames: "), "{report}");
}
