//! Streams with buffers: lines, messages, exact counts, copies.
//!
//! *Before this:* [chapter 7](crate::reactor). *Time:* 30 minutes. *Files, in reading order:* this
//! one, [`traits`], [`buf_reader`], [`buf_writer`], [`lines`], [`copy`](mod@self::copy),
//! [`duplex`](mod@self::duplex).
//!
//! # The problem
//!
//! A socket gives bytes as they come: half a line, or three lines and a half. The simplest function
//! for a line reads one byte at a time, and makes a system call for each. The next reads into a
//! buffer of its own, and raises three questions:
//!
//! - *Where does the rest stay?* The bytes after the line belong to the next line. So the buffer
//!   must outlive the call.
//! - *What if the call is dropped?* The line is half read when a time-out drops the call. If the
//!   call had the bytes, they are lost, and the next line has no beginning.
//! - *What if the line never ends?* A peer that sends no `\n` fills the memory.
//!
//! # The idea
//!
//! The reader owns the buffer. A call looks into the buffer, and takes nothing until the whole line
//! is there. asyncio's `StreamReader` does the same; in Rust it matters more, because a call may be
//! dropped at any `.await`:
//!
//! ```text
//!            inner.read                     take, in one step at the end
//!   socket -------------> [ .. one\ntwo\nthr .. ] -------------> "one\n"
//!                              ^        ^   ^
//!                            start searched end        end - start: at most twice the limit
//! ```
//!
//! So all methods of [`BufReader`] can be cancelled without loss, `read_exact` too. The price is
//! one copy of the bytes of `read_exact`. Writing works the same way: [`BufWriter`] takes a piece
//! as a whole or not at all, and counts the bytes that it has passed on.
//!
//! # Answers that are due
//!
//! A client may send sixteen requests without waiting for an answer. A server that reads and
//! answers each by itself makes thirty-two system calls, one for each request and one for each
//! answer. With buffers it makes two, if it flushes the answers at the right moment. A flush too
//! early makes a system call for each answer. After a flush too late, the client waits for an
//! answer while the server waits for the client's next request, for ever. The right moment is when
//! the server has taken all the requests that it has read. So a [`BufWriter`] around a stream can
//! be read too, and flushes before it reads:
//!
//! ```
//! use roundelay::io::{BufReader, BufWriter, Write};
//! use roundelay::net::UnixStream;
//!
//! roundelay::run(async {
//!     let (client, server) = UnixStream::pair()?;
//!     client.write_all(b"onetwosix").await?;
//!     let mut server = BufReader::new(BufWriter::new(server));
//!     for _ in 0..3 {
//!         let mut request = [0; 3];
//!         server.read_exact(&mut request).await?;
//!         server.write_all(&request).await?;
//!     }
//!     assert_eq!(server.get_ref().buffer(), b"onetwosix");
//!     // Three requests in one read. The next read sends three answers in one write, and waits.
//!     let next = roundelay::spawn(async move { server.read_exact(&mut [0; 3]).await });
//!     let mut answers = [0; 9];
//!     client.read_exact(&mut answers).await?;
//!     assert_eq!(&answers, b"onetwosix");
//!     drop(client);
//!     assert!(next.await.unwrap().is_err());
//!     Ok::<(), roundelay::io::ReadError>(())
//! })
//! .unwrap();
//! ```
//!
//! A server that waits for something else in between (a file, a timer, another connection) has to
//! flush before, or the answers wait, too. The error of a late write is returned by the read that
//! flushes, or by the next `flush` or `close`. *Not done:* to hold back the bytes that are written
//! to a plain socket until the end of a turn. That would help programs without any change to them,
//! but a write would then return before its bytes are sent, and hide a failure.
//!
//! # The limit
//!
//! The limit means the same as in asyncio, and the same bytes are kept. It is compared with the
//! message without its separator.
//!
//! - [`read_until`](BufReader::read_until). More than the limit: `LimitOverrun { consumed }`, all
//!   bytes stay. The stream ends before: `Incomplete { partial }` has them.
//! - [`read_line`](BufReader::read_line). More than the limit: `LineTooLong`, and the line is
//!   dropped if its end is in the buffer, else the whole buffer is. The stream ends before: gives
//!   the last line without `\n`.
//! - [`read_exact`](BufReader::read_exact). It has no limit. The stream ends before: `Incomplete {
//!   partial, expected }` has them.
//!
//! After a `LineTooLong` the next line may be the rest of the line that was too long. If that
//! matters, use `read_until`, which drops nothing, or end the connection: a peer that sends such
//! lines breaks the protocol.
//!
//! # Why traits of our own
//!
//! [`Read`] and [`Write`] are two small traits with `async` methods. The alternative is the traits
//! of `futures-io`: there are good adapters for them, but they are `poll_` functions over `Pin<&mut
//! Self>`. Such a function has no destructor that could take its waker back. A reader that lost a
//! race would leave its waker with the socket, and *nothing-left* would not hold. An `async fn` has
//! a future, and the future has a destructor. The usual objection to `async fn` in traits, that a
//! caller cannot ask for the future to be `Send`, does not count on one thread. The price: there is
//! no `dyn Read`.
//!
//! For adapters of other crates (TLS, compression, HTTP) there are the optional features
//! `futures-io`, `tokio` and `hyper`: with them, the stream sockets have those traits too; see
//! [`compat`](crate::compat). In the other direction, `FromTokio` and `FromFutures` make a [`Read`]
//! and a [`Write`] of a stream with those traits, for example to read lines over TLS.
//!
//! # What is promised
//!
//! The section *Cancellation* of each method; at most twice the limit of memory; and that two calls
//! never get the same byte. How large the pieces are that are read, and when the buffer grows, may
//! change.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `BufReader::find`, count the whole buffer as searched:
//!   `cargo run -p exercises -- io.1`
//! - In the `Read` of `BufWriter`, read without a flush:
//!   `cargo run -p exercises -- io.2`
//!
//! # Next
//!
//! [`net`](mod@crate::net): the sockets.

#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod adapters;
mod buf_reader;
mod buf_writer;
mod copy;
mod duplex;
mod error;
mod lines;
pub(crate) mod sockets;
#[cfg(all(unix, feature = "stdio"))]
mod stdio;
mod traits;

#[cfg(feature = "futures-io")]
pub use adapters::FromFutures;
#[cfg(feature = "tokio")]
pub use adapters::FromTokio;
pub use buf_reader::{BufReader, DEFAULT_LIMIT};
pub use buf_writer::BufWriter;
pub use copy::{copy, copy_bidirectional};
pub(crate) use duplex::Cord;
pub use duplex::{Duplex, DuplexReader, DuplexWriter, duplex};
pub use error::ReadError;
pub use lines::Lines;
#[cfg(all(unix, feature = "stdio"))]
#[cfg_attr(docsrs, doc(cfg(feature = "stdio")))]
pub use stdio::{Stdin, stdin};
pub use traits::{Read, Write};
