//! Redis itself, which writes nothing to disk.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::LOOPBACK;

/// Starts a server, and passes its address and its process to `listening`. The server ends with the client.
pub fn serve(listening: impl FnOnce(SocketAddr, u32)) -> io::Result<()> {
    // Redis cannot choose a free port, so this looks for one.
    let address = TcpListener::bind(LOOPBACK)?.local_addr()?;
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        // The client comes from other addresses of the loopback too.
        .args(["--protected-mode", "no"])
        .stdout(Stdio::null());
    // SAFETY: the call takes numbers only, and is allowed between `fork` and `exec`.
    let end_with_us = || match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: `end_with_us` makes one system call, and allocates nothing.
    unsafe { command.pre_exec(end_with_us) };
    let mut server = command
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("redis-server: {error}")))?;
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = server.try_wait()? {
            return Err(io::Error::other(format!("redis-server: {status}")));
        }
        if begin.elapsed() > Duration::from_secs(10) {
            server.kill()?;
            return Err(io::Error::other("redis-server does not listen"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    listening(address, server.id());
    Err(io::Error::other(server.wait()?.to_string()))
}
