//! Unix sockets in ordinary use: their addresses.

use std::future::{IntoFuture, poll_fn};
use std::io::ErrorKind;
use std::net::Shutdown;

use crate::support::net::{SocketPath, in_loop, kind};
use crate::support::{PATIENCE, watchdog};
use roundelay::net::{UnixDatagram, UnixListener, UnixStream, serve};
use roundelay::sync::CancelToken;
use roundelay::{run, spawn, yield_now};

#[test]
fn unix_streams_meet_at_a_path_and_at_an_abstract_name() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let path = SocketPath::new();
        let listener = UnixListener::bind(&path)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_ref()));
        let error = UnixListener::bind(&path).unwrap_err();
        assert!(
            error.kind() == ErrorKind::AddrInUse && error.to_string().contains("roundelay-"),
            "{error}"
        );
        assert_eq!(kind(listener.try_accept()), ErrorKind::WouldBlock);
        let client = UnixStream::connect(&path).await?;
        let (server, _) = poll_fn(|cx| listener.poll_accept(cx)).await?;
        client.write_all(b"path").await?;
        assert_eq!(server.read(&mut [0; 8]).await?, 4);
        assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_ref()));
        assert!(
            client.local_addr()?.is_unnamed()
                && client.take_error()?.is_none()
                && listener.take_error()?.is_none()
        );
        client.shutdown(Shutdown::Both)?;
        assert_eq!(server.read(&mut [0; 8]).await?, 0);
        assert_eq!(
            kind(UnixStream::connect(SocketPath::new()).await),
            ErrorKind::NotFound
        );
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_serve_streams_and_datagrams() {
    let _watched = crate::support::watch();
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    use roundelay::net::UnixDatagram;

    in_loop(|| async {
        let name = |kind| {
            SocketAddr::from_abstract_name(format!("roundelay-{}-{kind}", std::process::id()))
        };
        let listener = UnixListener::bind_addr(&name("stream")?)?;
        let client = UnixStream::connect_addr(&name("stream")?).await?;
        let (server, _) = listener.accept().await?;
        server.write_all(b"abstract").await?;
        assert_eq!(client.read(&mut [0; 8]).await?, 8);
        let (near, far) = (
            UnixDatagram::unbound()?,
            UnixDatagram::bind_addr(&name("datagram")?)?,
        );
        near.send_to_addr(b"a", &name("datagram")?).await?;
        near.connect_addr(&name("datagram")?)?;
        near.send(b"bc").await?;
        assert_eq!(
            (far.recv(&mut [0; 8]).await?, far.recv(&mut [0; 8]).await?),
            (1, 2)
        );
        Ok(())
    });
}

#[test]
fn unix_datagrams_meet_at_a_path() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (here, there) = (SocketPath::new(), SocketPath::new());
        let (near, far) = (UnixDatagram::bind(&here)?, UnixDatagram::bind(&there)?);
        let mut buf = [0; 8];
        near.send_to(b"a", &there).await?;
        assert_eq!(near.try_send_to(b"bc", &there)?, 2);
        let (count, sender) = far.recv_from(&mut buf).await?;
        assert_eq!((count, sender.as_pathname()), (1, Some(here.as_ref())));
        assert_eq!(far.try_recv_from(&mut buf)?.0, 2);
        let address = far.local_addr()?;
        poll_fn(|cx| near.poll_send_to(cx, b"ghij", &there)).await?;
        poll_fn(|cx| near.poll_send_to_addr(cx, b"klmno", &address)).await?;
        assert_eq!(far.recv(&mut buf).await?, 4);
        assert_eq!(far.recv(&mut buf).await?, 5);
        near.connect(&there)?;
        assert_eq!(near.peer_addr()?.as_pathname(), Some(there.as_ref()));
        near.send(b"def").await?;
        assert_eq!(poll_fn(|cx| far.poll_recv_from(cx, &mut buf)).await?.0, 3);
        assert_eq!(kind(near.connect(SocketPath::new())), ErrorKind::NotFound);
        near.shutdown(Shutdown::Both)?;
        assert_eq!(kind(near.send(b"x").await), ErrorKind::BrokenPipe);
        assert_eq!(kind(UnixDatagram::bind(&here)), ErrorKind::AddrInUse);
        Ok(())
    });
}

#[test]
fn a_full_datagram_socket_makes_the_sender_wait() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = UnixDatagram::pair()?;
        let mut queued = 0;
        while near.try_send(&[0; 1000]).is_ok() {
            queued += 1;
        }
        let sender = spawn(async move { near.send(b"last").await });
        yield_now().await;
        for _ in 0..queued {
            assert_eq!(far.recv(&mut [0; 1000]).await?, 1000);
        }
        assert_eq!(sender.await.unwrap()?, 4);
        assert_eq!(far.recv(&mut [0; 1000]).await?, 4);
        Ok(())
    });
}

#[test]
fn unix_connections_are_served() {
    watchdog(PATIENCE, || {
        let path = std::env::temp_dir().join(format!("roundelay-serve-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let served = run(async {
            let listener = UnixListener::bind(&path).unwrap();
            let stop = CancelToken::new();
            let greet = |stream: UnixStream, _peer| async move { stream.write_all(b"hello").await };
            let server = serve(listener, greet).shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let mut greeting = Vec::new();
            let client = UnixStream::connect(&path).await.unwrap();
            client.read_to_end(&mut greeting).await.unwrap();
            assert_eq!(greeting, b"hello");
            stop.cancel();
            server.await.unwrap().unwrap()
        });
        std::fs::remove_file(&path).unwrap();
        assert_eq!((served.accepted, served.finished), (1, 1));
    });
}
