//! An open file that reads ahead and writes behind.
//!
//! A job cannot borrow the caller's buffer, because the job goes on when the caller's future is
//! dropped. So a job has a buffer of its own, and the file keeps the bytes that a job has read:
//!
//! ```text
//!   read:   job fills a buffer --> ahead: [ taken | still to be read ] --> copied to the caller
//!   write:  the caller's bytes are copied --> job writes them; the next call waits for it
//! ```
//!
//! So a call that is dropped loses nothing. The calls keep their order: no job begins before the
//! last job has ended. The system's position in the file may be ahead of the bytes that were taken;
//! a write or a seek corrects it.

use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read as _, Seek, SeekFrom, Write as _};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use super::{job, start, told};
use crate::io::{Read, Write};
use crate::offload::Offload;
use crate::task;

/// The least and the most bytes that one job reads or writes.
const LEAST: usize = 8 * 1024;
const MOST: usize = 256 * 1024;

/// An open file, whose calls are jobs on the loop's pool.
///
/// Put an [`io::BufReader`](crate::io::BufReader) around it for lines. Each job costs a wake from another thread, so small
/// pieces go through an [`io::BufWriter`](crate::io::BufWriter).
///
/// **Call [`flush`](Self::flush)**: `write` takes the bytes and returns, and the next call reports a failure. A file
/// that is dropped without a flush still writes the bytes it has taken, unless the loop ends; but a failure is not
/// reported.
///
/// ```
/// use roundelay::fs::File;
/// use roundelay::io::{BufReader, Write};
///
/// # let path = std::env::temp_dir().join(format!("roundelay-file-{}", std::process::id()));
/// roundelay::run(async {
///     let mut file = File::create(&path).await?;
///     file.write_all(b"one\ntwo\n").await?;
///     file.flush().await?;
///
///     let mut lines = BufReader::new(File::open(&path).await?).lines();
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
///     # std::fs::remove_file(&path)?;
///     Ok::<_, roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
pub struct File {
    file: Arc<std::fs::File>,
    busy: Busy,
    /// The bytes that were read and not taken are `ahead[taken..]`.
    ahead: Vec<u8>,
    taken: usize,
    /// The position after the last seek.
    sought: u64,
}

enum Busy {
    Idle,
    /// Gives its buffer with the bytes that it has read.
    Reading(Offload<io::Result<Vec<u8>>>),
    Writing(Offload<io::Result<()>>),
    Seeking(Offload<io::Result<u64>>),
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::open_with(OpenOptions::new().read(true), path).await
    }

    /// Makes a file for writing, or empties the file that is there.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        File::open_with(&options, path).await
    }

    /// Opens a file with the options of the standard library.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub async fn open_with(options: &OpenOptions, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (options.clone(), path.as_ref().to_owned());
        let file = job(move || {
            options
                .open(&path)
                .map_err(|error| told("opening", &path, error))
        });
        Ok(File::from_std(file.await?))
    }

    /// Makes it from a file of the standard library.
    pub fn from_std(file: std::fs::File) -> File {
        File {
            file: Arc::new(file),
            busy: Busy::Idle,
            ahead: Vec::new(),
            taken: 0,
            sought: 0,
        }
    }

    /// Reads the bytes that are there, at most as many as fit. Zero means the present end of the file, or that `bytes`
    /// is empty.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the bytes that the job reads are kept for the next read.
    ///
    /// # Errors
    ///
    /// The error of this read, or of a write before it.
    pub async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ahead.len() && !bytes.is_empty() {
            self.settle().await?;
        }
        if self.taken == self.ahead.len() && !bytes.is_empty() {
            self.read_ahead(bytes.len().clamp(LEAST, MOST))?;
            self.settle().await?;
        }
        let count = bytes.len().min(self.ahead.len() - self.taken);
        bytes[..count].copy_from_slice(&self.ahead[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }

    /// Takes some of the bytes, and returns how many. A job writes them, and the next call waits for the job.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a call that is dropped while it waits has taken no byte.
    ///
    /// # Errors
    ///
    /// The error of an earlier write. [`flush`](Self::flush) returns the error of this write.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.settle().await?;
        let piece = bytes[..bytes.len().min(MOST)].to_vec();
        let (file, count, back) = (Arc::clone(&self.file), piece.len(), self.ahead_by());
        if count > 0 {
            self.busy = Busy::Writing(start(move || {
                if back > 0 {
                    (&*file).seek(SeekFrom::Current(-back))?;
                }
                (&*file).write_all(&piece)
            })?);
            self.forget_ahead();
        }
        Ok(count)
    }

    /// Waits until all written bytes have been handed to the system.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the job goes on, and the next call waits for it.
    ///
    /// # Errors
    ///
    /// The error of a write.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.settle().await
    }

    /// Goes to another position in the file, and returns it, counted from the beginning.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the job goes on, and the next call waits for it and starts from the new position.
    ///
    /// # Errors
    ///
    /// The error of this call, or of an earlier write.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.settle().await?;
        let (file, back) = (Arc::clone(&self.file), self.ahead_by());
        self.busy = Busy::Seeking(start(move || {
            if back > 0 {
                (&*file).seek(SeekFrom::Current(-back))?;
            }
            (&*file).seek(to)
        })?);
        self.forget_ahead();
        self.settle().await?;
        Ok(self.sought)
    }

    /// Waits until the content and all metadata are on the disk.
    ///
    /// # Errors
    ///
    /// The error of this call, or of an earlier write.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.sync_all()).await
    }

    /// Waits until the content is on the disk, and the metadata that is needed to read it.
    ///
    /// # Errors
    ///
    /// The error of this call, or of an earlier write.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.sync_data()).await
    }

    /// Makes the file shorter, or longer with zeros.
    ///
    /// # Errors
    ///
    /// The error of this call, or of an earlier write.
    pub async fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.set_len(bytes)).await
    }

    /// The metadata of the file.
    ///
    /// # Errors
    ///
    /// The error of this call, or of an earlier write.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.metadata()).await
    }

    /// Makes it a file of the standard library, after all written bytes have been handed to the system.
    ///
    /// Its position is the end of the last read of a job, which may be ahead of the bytes that were taken.
    ///
    /// # Errors
    ///
    /// The error of an earlier write.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        self.settle().await?;
        self.file.try_clone()
    }

    fn read_ahead(&mut self, room: usize) -> io::Result<()> {
        let (file, mut buffer) = (Arc::clone(&self.file), mem::take(&mut self.ahead));
        self.taken = 0;
        self.busy = Busy::Reading(start(move || {
            buffer.resize(room, 0);
            let count = loop {
                match (&*file).read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            buffer.truncate(count);
            Ok(buffer)
        })?);
        Ok(())
    }

    /// Waits for the job that is under way.
    async fn settle(&mut self) -> io::Result<()> {
        let ended = match &mut self.busy {
            Busy::Idle => return Ok(()),
            Busy::Reading(reading) => reading.await.map(|read| {
                read.map(|ahead| {
                    self.ahead = ahead;
                    self.taken = 0;
                })
            }),
            Busy::Writing(writing) => writing.await,
            Busy::Seeking(seeking) => seeking
                .await
                .map(|sought| sought.map(|place| self.sought = place)),
        };
        self.busy = Busy::Idle;
        ended?
    }

    /// How many bytes the system's position is ahead of the bytes that were taken.
    fn ahead_by(&self) -> i64 {
        (self.ahead.len() - self.taken) as i64
    }

    fn forget_ahead(&mut self) {
        self.ahead.clear();
        self.taken = 0;
    }
}

impl Read for File {
    async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        File::read(self, bytes).await
    }
}

impl Write for File {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::write(self, bytes).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        File::flush(self).await
    }

    /// Flushes. The file is closed when it is dropped.
    async fn close(&mut self) -> io::Result<()> {
        File::flush(self).await
    }
}

impl Drop for File {
    /// Spawns a task that waits for a write: a job that is dropped before it has begun never runs.
    fn drop(&mut self) {
        if let Busy::Writing(writing) = mem::replace(&mut self.busy, Busy::Idle) {
            // Without a loop, a job that has not begun cannot begin.
            drop(task::try_spawn(writing));
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.file).finish()
    }
}
