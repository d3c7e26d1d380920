//! From one stream to another.

use std::io;

use super::{Read, Write};

/// How many bytes are read before they are written.
const PIECE: usize = 32 * 1024;

/// Copies until the reader ends, flushes the writer, and returns the number of bytes. The writer stays open.
///
/// # Cancellation
///
/// Bytes that were read and not yet written **are lost**, up to 32 KiB, and so is the count.
///
/// # Errors
///
/// Those of the reader and the writer.
///
/// ```
/// roundelay::run(async {
///     let mut copied = Vec::new();
///     assert_eq!(roundelay::io::copy(&mut &b"from here"[..], &mut copied).await?, 9);
///     assert_eq!(copied, b"from here");
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        let count = reader.read(&mut piece).await?;
        if count == 0 {
            writer.flush().await?;
            return Ok(total);
        }
        writer.write_all(&piece[..count]).await?;
        total += count as u64;
    }
}

/// Copies in both directions at once until both have ended: a proxy. Returns how many bytes went from `a` to `b` and
/// from `b` to `a`.
///
/// When one side ends, the writing side of the other is closed, and the other direction goes on: a peer that has sent its
/// request and closed still gets its answer.
///
/// # Cancellation
///
/// Bytes that were read and not yet written **are lost**, up to 32 KiB in each direction, and so are the counts.
///
/// # Errors
///
/// The first error of either direction ends both.
///
/// ```no_run
/// use roundelay::net::TcpStream;
///
/// roundelay::run(async {
///     let client = TcpStream::connect("127.0.0.1:8000").await?;
///     let server = TcpStream::connect("127.0.0.1:9000").await?;
///     let (sent, received) = roundelay::io::copy_bidirectional(&client, &server).await?;
///     println!("{sent} bytes there, {received} bytes back");
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub async fn copy_bidirectional<A, B>(a: &A, b: &B) -> io::Result<(u64, u64)>
where
    for<'a> &'a A: Read + Write,
    for<'b> &'b B: Read + Write,
{
    crate::try_join!(copy_and_close(a, b), copy_and_close(b, a))
}

async fn copy_and_close(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let total = copy(&mut from, &mut to).await?;
    to.close().await?;
    Ok(total)
}
