//! Three scripted clients, which use sockets like any other client.

use std::io::Result;
use std::net::SocketAddr;

use roundelay::io::BufReader;
use roundelay::net::TcpStream;
use roundelay::sync::{Barrier, CancelToken};
use roundelay::try_join;

/// The line to wait for, and the act that follows it.
type Cue<'a> = (&'a str, Act<'a>);

enum Act<'a> {
    Say(&'a str),
    BreakOff,
    CloseRoom(&'a CancelToken),
}

use Act::{BreakOff, CloseRoom, Say};

/// Another client causes each cue, so the talk is the same every time.
pub(crate) async fn three_clients(server: SocketAddr, stop: &CancelToken) -> Result<()> {
    let long = "blah".repeat(100_000);
    let ann = [
        ("* ben has come", Say("hello, ben")),
        ("ben: hello, ann", Say("is anybody else here?")),
        ("* eve has left", Say("where were we?")),
        ("ben: just leaving", CloseRoom(stop)),
    ];
    let ben = [
        ("ann: hello, ben", Say("hello, ann")),
        ("ann: where were we?", Say("just leaving")),
    ];
    let eve = [
        ("ann: is anybody else here?", Say(&long)),
        ("eve: (something too long to be heard)", BreakOff),
    ];
    let all_are_in = Barrier::new(3);
    try_join!(
        client("ann", &ann, server, &all_are_in),
        client("ben", &ben, server, &all_are_in),
        client("eve", &eve, server, &all_are_in),
    )?;
    Ok(())
}

/// Follows its script, and prints every line that it receives.
async fn client(
    name: &str,
    script: &[Cue<'_>],
    server: SocketAddr,
    all_are_in: &Barrier,
) -> Result<()> {
    let stream = TcpStream::connect(server).await?;
    let say = async |words| stream.write_all(format!("{words}\n").as_bytes()).await;
    let mut lines = BufReader::new(&stream).lines();
    assert_eq!(lines.next_line().await?.as_deref(), Some("* your name?"));
    all_are_in.wait().await.expect("the barrier stays whole");
    say(name).await?;
    let mut script = script.iter();
    let mut cue = script.next();
    while let Some(line) = lines.next_line().await? {
        println!("{name} hears | {line}");
        let Some((_, act)) = cue.filter(|(awaited, _)| *awaited == line) else {
            continue;
        };
        match act {
            Say(words) => say(words).await?,
            BreakOff => return Ok(()),
            CloseRoom(stop) => stop.cancel(),
        }
        cue = script.next();
    }
    assert!(cue.is_none(), "{name} has waited in vain");
    Ok(())
}
