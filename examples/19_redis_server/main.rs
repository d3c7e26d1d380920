//! A small Redis: `PING`, `ECHO`, `SET`, `GET`, `DEL`, `INCR`, and the first requests of `redis-benchmark`.
//!
//! `cargo run --release --example 19_redis_server -- --listen 127.0.0.1:6390`, and in another terminal `redis-benchmark
//! -p 6390 -t ping,set,get,incr -P 16`, or `redis-cli -p 6390`. Without arguments it runs a client of its own.
//!
//! Commands are parsed in place, in the buffer, and the next read comes after the last whole command is answered:
//! sixteen commands that come together cost one read and one write. The table has no lock, because all tasks run on one
//! thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use roundelay::io::{BufReader, BufWriter, ReadError, Write};
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::sync::CancelToken;

mod demo;
mod resp;

use resp::{bulk, parse};

type Table = Rc<RefCell<HashMap<Vec<u8>, Vec<u8>>>>;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match &arguments[..] {
        [] => None,
        [option, address] if option == "--listen" => Some(address.as_str()),
        _ => {
            return Err(io::Error::other(
                "usage: 19_redis_server [--listen ADDRESS]",
            ));
        }
    };
    roundelay::run(async {
        let listener = TcpListener::bind(address.unwrap_or("127.0.0.1:0")).await?;
        let local = listener.local_addr()?;
        println!("listening on {local}");
        let (table, stop) = (Table::default(), CancelToken::new());
        let server = serve(listener, move |stream, _| {
            connection(stream, Rc::clone(&table))
        })
        .nodelay(true)
        .shutdown(stop.clone().cancelled_owned());
        let server = roundelay::spawn(server);
        if address.is_none() {
            demo::talk(local).await?;
            stop.cancel();
        }
        println!("{}", server.await??);
        Ok(())
    })
}

async fn connection(stream: TcpStream, table: Table) -> Result<(), ReadError> {
    // The limit bounds a command: twice the longest word.
    let mut stream = BufReader::with_limit(2 << 20, BufWriter::new(stream));
    let mut out = Vec::new();
    loop {
        let command = match parse(stream.buffer()) {
            Ok(command) => command,
            Err(wrong) => {
                let line = format!("-ERR Protocol error: {wrong}\r\n");
                stream.write_all(line.as_bytes()).await?;
                return Ok(stream.flush().await?);
            }
        };
        let Some((length, words)) = command else {
            // The read first sends the pending answers, then waits.
            match stream.fill_more().await? {
                0 => return Ok(()),
                _ => continue,
            }
        };
        let words: Vec<&[u8]> = words.into_iter().map(|at| &stream.buffer()[at]).collect();
        out.clear();
        answer(&table, &words, &mut out);
        stream.consume(length);
        stream.write_all(&out).await?;
    }
}

/// Runs a command, and appends its answer.
fn answer(table: &Table, words: &[&[u8]], out: &mut Vec<u8>) {
    let mut table = table.borrow_mut();
    let name = words.first().map(|name| name.to_ascii_uppercase());
    match (
        name.as_deref().unwrap_or_default(),
        &words[1.min(words.len())..],
    ) {
        (b"PING", []) => out.extend(b"+PONG\r\n"),
        (b"ECHO", [word]) => bulk(word, out),
        (b"SET", [key, value, ..]) => {
            table.insert(key.to_vec(), value.to_vec());
            out.extend(b"+OK\r\n");
        }
        (b"GET", [key]) => match table.get(*key) {
            Some(value) => bulk(value, out),
            None => out.extend(b"$-1\r\n"),
        },
        (b"DEL", keys) => {
            let gone = keys.iter().filter(|key| table.remove(**key).is_some());
            out.extend(format!(":{}\r\n", gone.count()).bytes());
        }
        (b"INCR", [key]) => {
            let value = table.entry(key.to_vec()).or_insert(b"0".to_vec());
            match std::str::from_utf8(value).map(str::parse::<i64>) {
                Ok(Ok(number)) if number < i64::MAX => {
                    *value = (number + 1).to_string().into_bytes();
                    out.extend(format!(":{}\r\n", number + 1).bytes());
                }
                _ => out.extend(b"-ERR value is not an integer or out of range\r\n"),
            }
        }
        (b"CONFIG" | b"COMMAND", _) => out.extend(b"*0\r\n"),
        _ => out.extend(b"-ERR unknown command, or a wrong number of arguments\r\n"),
    }
}
