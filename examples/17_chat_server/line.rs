//! Lines from people, who may send any bytes.

use std::io;

use roundelay::io::{BufReader, ReadError};
use roundelay::net::TcpStream;

/// The longest line, in bytes.
pub(crate) const LONGEST: usize = 1_000;

/// The next line, without characters that would upset a terminal; `None` at the end. A line that is too long is skipped
/// to its end, a piece at a time, and never held in memory.
pub(crate) async fn next(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut is_too_long = false;
    let line = loop {
        match reader.read_until(b"\n").await {
            Ok(line) => break line.to_vec(),
            Err(ReadError::LimitOverrun { consumed }) => {
                reader.consume(consumed);
                is_too_long = true;
            }
            Err(ReadError::Incomplete { partial, .. }) if partial.is_empty() => return Ok(None),
            Err(ReadError::Incomplete { partial, .. }) => break partial, // a last line without an end
            Err(error) => return Err(error.into()),
        }
    };
    if is_too_long {
        return Ok(Some("(something too long to be heard)".to_owned()));
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.chars().filter(|c| !c.is_control()).collect()))
}
