//! A client: one conversation, and one hundred thousand commands in pipelines of sixteen.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use roundelay::io::BufReader;
use roundelay::net::TcpStream;

const COMMANDS: usize = 100_000;
const DEPTH: usize = 16;

pub(crate) async fn talk(server: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(server).await?;
    let mut answers = BufReader::new(&stream).lines();
    for (question, expected) in [
        ("PING", &["+PONG"][..]),
        ("SET song round", &["+OK"]),
        ("GET song", &["$5", "round"]),
        ("GET nothing", &["$-1"]),
        ("INCR rounds", &[":1"]),
        (
            "INCR song",
            &["-ERR value is not an integer or out of range"],
        ),
        ("DEL song rounds nothing", &[":2"]),
    ] {
        stream
            .write_all(format!("{question}\r\n").as_bytes())
            .await?;
        for line in expected {
            let answer = answers.next_line().await?;
            println!(
                "{question:24} | {}",
                answer.as_deref().unwrap_or("(the end)")
            );
            assert_eq!(answer.as_deref(), Some(*line));
        }
    }
    let begin = Instant::now();
    let pipeline = "*2\r\n$4\r\nINCR\r\n$5\r\ncount\r\n".repeat(DEPTH);
    for round in 0..COMMANDS / DEPTH {
        // In two pieces, so that one command is split between two reads.
        let (front, back) = pipeline.as_bytes().split_at(37);
        stream.write_all(front).await?;
        stream.write_all(back).await?;
        for number in round * DEPTH + 1..=(round + 1) * DEPTH {
            let answer = answers.next_line().await?;
            assert_eq!(answer, Some(format!(":{number}")));
        }
    }
    println!(
        "{COMMANDS} commands, {DEPTH} at a time, in {:?}",
        begin.elapsed()
    );
    Ok(())
}
