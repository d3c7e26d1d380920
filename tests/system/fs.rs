//! Files: order, loss, errors that say what was tried, and dropped calls.

use std::io::{ErrorKind, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::support::poll_once;
use roundelay::fs::{self, File};
use roundelay::io::{BufReader, Write};
use roundelay::run;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "roundelay-fs-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_calls_do_what_those_of_the_standard_library_do() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    run(async {
        let (a, b) = (folder.join("a"), folder.join("b"));
        fs::write(&a, "text").await?;
        assert_eq!(fs::copy(&a, &b).await?, 4);
        assert_eq!(fs::read(&b).await?, b"text");
        fs::rename(&b, folder.join("c")).await?;
        assert!(!fs::try_exists(&b).await?);
        fs::symlink(&a, folder.join("link")).await?;
        assert_eq!(fs::read_link(folder.join("link")).await?, a);
        assert_eq!(
            fs::canonicalize(folder.join("link")).await?,
            a.canonicalize()?
        );
        assert!(
            fs::symlink_metadata(folder.join("link"))
                .await?
                .is_symlink()
        );
        fs::hard_link(&a, folder.join("hard")).await?;
        assert_eq!(fs::metadata(folder.join("hard")).await?.len(), 4);
        fs::create_dir_all(folder.join("x/y")).await?;
        fs::create_dir(folder.join("x/z")).await?;
        let mut names: Vec<_> = fs::read_dir(&folder.0)
            .await?
            .iter()
            .map(|entry| entry.file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a", "c", "hard", "link", "x"]);
        let mut permissions = fs::metadata(&a).await?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&a, permissions).await?;
        assert!(fs::metadata(&a).await?.permissions().readonly());
        fs::remove_dir(folder.join("x/z")).await?;
        fs::remove_dir_all(folder.join("x")).await?;
        fs::remove_file(&a).await
    })
    .unwrap();
}

#[test]
fn an_error_says_what_was_tried_and_keeps_its_kind() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    run(async {
        let nowhere = folder.join("nowhere");
        let errors = [
            fs::read(&nowhere).await.unwrap_err(),
            File::open(&nowhere).await.unwrap_err(),
            fs::rename(&nowhere, folder.join("b")).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("nowhere"), "{error}");
        }
    });
}

#[test]
fn reads_and_writes_of_one_file_keep_their_order() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    run(async {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let mut file = File::open_with(&options, folder.join("f")).await?;
        file.write_all(b"0123456789").await?;
        assert_eq!(file.seek(SeekFrom::Start(2)).await?, 2);
        let mut two = [0; 2];
        file.read(&mut two).await?;
        assert_eq!(&two, b"23");
        // The file has read ahead to the end, but the write goes to the caller's position.
        file.write_all(b"AB").await?;
        assert_eq!(file.seek(SeekFrom::Current(-4)).await?, 2);
        file.read(&mut two).await?;
        assert_eq!(file.seek(SeekFrom::Current(0)).await?, 4);
        file.set_len(7).await?;
        file.sync_data().await?;
        assert_eq!(file.metadata().await?.len(), 7);
        drop(file.into_std().await?);
        assert_eq!(std::fs::read(folder.join("f"))?, b"0123AB6");
        std::io::Result::Ok(())
    })
    .unwrap();
}

#[test]
fn a_large_file_is_read_by_lines() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    run(async {
        let mut file = File::create(folder.join("f")).await?;
        let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
        file.write_all(text.as_bytes()).await?;
        file.sync_all().await?;
        let mut lines = BufReader::new(File::open(folder.join("f")).await?).lines();
        let mut count = 0;
        while let Some(line) = lines.next_line().await? {
            assert_eq!(line, format!("line {count}"));
            count += 1;
        }
        assert_eq!(count, 50_000);
        Ok::<_, roundelay::io::ReadError>(())
    })
    .unwrap();
}

#[test]
fn a_read_that_is_dropped_loses_no_byte() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    std::fs::write(folder.join("f"), "abcdef").unwrap();
    let mut event_loop = roundelay::EventLoop::builder()
        .offload_threads(1)
        .build()
        .unwrap();
    event_loop.run(async {
        let mut file = File::open(folder.join("f")).await.unwrap();
        let mut bytes = [0; 3];
        // The pool's only thread is busy until the first read has been dropped.
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let busy = roundelay::offload(move || may_go_on.recv());
        {
            let mut read = Box::pin(file.read(&mut bytes));
            assert!(poll_once(read.as_mut()).is_pending());
        }
        go_on.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(file.read(&mut bytes).await.unwrap(), 3);
        assert_eq!(&bytes, b"abc");
    });
}

#[test]
fn a_write_that_was_taken_is_written_though_the_file_is_dropped() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    let mut event_loop = roundelay::EventLoop::new().unwrap();
    event_loop.run(async {
        let mut file = File::create(folder.join("f")).await.unwrap();
        assert_eq!(file.write(b"taken").await.unwrap(), 5);
    });
    let report = event_loop.shutdown(crate::support::PATIENCE);
    assert!(report.tasks.is_empty());
    assert_eq!(std::fs::read(folder.join("f")).unwrap(), b"taken");
}

#[test]
fn a_write_that_fails_is_told_by_the_next_call() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    std::fs::write(folder.join("f"), "").unwrap();
    run(async {
        let mut file = File::open(folder.join("f")).await.unwrap(); // not for writing
        assert_eq!(file.write(b"x").await.unwrap(), 1);
        assert!(file.flush().await.is_err());
        assert!(
            file.flush().await.is_ok(),
            "the error is reported only once"
        );
    });
}

#[test]
fn without_a_loop_a_call_says_so_and_nothing_is_lost() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    std::fs::write(folder.join("f"), "abc").unwrap();
    let std::task::Poll::Ready(Err(error)) =
        poll_once(Box::pin(fs::read(folder.join("f"))).as_mut())
    else {
        panic!("there is no pool");
    };
    assert!(
        error.to_string().contains("no roundelay loop is running"),
        "{error}"
    );
    let mut file = File::from_std(std::fs::File::open(folder.join("f")).unwrap());
    let mut bytes = [0; 3];
    assert!(matches!(
        poll_once(Box::pin(file.read(&mut bytes)).as_mut()),
        std::task::Poll::Ready(Err(_))
    ));
    run(async { file.read(&mut bytes).await.unwrap() });
    assert_eq!(&bytes, b"abc");
}

#[test]
fn a_seek_that_is_dropped_takes_place_all_the_same() {
    let _watched = crate::support::watch();
    let folder = Folder::new();
    std::fs::write(folder.join("f"), "abcdef").unwrap();
    run(async {
        let mut file = File::open(folder.join("f")).await.unwrap();
        let mut two = [0; 2];
        file.read(&mut two).await.unwrap(); // the rest is read ahead
        let _ = poll_once(Box::pin(file.seek(SeekFrom::Current(1))).as_mut());
        file.read(&mut two).await.unwrap();
        assert_eq!(&two, b"de");
    });
}
