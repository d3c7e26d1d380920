//! A chat room over TLS: rustls encrypts the bytes, and this crate reads and writes the lines.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin tls_chat -- --listen 127.0.0.1:8443 --certificate chat.pem`, and then
//!
//! ```console
//! $ openssl s_client -quiet -verify_return_error -CAfile chat.pem -servername localhost -connect 127.0.0.1:8443
//! ```
//!
//! in as many terminals as you like: each client gets every line. The server makes its certificate when it starts, and writes it to
//! the file. The end of its standard input (Ctrl-D) stops the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use roundelay::io::{BufReader, BufWriter, FromTokio, Read, Write};
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::sync::{CancelToken, broadcast};
use roundelay::{race, timeout};
use shared::{Outcome, end_of_input, options};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// How long a client may take to shake hands, or to read a line.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Room {
    lines: broadcast::Sender<String>,
    stopping: CancelToken,
    tls: TlsAcceptor,
}

fn main() -> Outcome {
    let [listen, certificate] = options(["listen", "certificate"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8443".into());
    let tls = acceptor(certificate.as_deref().unwrap_or("chat.pem"))?;
    roundelay::run(async {
        let listener = TcpListener::bind(listen.as_str()).await?;
        println!("listening on {}", listener.local_addr()?);
        let (lines, _) = broadcast::channel(100);
        let stopping = CancelToken::new();
        let room = Room {
            lines,
            stopping: stopping.clone(),
            tls,
        };
        let served = serve(listener, move |stream, peer| {
            visit(stream, peer, room.clone())
        })
        .shutdown(async move {
            end_of_input().await;
            stopping.cancel();
        })
        .await?;
        println!("{served}");
        Ok(())
    })
}

/// Makes a certificate for localhost that is signed by itself. The clients trust it because they have the file.
fn acceptor(path: &str) -> Outcome<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(path, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.into()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves one connection in one task.
async fn visit(stream: TcpStream, peer: SocketAddr, room: Room) -> io::Result<()> {
    let stream = timeout(PATIENCE, room.tls.accept(stream)).await??;
    let (read, write) = tokio::io::split(stream);
    let mut reader = BufReader::new(FromTokio::new(read));
    let mut writer = BufWriter::new(FromTokio::new(write));
    let mut ears = room.lines.subscribe();
    say(&mut writer, "* welcome").await?;
    // Two loops side by side in one task. When one ends, the other is dropped.
    let stay = async {
        race!(
            speak(&mut reader, &room, peer),
            hear(&mut ears, &mut writer)
        )
    };
    if room
        .stopping
        .run_until_cancelled(stay)
        .await
        .transpose()?
        .is_none()
    {
        say(&mut writer, "* the room closes, good-bye").await?;
    }
    writer.close().await // also tells the client, as TLS demands
}

async fn speak(reader: &mut BufReader<impl Read>, room: &Room, peer: SocketAddr) -> io::Result<()> {
    let mut line = String::new();
    while reader.read_line(&mut line).await? > 0 {
        // `send` fails only if no receiver is left, and this client has a receiver itself.
        let _ = room
            .lines
            .send(format!("{}: {}", peer.port(), line.trim_end()));
        line.clear();
    }
    Ok(())
}

async fn hear(
    ears: &mut broadcast::Receiver<String>,
    writer: &mut BufWriter<impl Write>,
) -> io::Result<()> {
    loop {
        let line = match ears.recv().await {
            Ok(line) => line,
            Err(broadcast::RecvError::Closed) => return Ok(()),
            Err(broadcast::RecvError::Lagged(n)) => format!("* you are too slow: {n} lines lost"),
        };
        say(writer, &line).await?;
    }
}

async fn say(writer: &mut BufWriter<impl Write>, line: &str) -> io::Result<()> {
    writer.write_all(format!("{line}\n").as_bytes()).await?;
    timeout(PATIENCE, writer.flush()).await?
}
