//! A slow reader, and a faster producer: where are the bytes in between?
//!
//! The system's buffers for a connection have room for some megabytes at most. When they are full, a write waits until
//! the reader has read. The writer then takes nothing from its queue, the queue fills, and the producer waits too: that
//! is back-pressure, and the memory of the program stays constant. Behind a queue without a bound the same program
//! keeps all the bytes.
//!
//! `cargo run --release --example 28_slow_reader`

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::Queue;
use roundelay::{sleep, spawn};

const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 512;

/// Bytes so far.
#[derive(Default)]
struct Count {
    produced: Cell<usize>,
    written: Cell<usize>,
}

fn main() -> io::Result<()> {
    roundelay::run(async {
        // At most: four chunks in the queue, one in the producer's hand, one in the writer's.
        transfer("a queue with room for 4 chunks", Queue::bounded(4), 6).await?;
        transfer("a queue without a bound", Queue::unbounded(), CHUNKS).await
    })
}

async fn transfer(title: &str, queue: Queue<Vec<u8>>, at_most: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    let (reader, _) = listener.accept().await?;
    let (queue, count) = (Rc::new(queue), Rc::<Count>::default());
    let producer = spawn(produce(Rc::clone(&queue), Rc::clone(&count)));
    let writer = spawn(write(stream, queue, Rc::clone(&count)));

    let mut lines = ["the reader has", "the system keeps", "the program keeps"].map(str::to_owned);
    let (mut read, mut buffer) = (0, vec![0; 2 * CHUNK]);
    for step in 1..=8 {
        while read < step * CHUNKS * CHUNK / 8 {
            sleep(Duration::from_millis(1)).await; // slow
            reader.read_exact(&mut buffer).await?;
            read += buffer.len();
        }
        let (produced, written) = (count.produced.get(), count.written.get());
        assert!(produced - written <= at_most * CHUNK);
        let numbers = [read, written - read, produced - written];
        for (line, bytes) in lines.iter_mut().zip(numbers) {
            *line = format!("{line:<17}{:>6.1}", bytes as f64 / 1024.0 / 1024.0);
        }
    }
    producer.await?;
    writer.await??;
    println!("{title}; MiB, at each eighth of the way:");
    println!("{}\n", lines.join("\n"));
    Ok(())
}

async fn produce(queue: Rc<Queue<Vec<u8>>>, count: Rc<Count>) {
    for number in 0..CHUNKS {
        if number % 8 == 0 {
            sleep(Duration::from_millis(1)).await; // four times as fast as the reader
        }
        count.produced.set(count.produced.get() + CHUNK);
        queue.put(vec![0; CHUNK]).await.expect("the queue is open"); // waits while it is full
    }
    queue.close();
}

async fn write(stream: TcpStream, queue: Rc<Queue<Vec<u8>>>, count: Rc<Count>) -> io::Result<()> {
    while let Some(chunk) = queue.get().await {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let number = stream.write(rest).await?; // waits while the system's buffers are full
            count.written.set(count.written.get() + number);
            rest = &rest[number..];
        }
    }
    Ok(())
}
