//! A read into uninitialized memory, through a piece of memory that the thread keeps.
//!
//! Hyper and tokio offer buffers that may be uninitialized. A direct read into such memory takes `unsafe`, as in the
//! adapter of hyper-util. Without `unsafe`, either the memory is cleared before each read, or the read bytes are
//! copied. Hyper offers new memory for each read, at least eight kilobytes, and the head of a request has a hundred
//! bytes: to clear all of the memory costs more than to copy the bytes. For a large upload, which fills the whole
//! buffer, the two cost the same.
//!
//! The table shows the processor time of a hyper server, relative to the same server on tokio, which uses `unsafe` here
//! (`wrk -c 64` and `curl --data-binary`, medians, interleaved):
//!
//! | | clear, then read | this | unsafe |
//! |---|---|---|---|
//! | hello, 64 connections | 1.26 | 1.05 | 1.05 |
//! | uploads of 200 MB | 1.25 | 1.15 | 1.05 |
//!
//! These rows have a piece of 128 KiB. With the present piece, uploads of 1 MiB by eight connections take 1.11 of
//! tokio's time (row `upload` of `cargo bench --bench compare`) and 4.3 system calls each; tokio makes 4.6.
//!
//! Guarded by tests/ecosystem/http.rs::a_read_clears_nothing_and_allocates_nothing.

use std::cell::Cell;
use std::io;
use std::task::Poll;

/// The largest buffer that hyper offers, so that an upload takes no more system calls than without the piece. Pages
/// that no read has reached take no memory.
const PIECE: usize = 408 * 1024;

thread_local! {
    /// Empty before the first read, and during a read.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads as many bytes as one call of `read` brings, `room` at most, and gives them to `put`.
pub(super) fn read_by_way_of_the_kept_piece(
    room: usize,
    read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    put: impl FnOnce(&[u8]),
) -> Poll<io::Result<()>> {
    // Taken, not borrowed: a log sink that is told of the wait may read from a socket too.
    let mut piece = KEPT.take();
    if piece.is_empty() {
        piece = vec![0; PIECE];
    }
    let result = read(&mut piece[..room.min(PIECE)]);
    if let Poll::Ready(Ok(count)) = result {
        put(&piece[..count]);
    }
    KEPT.set(piece);
    result.map_ok(drop)
}
