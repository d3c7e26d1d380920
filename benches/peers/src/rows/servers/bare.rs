//! The echo of a bare mio loop, which has no tasks: on one thread, and on a thread for each processor.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use socket2::{Domain, Socket, Type};

use super::{ECHO, Serving, on_each_processor};
use crate::peer::LOOPBACK;
use crate::peer::bare::{Manner, serve as serve_one, serve_on};

pub fn serve(serving: Serving, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let Serving::Cores = serving else {
        return serve_one(Manner::Optimal, ECHO, listening);
    };
    let first = listener(LOOPBACK.parse().expect("an address"))?;
    let address = first.local_addr()?;
    listening(address);
    on_each_processor(move || serve_on(listener(address)?, Manner::Optimal, ECHO))
}

/// The same listener as that of our own loops.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1_024)?;
    Ok(TcpListener::from_std(socket.into()))
}
