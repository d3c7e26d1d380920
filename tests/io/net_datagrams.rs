//! Datagrams in ordinary use: each read gets one datagram.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::task::Poll;

use crate::support::net::{in_loop, kind};
use crate::support::poll_once;
use roundelay::net::UdpSocket;

#[test]
fn datagrams_keep_their_borders_and_name_their_senders() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = (
            UdpSocket::bind("127.0.0.1:0").await?,
            UdpSocket::bind("127.0.0.1:0").await?,
        );
        let (here, there) = (near.local_addr()?, far.local_addr()?);
        let mut buf = [0; 16];
        assert_eq!(near.send_to(b"one", there).await?, 3);
        assert_eq!(near.try_send_to(b"three", there)?, 5);
        assert_eq!(
            poll_fn(|cx| near.poll_send_to(cx, b"four", there)).await?,
            4
        );
        assert_eq!(far.peek_from(&mut buf).await?, (3, here));
        let polled = poll_fn(|cx| far.poll_peek_from(cx, &mut buf)).await?;
        assert_eq!(polled, (3, here));
        assert_eq!(far.recv_from(&mut buf).await?, (3, here));
        assert_eq!(far.try_recv_from(&mut buf)?, (5, here));
        assert_eq!(
            poll_fn(|cx| far.poll_recv_from(cx, &mut buf)).await?,
            (4, here)
        );
        assert_eq!(kind(far.try_recv_from(&mut buf)), ErrorKind::WouldBlock);
        assert_eq!(kind(near.peer_addr()), ErrorKind::NotConnected);
        near.connect(there).await?;
        far.connect(here).await?;
        assert_eq!(near.peer_addr()?, there);
        assert_eq!((near.send(b"a").await?, near.try_send(b"bc")?), (1, 2));
        assert_eq!(poll_fn(|cx| near.poll_send(cx, b"def")).await?, 3);
        assert_eq!(far.peek(&mut buf).await?, 1);
        assert_eq!(poll_fn(|cx| far.poll_peek(cx, &mut buf)).await?, 1);
        assert_eq!((far.recv(&mut buf).await?, far.try_recv(&mut buf)?), (1, 2));
        far.readable().await?;
        assert_eq!(poll_fn(|cx| far.poll_recv(cx, &mut buf)).await?, 3);
        near.writable().await?;
        poll_fn(|cx| near.poll_send_ready(cx)).await?;
        let mut ready = pin!(poll_fn(|cx| far.poll_recv_ready(cx)));
        while let Poll::Ready(result) = poll_once(ready.as_mut()) {
            result?;
            assert_eq!(kind(far.try_recv(&mut buf)), ErrorKind::WouldBlock);
        }
        assert!(far.take_error()?.is_none());
        Ok(())
    });
}

#[test]
fn options_of_datagram_sockets_are_kept() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.set_broadcast(true)?;
        socket.set_ttl(17)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_ttl_v4(3)?;
        assert!(socket.broadcast()? && !socket.multicast_loop_v4()?);
        assert_eq!((socket.ttl()?, socket.multicast_ttl_v4()?), (17, 3));
        let group = Ipv4Addr::new(224, 0, 0, 123);
        // A machine without a route for groups refuses. This error is the system's, so it is no failure.
        if socket
            .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
            .is_ok()
        {
            socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        }
        if let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await {
            socket.set_multicast_loop_v6(false)?;
            assert!(!socket.multicast_loop_v6()?);
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x123);
            if socket.join_multicast_v6(&group, 1).is_ok() {
                socket.leave_multicast_v6(&group, 1)?;
            }
        }
        Ok(())
    });
}
