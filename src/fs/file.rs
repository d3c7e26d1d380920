//! An open file, that reads ahead and writes behind.
//!
//! A job cannot borrow the caller's buffer: the job goes on when the caller's future is dropped. So a job has a buffer of its
//! own, and the file keeps what a job has brought:
//!
//! ```text
//!   read:   job fills a buffer --> ahead: [ taken | still to be read ] --> copied to the caller
//!   write:  the caller's bytes are copied --> job writes them; the next call waits for it
//! ```
//!
//! That makes both calls free of loss when they are dropped, and keeps them in their order: no job begins before the one
//! before it has ended. The file's own position is then ahead of what has been read; whoever writes or seeks puts that right.

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

/// The least and the most that one job reads or writes.
const LEAST: usize = 8 * 1024;
const MOST: usize = 256 * 1024;

/// An open file, whose calls are jobs on the loop's pool.
///
/// Put an [`io::BufReader`](crate::io::BufReader) around it for lines. Each job costs a wake from another thread, so small
/// pieces go through an [`io::BufWriter`](crate::io::BufWriter).
///
/// **Call [`flush`](Self::flush)**: `write` takes the bytes and returns, and a failure is told by the next call. A file that is
/// dropped without it still writes what it has taken, unless the loop ends; but nobody hears of a failure.
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
    /// What has been read and not taken is `ahead[taken..]`.
    ahead: Vec<u8>,
    taken: usize,
    /// Where the last seek led.
    sought: u64,
}

enum Busy {
    Idle,
    /// Gives its buffer, filled as far as the file had something.
    Reading(Offload<io::Result<Vec<u8>>>),
    Writing(Offload<io::Result<()>>),
    Seeking(Offload<io::Result<u64>>),
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::open_with(OpenOptions::new().read(true), path).await
    }

    /// Makes a file for writing, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        File::open_with(&options, path).await
    }

    /// Opens a file in any way that the standard library knows.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn open_with(options: &OpenOptions, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (options.clone(), path.as_ref().to_owned());
        let file = job(move || {
            options
                .open(&path)
                .map_err(|error| told("opening", &path, error))
        });
        Ok(File::from_std(file.await?))
    }

    /// Takes over a file of the standard library.
    pub fn from_std(file: std::fs::File) -> File {
        File {
            file: Arc::new(file),
            busy: Busy::Idle,
            ahead: Vec::new(),
            taken: 0,
            sought: 0,
        }
    }

    /// Reads what is there, at most as much as fits. Zero means the end of the file, at this moment, or that `bytes` is empty.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: what the job brings is kept for the next read.
    ///
    /// # Errors
    ///
    /// What the system says of this read, or of a write before it.
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

    /// Takes some of the bytes, and says how many: they are written by a job, and the next call waits for it.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while it waits, no byte has been taken.
    ///
    /// # Errors
    ///
    /// What the system says of an earlier write. For this one, ask [`flush`](Self::flush).
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

    /// Waits until what was written has been handed to the system.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the job goes on, and the next call waits for it.
    ///
    /// # Errors
    ///
    /// What the system said of a write.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.settle().await
    }

    /// Goes to another place in the file. Says where that is, from the beginning.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the job goes on, and the next call waits for it and finds the new place.
    ///
    /// # Errors
    ///
    /// What the system says, of an earlier write too.
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

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    ///
    /// What the system says, of an earlier write too.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.sync_all()).await
    }

    /// Waits until the content is on the disk, and what is needed to find it.
    ///
    /// # Errors
    ///
    /// What the system says, of an earlier write too.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.sync_data()).await
    }

    /// Cuts the file off, or makes it longer with zeros.
    ///
    /// # Errors
    ///
    /// What the system says, of an earlier write too.
    pub async fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.set_len(bytes)).await
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    ///
    /// What the system says, of an earlier write too.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.settle().await?;
        let file = Arc::clone(&self.file);
        job(move || file.metadata()).await
    }

    /// Gives the file to the standard library, with what was written handed to the system.
    ///
    /// The place in it is where the last read of this crate ended, which may be ahead of what was taken.
    ///
    /// # Errors
    ///
    /// What the system said of an earlier write.
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

    /// How far the file's own position is ahead of what was taken, which is to be read again.
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
    /// A job that is dropped before it has begun never runs; this one has been taken for written.
    fn drop(&mut self) {
        if let Busy::Writing(writing) = mem::replace(&mut self.busy, Busy::Idle) {
            // Without a loop it cannot be waited for, nor begin if it has not.
            drop(task::try_spawn(writing));
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.file).finish()
    }
}
