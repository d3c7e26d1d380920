//! A chat room: every client gets every line. Without arguments three scripted clients talk, and then the room closes.
//!
//! `cargo run --release --example 17_chat_server -- --listen 127.0.0.1:7017`, and in other terminals `nc 127.0.0.1
//! 7017`. Your first line is your name. The server stops gracefully when its standard input ends (Ctrl-D).

use std::future::IntoFuture;
use std::io::{self, Result};
use std::rc::Rc;

use roundelay::net::{TcpListener, serve};
use roundelay::sync::{CancelToken, broadcast};
use roundelay::{offload, spawn};

mod demo;
mod line;
mod room;

use room::{Room, visit};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match &arguments[..] {
        [] => None,
        [option, address] if option == "--listen" => Some(address.as_str()),
        _ => return Err(io::Error::other("usage: 17_chat_server [--listen ADDRESS]")),
    };
    roundelay::run(async {
        let listener = TcpListener::bind(address.unwrap_or("127.0.0.1:0")).await?;
        let local = listener.local_addr()?;
        println!("listening on {local}");
        let (lines, _) = broadcast::channel(100);
        let stop = CancelToken::new();
        let room = Rc::new(Room {
            lines,
            stop: stop.clone(),
        });
        let server = serve(listener, move |stream, peer| {
            visit(stream, peer, Rc::clone(&room))
        })
        .shutdown(stop.clone().cancelled_owned());
        let server = spawn(server.into_future());
        if address.is_some() {
            offload(|| io::copy(&mut io::stdin(), &mut io::sink())).await??; // returns when it ends
            stop.cancel();
        } else {
            demo::three_clients(local, &stop).await?;
        }
        let served = server.await??;
        println!("{served}");
        assert!(address.is_some() || (served.accepted, served.finished) == (3, 3));
        Ok(())
    })
}
