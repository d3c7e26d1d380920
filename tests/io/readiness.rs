//! The readiness cache of a source: the attempts show when the source asks the kernel again, and when it does not.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::pin;

use crate::support::net::tcp_pair;
use crate::support::{PATIENCE, now_or_never, watchdog};
use roundelay::reactor::{Interest, Registered};
use roundelay::{EventLoop, run};

/// After a short read the source does not look for new bytes before the loop has an event for them.
#[test]
fn a_short_read_or_write_is_not_followed_by_one_that_finds_nothing() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        event_loop.run(async {
            assert!(now_or_never(near.read(&mut [0; 64])).is_none());
            far.write_all(b"short").await.unwrap();
            near.readable().await.unwrap();
        });
        event_loop.run(async {
            assert_eq!(near.read(&mut [0; 64]).await.unwrap(), 5);
            assert_eq!(far.try_write(b"more").unwrap(), 4);
            let error = near.try_read(&mut [0; 64]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            near.readable().await.unwrap();
            assert_eq!(near.try_read(&mut [0; 64]).unwrap(), 4);
        });
    });
}

/// If an attempt fails otherwise than by blocking, this does not show whether the next attempt would block.
#[test]
fn an_attempt_that_fails_leaves_the_readiness_alone_and_one_that_blocks_takes_it() {
    watchdog(PATIENCE, || {
        run(async {
            let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let near = Registered::new(near);
            let read = |near: &Registered<std::os::unix::net::UnixStream>| {
                near.try_io(Interest::READABLE, |mut stream| stream.read(&mut [0; 64]))
            };
            assert_eq!(read(&near).unwrap_err().kind(), ErrorKind::WouldBlock);
            far.write_all(b"first").unwrap();
            near.readiness(Interest::READABLE).await.unwrap();
            let fails = |_: &_| Err::<(), _>(ErrorKind::InvalidData.into());
            let failed = near.try_io(Interest::READABLE, fails).unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::InvalidData);
            assert_eq!(read(&near).unwrap(), 5);
            assert_eq!(read(&near).unwrap_err().kind(), ErrorKind::WouldBlock);
            let never = |_: &_| -> io::Result<()> {
                panic!("this attempt would block, so it must not be made")
            };
            let blocked = near.try_io(Interest::READABLE, never).unwrap_err();
            assert_eq!(blocked.kind(), ErrorKind::WouldBlock);
            assert!(format!("{near:?}").starts_with("Registered { io: UnixStream"));
        });
    });
}

/// A datagram to a port without a receiver comes back as an error of the socket.
#[cfg(target_os = "linux")]
#[test]
fn an_error_that_waits_to_be_collected_is_told() {
    watchdog(PATIENCE, || {
        run(async {
            let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let nobody = free.local_addr().unwrap();
            drop(free);
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(nobody).unwrap();
            socket.set_nonblocking(true).unwrap();
            let socket = Registered::new(socket);
            let receive = |socket: &std::net::UdpSocket| socket.recv(&mut [0; 8]);
            let error = socket.try_io(Interest::READABLE, receive).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            let wait = socket.readiness(Interest::READABLE);
            let mut wait = pin!(wait);
            assert!(now_or_never(wait.as_mut()).is_none(), "registered");
            socket.get_ref().send(b"hello").unwrap();
            assert!(wait.await.unwrap().is_error());
            let error = socket.try_io(Interest::READABLE, receive).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}
