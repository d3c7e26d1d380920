//! The room, and a visit to it.

use std::io::Result;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use roundelay::io::{BufReader, BufWriter};
use roundelay::net::TcpStream;
use roundelay::sync::{CancelToken, broadcast};
use roundelay::{race, timeout, yield_now};

use super::line;

/// How long a client may take to send its name, or to read its lines.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Room {
    pub(crate) lines: broadcast::Sender<String>,
    pub(crate) stop: CancelToken,
}

impl Room {
    fn tell(&self, line: String) {
        let _ = self.lines.send(line); // an error would mean that the room is empty
    }
}

/// A client with a name. When it is dropped, for any reason, the room tells the others.
struct Guest<'a>(&'a Room, String);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.tell(format!("* {} has left", self.1));
    }
}

/// Serves one connection, by one task.
pub(crate) async fn visit(stream: TcpStream, peer: SocketAddr, room: Rc<Room>) -> Result<()> {
    let mut reader = BufReader::with_limit(line::LONGEST, &stream);
    let mut writer = BufWriter::new(&stream);
    let mut ears = room.lines.subscribe();
    let stay = async {
        say(&mut writer, "* your name?").await?;
        let Some(name) = timeout(PATIENCE, line::next(&mut reader)).await?? else {
            return Ok(());
        };
        let name = if name.is_empty() {
            peer.to_string()
        } else {
            name
        };
        room.tell(format!("* {name} has come"));
        let guest = Guest(&room, name);
        // Two loops side by side in one task. When one ends, the other is dropped, and then the guest.
        race!(speak(&mut reader, &guest), hear(&mut ears, &mut writer))
    };
    let left = room.stop.run_until_cancelled(stay).await.transpose()?;
    // A client that has only stopped sending (`nc -N`) still gets the rest. No line is torn: the writer remembers its
    // position.
    while let Ok(line) = ears.try_recv() {
        say(&mut writer, &line).await?;
    }
    if left.is_none() {
        say(&mut writer, "* the room closes, goodbye").await?;
    }
    Ok(())
}

async fn speak(reader: &mut BufReader<&TcpStream>, guest: &Guest<'_>) -> Result<()> {
    while let Some(line) = line::next(reader).await? {
        guest.0.tell(format!("{}: {line}", guest.1));
        yield_now().await; // every client gets this line before the next line
    }
    Ok(())
}

type Ears = broadcast::Receiver<String>;

async fn hear(ears: &mut Ears, writer: &mut BufWriter<&TcpStream>) -> Result<()> {
    loop {
        let line = match ears.recv().await {
            Ok(line) => line,
            Err(broadcast::RecvError::Closed) => return Ok(()),
            Err(broadcast::RecvError::Lagged(n)) => format!("* you are too slow: {n} lines lost"),
        };
        say(writer, &line).await?;
    }
}

async fn say(writer: &mut BufWriter<&TcpStream>, line: &str) -> Result<()> {
    writer.write_all(format!("{line}\n").as_bytes()).await?;
    timeout(PATIENCE, writer.flush()).await?
}
