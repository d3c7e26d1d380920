//! The sockets in ordinary use: every public method at least once. Streams are in `net_streams.rs`, datagrams and
//! Unix sockets in `net_datagrams.rs` and `net_unix.rs`.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;

use crate::support::net::{SocketPath, in_loop, kind, tcp_pair};
use crate::support::now_or_never;
use roundelay::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use roundelay::reactor::Interest;
use roundelay::{spawn, yield_now};

#[test]
fn a_tcp_connection_has_two_ends_that_know_each_other() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let client = TcpStream::connect(address).await?;
        let (server, peer) = listener.accept().await?;
        assert_eq!((client.local_addr()?, client.peer_addr()?), (peer, address));
        assert_eq!((server.local_addr()?, server.peer_addr()?), (address, peer));
        client.set_nodelay(true)?;
        client.set_ttl(31)?;
        listener.set_ttl(32)?;
        assert_eq!(
            (client.nodelay()?, client.ttl()?, listener.ttl()?),
            (true, 31, 32)
        );
        assert!(client.take_error()?.is_none() && listener.take_error()?.is_none());
        assert!(format!("{client:?} {listener:?}").contains("TcpListener"));
        assert_eq!(client.as_fd().as_raw_fd(), client.as_raw_fd());
        Ok(())
    });
}

#[test]
fn a_connection_refused_names_the_address_and_the_next_one_is_tried() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let error = TcpStream::connect(closed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(
            error
                .to_string()
                .starts_with(&format!("connecting to {closed}: ")),
            "{error}"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        assert_eq!(
            TcpStream::connect(&[closed, address][..])
                .await?
                .peer_addr()?,
            address
        );
        assert_eq!(
            kind(TcpStream::connect(vec![closed, closed]).await),
            ErrorKind::ConnectionRefused
        );
        assert_eq!(
            kind(TcpStream::connect(Vec::new()).await),
            ErrorKind::InvalidInput
        );
        assert_eq!(kind(TcpListener::bind(address).await), ErrorKind::AddrInUse);
        Ok(())
    });
}

#[test]
fn accepting_may_be_tried_and_polled() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let listener = Rc::new(TcpListener::bind("localhost:0").await?);
        assert_eq!(kind(listener.try_accept()), ErrorKind::WouldBlock);
        let acceptor = spawn({
            let listener = Rc::clone(&listener);
            async move {
                poll_fn(|cx| listener.poll_accept(cx))
                    .await
                    .map(|(_, peer)| peer)
            }
        });
        yield_now().await;
        let client = TcpStream::connect(("localhost", listener.local_addr()?.port())).await?;
        assert_eq!(acceptor.await.unwrap()?, client.local_addr()?);
        let client = TcpStream::connect(listener.local_addr()?).await?;
        listener.async_io(Interest::READABLE, |_| Ok(())).await?;
        let (_, peer) = listener.accept().await?;
        assert_eq!(peer, client.local_addr()?);
        Ok(())
    });
}

#[test]
fn a_call_of_ones_own_waits_like_the_others() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let peek = |fd: std::os::fd::BorrowedFd<'_>| {
            let mut buf = [std::mem::MaybeUninit::uninit(); 8];
            socket2::SockRef::from(&fd).peek(&mut buf)
        };
        assert_eq!(
            kind(near.try_io(Interest::READABLE, peek)),
            ErrorKind::WouldBlock
        );
        let peeker = spawn(async move { near.async_io(Interest::READABLE, peek).await });
        yield_now().await;
        far.write_all(b"abc").await?;
        assert_eq!(peeker.await.unwrap()?, 3);
        Ok(())
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_come_back() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        assert!(now_or_never(listener.accept()).is_none());
        let listener = TcpListener::from_std(listener.into_std())?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let client = TcpStream::from_std(client.into_std())?;
        let (server, _) = listener.accept().await?;
        client.write_all(b"tcp").await?;
        assert_eq!(server.read(&mut [0; 8]).await?, 3);
        let socket = UdpSocket::from_std(UdpSocket::bind("127.0.0.1:0").await?.into_std())?;
        socket.send_to(b"udp!", socket.local_addr()?).await?;
        assert_eq!(socket.recv(&mut [0; 8]).await?, 4);
        let (near, far) = UnixStream::pair()?;
        let near = UnixStream::from_std(near.into_std())?;
        near.write_all(b"unix!").await?;
        assert_eq!(far.read(&mut [0; 8]).await?, 5);
        let (near, far) = UnixDatagram::pair()?;
        UnixDatagram::from_std(near.into_std())?
            .send(b"packet")
            .await?;
        assert_eq!(far.recv(&mut [0; 8]).await?, 6);
        let path = SocketPath::new();
        let listener = UnixListener::from_std(UnixListener::bind(&path)?.into_std())?;
        let _client = UnixStream::connect(&path).await?;
        listener.accept().await.map(drop)
    });
}

#[test]
fn names_are_looked_up_and_addresses_are_not() {
    let _watched = crate::support::watch();
    // Without a loop there is no pool, so this shows that no look-up was offloaded.
    let literals = now_or_never(async {
        let mut found: Vec<SocketAddr> = Vec::new();
        found.extend(lookup_host("127.0.0.1:1").await?);
        found.extend(lookup_host(("::1", 2)).await?);
        found.extend(lookup_host((Ipv4Addr::LOCALHOST, 3)).await?);
        found.extend(lookup_host(String::from("[::1]:4")).await?);
        found.extend(lookup_host(found.clone()).await?);
        io::Result::Ok(found.len())
    });
    assert_eq!(literals.expect("at once").unwrap(), 8);
    let error = now_or_never(async { lookup_host("localhost:1").await.map(drop) })
        .unwrap()
        .unwrap_err();
    assert!(
        error.to_string().contains("no roundelay loop is running"),
        "{error}"
    );
    in_loop(|| async {
        let addresses: Vec<SocketAddr> = lookup_host("localhost:5").await?.collect();
        assert!(
            !addresses.is_empty()
                && addresses
                    .iter()
                    .all(|it| it.ip().is_loopback() && it.port() == 5)
        );
        assert!(lookup_host(("localhost", 5)).await?.eq(addresses.clone()));
        assert!(
            lookup_host((String::from("localhost"), 5))
                .await?
                .eq(addresses)
        );
        let error = lookup_host("no-such-host.invalid:5")
            .await
            .map(drop)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("looking up no-such-host.invalid:5: "),
            "{error}"
        );
        assert_eq!(
            kind(lookup_host("localhost").await.map(drop)),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            kind(TcpStream::connect("localhost:http").await),
            ErrorKind::InvalidInput
        );
        Ok(())
    });
}
