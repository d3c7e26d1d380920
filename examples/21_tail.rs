//! `tail -f` for several files, with a filter that can be changed while it runs.
//!
//! `cargo run --release --features fs,stdio --example 21_tail -- /var/log/*.log`
//!
//! The program prints the last lines of each file, and then every line that is added. A line on its standard input
//! becomes the filter: from then on it prints only lines that contain the filter. An empty line shows all lines again.
//! The program ends when its input ends. Without arguments it follows a file of its own for a moment, and does not read
//! its input.
//!
//! Files are read on the loop's pool (a disk may be slow), standard input by a thread of its own (a person may be
//! slower). No system reports portably that a file has grown, so the program checks its length ten times a second.

use std::cell::RefCell;
use std::io::{Result, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use roundelay::fs::File;
use roundelay::io::{Write, stdin};
use roundelay::{TaskGroup, interval, sleep};

const LAST_LINES: usize = 10;
/// How far from the end the last lines are looked for.
const LAST_BYTES: u64 = 64 * 1024;

type Filter = Rc<RefCell<String>>;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    roundelay::run(async {
        if paths.is_empty() {
            return Ok(show().await?);
        }
        let filter = Filter::default();
        TaskGroup::scope_until_cancelled(async |group| {
            for path in paths {
                let filter = Rc::clone(&filter);
                group.spawn(async move { follow(&path, &filter).await });
            }
            let mut lines = stdin().lines();
            while let Some(line) = lines.next_line().await? {
                println!("-- shows lines that contain {line:?}");
                filter.replace(line);
            }
            group.cancel();
            Ok(())
        })
        .await?;
        Ok(())
    })
}

/// Follows one file for ever. A file that becomes shorter is read from its beginning.
async fn follow(path: &Path, filter: &Filter) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let mut at = file
        .seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))
        .await?;
    let mut unfinished = Vec::new();
    let mut is_first = true;
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        if file.metadata().await?.len() < at {
            println!("{name}: -- begins again");
            at = file.seek(SeekFrom::Start(0)).await?;
            unfinished.clear();
        }
        at += read_on(&mut file, &mut unfinished).await?;
        let text = String::from_utf8_lossy(&unfinished).into_owned();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines: Vec<&str> = text[..whole].lines().collect();
        let skipped = match is_first {
            true => lines.len().saturating_sub(LAST_LINES),
            false => 0,
        };
        is_first = false;
        let filter = filter.borrow();
        for line in lines[skipped..]
            .iter()
            .filter(|line| line.contains(&**filter))
        {
            println!("{name}: {line}");
        }
        let whole = unfinished
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        unfinished.drain(..whole);
    }
}

/// Reads to the present end of the file.
async fn read_on(file: &mut File, bytes: &mut Vec<u8>) -> Result<u64> {
    let (before, mut piece) = (bytes.len(), vec![0; 16 * 1024]);
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok((bytes.len() - before) as u64),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// A file that is written while it is followed, and then begun again.
async fn show() -> Result<()> {
    let path = std::env::temp_dir().join(format!("roundelay-tail-{}", std::process::id()));
    let mut file = File::create(&path).await?;
    let verse: String = (1..=20).map(|n| format!("verse {n}\n")).collect();
    file.write_all(verse.as_bytes()).await?;
    file.flush().await?;
    let (followed, filter) = (path.clone(), Filter::default());
    let following =
        roundelay::spawn(async move { follow(&followed, &filter).await }).abort_on_drop();
    for words in ["and round\n", "a line in ", "two pieces\n"] {
        sleep(Duration::from_millis(150)).await;
        file.write_all(words.as_bytes()).await?;
        file.flush().await?;
    }
    sleep(Duration::from_millis(150)).await;
    let mut file = File::create(&path).await?;
    file.write_all(b"another song\n").await?;
    file.flush().await?;
    sleep(Duration::from_millis(250)).await;
    drop(following);
    roundelay::fs::remove_file(&path).await
}
