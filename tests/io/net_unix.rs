//! Unix sockets in ordinary use: where they meet.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;

use crate::support::net::{SocketPath, in_loop, kind};
use roundelay::net::{UnixListener, UnixStream};

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
