//! A socket type refuses a descriptor of another family when it is made from that descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;

use roundelay::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

#[track_caller]
fn assert_refused<T>(taken: io::Result<T>, text: &str) {
    let error = taken
        .err()
        .expect("the socket is of another family, but was taken");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), text);
}

const NOT_INET: &str = "the descriptor is not an IPv4 or IPv6 socket; if it is a Unix socket (";
const NOT_UNIX: &str = "the descriptor is not a Unix socket; if it is a TCP socket (";
const TAIL: &str = "), use the type for that";

#[test]
fn a_unix_socket_is_not_taken_for_a_tcp_one() {
    let _watched = crate::support::watch();
    let (near, _far) = unix::UnixStream::pair().unwrap();
    let dressed = std::net::TcpStream::from(OwnedFd::from(near));
    assert_refused(
        TcpStream::from_std(dressed),
        &format!("{NOT_INET}UnixStream{TAIL}"),
    );
    let path = std::env::temp_dir().join(format!("roundelay-families-{}", std::process::id()));
    let listener = unix::UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let dressed = std::net::TcpListener::from(OwnedFd::from(listener));
    assert_refused(
        TcpListener::from_std(dressed),
        &format!("{NOT_INET}UnixListener{TAIL}"),
    );
}

#[test]
fn a_tcp_socket_is_not_taken_for_a_unix_one() {
    let _watched = crate::support::watch();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let dressed = unix::UnixStream::from(OwnedFd::from(client));
    assert_refused(
        UnixStream::from_std(dressed),
        &format!("{NOT_UNIX}TcpStream{TAIL}"),
    );
    let dressed = unix::UnixListener::from(OwnedFd::from(listener));
    assert_refused(
        UnixListener::from_std(dressed),
        &format!("{NOT_UNIX}TcpListener{TAIL}"),
    );
}

#[test]
fn a_datagram_socket_of_one_family_is_not_taken_for_one_of_the_other() {
    let _watched = crate::support::watch();
    let (near, _far) = unix::UnixDatagram::pair().unwrap();
    let dressed = std::net::UdpSocket::from(OwnedFd::from(near));
    assert_refused(
        UdpSocket::from_std(dressed),
        &format!("{NOT_INET}UnixDatagram{TAIL}"),
    );
    let dressed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let dressed = unix::UnixDatagram::from(OwnedFd::from(dressed));
    assert_refused(
        UnixDatagram::from_std(dressed),
        "the descriptor is not a Unix socket; if it is a UDP socket (UdpSocket), use the type for that",
    );
}

#[test]
fn a_socket_of_its_own_family_is_taken_over_though_its_peer_is_gone() {
    let _watched = crate::support::watch();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    drop(listener.accept().unwrap());
    assert!(TcpStream::from_std(client).is_ok());
    assert!(TcpListener::from_std(listener).is_ok());
    let (near, far) = unix::UnixStream::pair().unwrap();
    drop(far);
    assert!(UnixStream::from_std(near).is_ok());
}
