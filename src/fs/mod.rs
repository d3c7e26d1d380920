//! Files, by [`offload`](fn@crate::offload). Feature `fs`.
//!
//! *Before this:* [chapter 8](mod@crate::offload). *Time:* 10 minutes. *Files, in reading order:*
//! this one, [`file`](mod@self::file).
//!
//! No system reports that a regular file is ready: a read takes as long as the disk needs, and
//! blocks the thread meanwhile. So each call here is one job on the loop's pool, and the calls are
//! those of the standard library, to be awaited. Use them for a disk that may be slow, such as a
//! network file system. For ten small files at the start of a program, [`std::fs`] is better. A
//! program with many calls in a row puts them into one `offload` of its own, since each job costs
//! a wake from another thread.
//!
//! An error says what was tried, and its kind is the system's.
//!
//! # Cancellation
//!
//! As with every [`offload`](fn@crate::offload): dropping a future drops a job that has not begun;
//! a job that is under way goes on, and its result is thrown away. So a dropped `write` or `rename`
//! may have happened.
//!
//! # Errors
//!
//! The error of the system; `Other` if the loop ends first, or if no loop is running on this
//! thread.
//!
//! ```
//! use roundelay::fs;
//!
//! # let folder = std::env::temp_dir().join(format!("roundelay-doc-{}", std::process::id()));
//! roundelay::run(async {
//!     fs::create_dir_all(&folder).await?;
//!     fs::write(folder.join("song"), "round and round").await?;
//!     assert_eq!(fs::read_to_string(folder.join("song")).await?, "round and round");
//!     let error = fs::read(folder.join("no song")).await.unwrap_err();
//!     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
//!     fs::remove_dir_all(&folder).await
//! })
//! .unwrap();
//! ```
//!
//! Guarded by tests/system/fs.rs.
//!
//! # Next
//!
//! [`compat`](mod@crate::compat): the crates of the field on this loop.

mod file;
#[cfg(unix)]
mod unix;

use std::fs::{DirEntry, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

pub use self::file::File;
#[cfg(unix)]
pub use self::unix::symlink;
use crate::context;
use crate::offload::{self, Offload};
use crate::trying::while_trying;

/// One call on the pool.
async fn job<T: Send + 'static>(
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    start(call)?.await?
}

/// Gives a call to the pool.
fn start<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> io::Result<Offload<T>> {
    if context::current().is_none() {
        return Err(io::Error::other(
            "a file is to be used by the loop's pool, and no roundelay loop is running on this thread: \
             await it inside `roundelay::run` or a spawned task",
        ));
    }
    Ok(offload::offload(call))
}

/// Calls about one path.
macro_rules! of_a_path {
    ($($(#[$about:meta])* $name:ident($doing:literal) -> $output:ty = $call:path;)*) => {$(
        $(#[$about])*
        ///
        /// For cancellation and errors see the [module](self).
        pub async fn $name(path: impl AsRef<Path>) -> io::Result<$output> {
            let path = path.as_ref().to_owned();
            job(move || $call(&path).map_err(|error| told($doing, &path, error))).await
        }
    )*};
}

/// Calls about two paths.
macro_rules! of_two_paths {
    ($($(#[$about:meta])* $name:ident($doing:literal) -> $output:ty = $call:path;)*) => {$(
        $(#[$about])*
        ///
        /// For cancellation and errors see the [module](crate::fs).
        pub async fn $name(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<$output> {
            let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
            job(move || {
                $call(&from, &to).map_err(|error| {
                    while_trying(format_args!("{} {} to {}", $doing, from.display(), to.display()), error)
                })
            })
            .await
        }
    )*};
}
#[cfg(unix)]
use of_two_paths;

fn told(doing: &str, path: &Path, error: io::Error) -> io::Error {
    while_trying(format_args!("{doing} {}", path.display()), error)
}

of_a_path! {
    /// The absolute path, with all links followed.
    canonicalize("resolving") -> PathBuf = std::fs::canonicalize;
    /// Makes a folder.
    create_dir("making the folder") -> () = std::fs::create_dir;
    /// Makes a folder, and the folders above it that do not exist.
    create_dir_all("making the folder") -> () = std::fs::create_dir_all;
    /// Whether the path exists. An error means that this cannot be known.
    try_exists("looking for") -> bool = std::fs::exists;
    /// The metadata of a file; of a link, the metadata of its target.
    metadata("looking at") -> Metadata = std::fs::metadata;
    /// The metadata of a file, or of the link itself.
    symlink_metadata("looking at") -> Metadata = std::fs::symlink_metadata;
    /// The whole file.
    read("reading") -> Vec<u8> = std::fs::read;
    /// The target of a link.
    read_link("reading the link") -> PathBuf = std::fs::read_link;
    /// The whole file, which must be UTF-8.
    read_to_string("reading") -> String = std::fs::read_to_string;
    /// All entries of a folder, in one job.
    read_dir("listing") -> Vec<DirEntry> = list;
    /// Removes an empty folder.
    remove_dir("removing the folder") -> () = std::fs::remove_dir;
    /// Removes a folder and its content.
    remove_dir_all("removing the folder") -> () = std::fs::remove_dir_all;
    /// Removes a file.
    remove_file("removing") -> () = std::fs::remove_file;
}

of_two_paths! {
    /// Copies a file with its permissions, and returns the number of bytes.
    copy("copying") -> u64 = std::fs::copy;
    /// Gives a file another name beside the first.
    hard_link("linking") -> () = std::fs::hard_link;
    /// Renames a file. A file that had the new name is replaced.
    rename("renaming") -> () = std::fs::rename;
}

fn list(path: &Path) -> io::Result<Vec<DirEntry>> {
    std::fs::read_dir(path)?.collect()
}

/// Sets the permissions of a file.
///
/// For cancellation and errors see the [module](self).
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    let set = move || {
        std::fs::set_permissions(&path, permissions)
            .map_err(|error| told("setting the permissions of", &path, error))
    };
    job(set).await
}

/// Makes the file, or replaces its content.
///
/// A `Vec` or a `String` is taken by value, and other bytes are copied, because the job outlives a future that is
/// dropped.
///
/// For cancellation and errors see the [module](self).
pub async fn write(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> io::Result<()> {
    let (path, bytes) = (path.as_ref().to_owned(), bytes.into());
    job(move || std::fs::write(&path, bytes).map_err(|error| told("writing", &path, error))).await
}
