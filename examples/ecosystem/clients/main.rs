//! The programs, each tried by the clients that people use: curl, wrk, a browser, Python, openssl, sqlite3.
//!
//! A client that is not installed is a failure, and the failure says which package has it.

mod hosts;
mod http;
mod programs;
mod sqlite;
mod tls;
#[path = "../../../tests/support/watch.rs"]
mod watch;
mod websocket;
