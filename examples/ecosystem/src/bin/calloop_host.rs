//! A host that has its own loop, calloop, as programs for Wayland have. This crate's loop is one of its sources.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin calloop_host -- --listen 127.0.0.1:8000`, and then `nc 127.0.0.1 8000`:
//! the answer to each line has the number of the frame in which the line came.
//!
//! calloop draws the frames by its own timer, and a server of this crate answers the clients. At every hundredth frame the host
//! spawns a task between two turns, which announces the frame to all clients. The end of standard input (Ctrl-D) stops the
//! program.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{Interest, Mode, PostAction};
use roundelay::io::BufReader;
use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::broadcast;
use roundelay::{EventLoop, select, spawn};
use shared::{Outcome, end_of_input, options};

const FRAME: Duration = Duration::from_millis(2);

/// The data that calloop passes to its callbacks.
struct Host {
    guest: EventLoop,
    frame: Rc<Cell<u64>>,
    announcements: broadcast::Sender<u64>,
}

fn main() -> Outcome {
    let [listen] = options(["listen"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut host = Host {
        guest: EventLoop::builder().name("guest").build()?,
        frame: Rc::default(),
        announcements: broadcast::channel(8).0,
    };
    let server = serve(listen, Rc::clone(&host.frame), host.announcements.clone());
    let server = host.guest.spawn(server);
    let input = host.guest.spawn(end_of_input());

    let mut frames = calloop::EventLoop::<Host>::try_new()?;
    // calloop owns its sources, so it gets a duplicate of the descriptor. The mode is by level, because a turn may leave work for the
    // next turn.
    let descriptor = host.guest.as_fd().try_clone_to_owned()?;
    let source = Generic::new(descriptor, Interest::READ, Mode::Level);
    // The callback has nothing to do. A turn follows each dispatch anyway, because the deadline may be over.
    let woken = |_, _: &mut _, _: &mut Host| Ok(PostAction::Continue);
    frames.handle().insert_source(source, woken)?;
    let draw = |_, _: &mut (), host: &mut Host| {
        host.draw();
        TimeoutAction::ToDuration(FRAME)
    };
    let timer = Timer::from_duration(FRAME);
    frames.handle().insert_source(timer, draw)?;

    while !input.is_finished() && !server.is_finished() {
        let deadline = host.guest.next_deadline();
        let patience = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        frames.dispatch(patience, &mut host)?;
        host.guest.turn(Some(Duration::ZERO))?;
    }
    if server.is_finished() {
        host.guest.run(server)??;
    }
    let frame = host.frame.get();
    let left = host.guest.shutdown(Duration::ZERO);
    println!("frames: {frame}; {} tasks left", left.tasks.len());
    Ok(())
}

impl Host {
    /// The host's own work, between two turns of the guest.
    fn draw(&mut self) {
        let frame = self.frame.get() + 1;
        self.frame.set(frame);
        if frame % 100 == 0 {
            let announcements = self.announcements.clone();
            self.guest.enter(|| {
                let announce = async move {
                    let _heard = announcements.send(frame);
                };
                spawn(announce).detach();
            });
        }
    }
}

async fn serve(
    listen: String,
    frame: Rc<Cell<u64>>,
    announcements: broadcast::Sender<u64>,
) -> io::Result<()> {
    let listener = TcpListener::bind(listen.as_str()).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let (frame, announcements) = (Rc::clone(&frame), announcements.subscribe());
        spawn(async move {
            if let Err(error) = answer(stream, &frame, announcements).await {
                eprintln!("{peer}: {error}");
            }
        })
        .detach();
    }
}

async fn answer(
    stream: TcpStream,
    frame: &Cell<u64>,
    mut announcements: broadcast::Receiver<u64>,
) -> io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    loop {
        let answer = select! {
            line = lines.next_line() => match line? {
                Some(line) => format!("frame {}: {line}\n", frame.get()),
                None => return Ok(()),
            },
            number = announcements.recv() => match number {
                Ok(number) => format!("frame {number} was drawn\n"),
                Err(_) => return Ok(()),
            },
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}
