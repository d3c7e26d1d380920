//! The programs, each tried by the clients that people use: curl, wrk, a browser, Python, openssl, sqlite3, psql,
//! redis-cli.
//!
//! A client that is not installed is a failure, and the failure says which package has it.

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
