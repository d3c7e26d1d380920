//! What sockets allocate: one allocation for a source, and one more when it first waits. In the steady state there is none.

use std::rc::Rc;

use crate::allocations::{allocations, since};
use crate::support::net::{in_loop, tcp_pair};
use roundelay::net::UdpSocket;
use roundelay::spawn;

#[test]
fn an_echo_that_waits_for_every_message_allocates_nothing() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let echo = spawn(async move {
            let mut buf = [0; 64];
            loop {
                match far.read(&mut buf).await? {
                    0 => return std::io::Result::Ok(()),
                    count => far.write_all(&buf[..count]).await?,
                }
            }
        });
        let mut before = 0;
        for round in 0..1_100 {
            if round == 100 {
                before = allocations();
            }
            near.write_all(b"there and back again").await?;
            near.read_exact(&mut [0; 20]).await?;
        }
        assert_eq!(since(before), 0);
        drop(near);
        echo.await.unwrap()
    });
}

#[test]
fn many_waiters_on_one_socket_allocate_nothing_once_as_many_have_waited() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let near = Rc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let far = UdpSocket::bind("127.0.0.1:0").await?;
        far.connect(near.local_addr()?).await?;
        for _ in 0..8 {
            let near = Rc::clone(&near);
            drop(spawn(async move {
                while let Ok((_, sender)) = near.recv_from(&mut [0; 8]).await {
                    near.send_to(b"done", sender).await.unwrap();
                }
            }));
        }
        let mut before = 0;
        for round in 0..300 {
            if round == 100 {
                before = allocations();
            }
            for _ in 0..16 {
                far.send(b"to one").await?;
            }
            for _ in 0..16 {
                far.recv(&mut [0; 8]).await?;
            }
        }
        assert_eq!(since(before), 0);
        Ok(())
    });
}

#[test]
fn a_socket_that_never_waits_allocates_once() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (std_near, _far) = std::os::unix::net::UnixStream::pair()?;
        let before = allocations();
        let near = roundelay::net::UnixStream::from_std(std_near)?;
        near.write_all(b"into the buffer").await?;
        assert_eq!(since(before), 1);
        Ok(())
    });
}
