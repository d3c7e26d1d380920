//! Line by line.

use super::{BufReader, Read, ReadError};

/// The lines of a stream; see [`BufReader::lines`].
///
/// ```
/// use roundelay::io::BufReader;
///
/// roundelay::run(async {
///     let mut lines = BufReader::new(&b"one\r\ntwo\n\nlast"[..]).lines();
///     let mut all = Vec::new();
///     while let Some(line) = lines.next_line().await? {
///         all.push(line);
///     }
///     assert_eq!(all, ["one", "two", "", "last"]);
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
}

impl<R: Read> BufReader<R> {
    /// The lines one after the other, as `String`s without their line ends.
    pub fn lines(self) -> Lines<R> {
        Lines { reader: self }
    }
}

impl<R: Read> Lines<R> {
    /// The next line without its `\n` or `\r\n`; `None` when the stream has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`BufReader::read_line`]. After a line that was too long, or not UTF-8, the next call goes on reading.
    pub async fn next_line(&mut self) -> Result<Option<String>, ReadError> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(Some(line))
    }

    /// The reader inside, with its buffer.
    pub fn into_inner(self) -> BufReader<R> {
        self.reader
    }
}
