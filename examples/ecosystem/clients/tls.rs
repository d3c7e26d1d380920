//! `tls_chat`, tried by openssl.

use std::io::Write;

use crate::programs::{Process, Server, client, program};
use crate::watch;

fn enter(server: &Server, certificate: &str) -> Process {
    let mut openssl = client("openssl", "openssl");
    openssl.args(["s_client", "-quiet", "-verify_return_error"]);
    openssl.args(["-CAfile", certificate, "-servername", "localhost"]);
    openssl.args(["-verify_hostname", "localhost", "-connect", &server.address]);
    let mut guest = Process::start(openssl.stderr(std::process::Stdio::null()));
    assert_eq!(guest.line(), "* welcome");
    guest
}

#[test]
fn two_who_trust_the_certificate_hear_each_other() {
    let _watched = watch::watch();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("chat.pem").display().to_string();
    let server = Server::start(program!("tls_chat"), &["--certificate", &certificate]);
    let (mut one, mut two) = (enter(&server, &certificate), enter(&server, &certificate));
    let input = one.input.as_mut().expect("a pipe");
    input.write_all(b"hear, hear\n").unwrap();
    let heard = one.line();
    assert!(heard.ends_with(": hear, hear"), "{heard}");
    assert_eq!(two.line(), heard);
    let report = server.process.finish();
    assert!(report.contains("finished: 2, failed: 0"), "{report}");
    for guest in [&mut one, &mut two] {
        assert_eq!(guest.line(), "* the room closes, good-bye");
    }
}

#[test]
fn a_client_that_does_not_speak_tls_harms_nobody() {
    let _watched = watch::watch();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("chat.pem").display().to_string();
    let server = Server::start(program!("tls_chat"), &["--certificate", &certificate]);
    let mut stranger = std::net::TcpStream::connect(&server.address).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    std::io::copy(&mut stranger, &mut std::io::sink()).unwrap();
    drop(enter(&server, &certificate));
    let report = server.process.finish();
    assert!(report.starts_with("connections: 2"), "{report}");
}
