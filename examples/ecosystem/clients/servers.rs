//! PostgreSQL and Redis. Each runs for one test, on a port and in a folder of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::programs::{Process, client, output};

/// A server that ends with the test. Its data are in the folder.
pub(crate) struct Service {
    pub(crate) process: Process,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Service {
    /// Starts the command that `command` makes from a folder and a port, and waits for the line with `ready` in it.
    fn start(folder: TempDir, ready: &str, command: impl Fn(&Path, u16) -> Command) -> Service {
        let mut said = String::new();
        // Another program may take the port before the server starts.
        for _ in 0..5 {
            let port = free_port();
            let mut process = Process::start(&mut command(folder.path(), port));
            loop {
                let line = process.line();
                said += &format!("{line}\n");
                if line.contains(ready) {
                    return Service {
                        process,
                        folder,
                        port,
                    };
                }
                if line.is_empty() {
                    break;
                }
            }
        }
        panic!("no server:\n{said}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Redis, which writes nothing to disk.
pub(crate) fn redis() -> Service {
    let folder = tempfile::tempdir().unwrap();
    Service::start(folder, "Ready to accept connections", |folder, port| {
        let mut redis = bound_to_the_test("KILL", None);
        redis.arg(client("redis-server", "redis-server").get_program());
        redis.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        redis
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder);
        redis
    })
}

/// PostgreSQL by TCP and by a Unix socket in the folder. The process prints its log.
pub(crate) fn postgres() -> Service {
    let binaries = postgres_binaries();
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL refuses to run as root, and Debian's package has a user for it.
    let user = (number(&["-u"]) == 0).then(|| number(&["-u", "postgres"]));
    if let Some(user) = user {
        chown(folder.path(), Some(user), None).unwrap();
    }
    let mut make = bound_to_the_test("KILL", user);
    make.arg(binaries.join("initdb"))
        .arg("--pgdata")
        .arg(folder.path().join("data"));
    output(make.args([
        "--username=postgres",
        "--auth=trust",
        "--no-locale",
        "--encoding=UTF8",
        "--no-sync",
    ]));
    let ready = "database system is ready to accept connections";
    Service::start(folder, ready, |folder, port| {
        let mut postgres = bound_to_the_test("QUIT", user);
        // The log goes to standard output, which the test reads.
        postgres.args(["sh", "-c", r#"exec "$0" "$@" 2>&1"#]);
        postgres
            .arg(binaries.join("postgres"))
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-k")
            .arg(folder);
        postgres.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F"]);
        // The shared memory is in the folder too, and is removed with it.
        postgres.args(["-c", "dynamic_shared_memory_type=mmap"]);
        postgres
    })
}

/// `setpriv`, which runs the command as another user. The command gets the signal when the test ends, even by a crash.
fn bound_to_the_test(signal: &str, user: Option<u32>) -> Command {
    let mut setpriv = client("setpriv", "util-linux");
    setpriv.args(["--pdeathsig", signal]);
    if let Some(user) = user {
        let group = number(&["-g", "postgres"]);
        setpriv
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={group}"))
            .arg("--clear-groups");
    }
    setpriv.current_dir("/");
    setpriv
}

fn number(of: &[&str]) -> u32 {
    output(client("id", "coreutils").args(of))
        .trim()
        .parse()
        .unwrap()
}

/// Debian keeps these programs out of the path, in a folder for each version.
fn postgres_binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|version| version.unwrap().path().join("bin"));
    let newest = folders
        .filter(|folder| folder.join("initdb").exists())
        .max();
    newest.expect("`postgres` is not installed: apt-get install postgresql")
}
