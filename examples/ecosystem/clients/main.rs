//! Each program is tried by clients that people use: curl, wrk, a browser, Python, openssl, sqlite3, psql, redis-cli.
//!
//! If a client is not installed, its test fails and names the package.

mod databases;
mod hosts;
mod http;
mod programs;
mod servers;
mod sqlite;
mod tls;
#[path = "../../../tests/support/watch.rs"]
mod watch;
mod websocket;
