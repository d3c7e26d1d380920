//! SQLite without blocking the loop: a hundred tasks write through one connection, and a clock beside them does not miss a
//! tick. In Python, aiosqlite is used for this. The connection and its thread are in `src/database.rs`.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin sqlite -- --file steps.db`, and then
//! `sqlite3 steps.db 'SELECT count(*), sum(step) FROM steps'`.

use std::time::{Duration, Instant};

use roundelay::future::try_join_all;
use roundelay::{interval, race};
use shared::database::Database;
use shared::{Outcome, options};

const WRITERS: i64 = 100;
const STEPS: i64 = 100;

fn main() -> Outcome {
    let [file] = options(["file"])?;
    roundelay::run(async {
        let database = Database::open(file.as_deref().unwrap_or(":memory:")).await?;
        let make =
            "CREATE TABLE IF NOT EXISTS steps (writer INTEGER, step INTEGER); DELETE FROM steps";
        database
            .call(|connection| connection.execute_batch(make))
            .await?;
        let begin = Instant::now();
        let written = race!(write_all(&database), tick())?;
        println!("{written} rows by {WRITERS} tasks in {:?}", begin.elapsed());
        let sum = "SELECT count(*), sum(step) FROM steps";
        let (count, sum): (i64, i64) = database
            .call(|connection| connection.query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?))))
            .await?;
        println!("the database has {count} rows, and the sum of their steps is {sum}");
        // A complaint of SQLite comes back as an error, and the connection can be used again.
        let error = database.call(|connection| connection.execute("SELECT wrong", []));
        println!("the error of a wrong query: {}", error.await.unwrap_err());
        database.close().await;
        Ok(())
    })
}

/// Each writer has a transaction of its own, and the writers take turns in the order in which they come.
async fn write_all(database: &Database) -> Outcome<usize> {
    let writers = (0..WRITERS).map(|writer| {
        database.call(move |connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO steps VALUES (?, ?)")?;
                for step in 0..STEPS {
                    insert.execute([writer, step])?;
                }
            }
            transaction.commit()?;
            Ok(STEPS as usize)
        })
    });
    Ok(try_join_all(writers).await?.into_iter().sum())
}

/// Ticks while the writers write, and fails if the loop stood still.
async fn tick() -> Outcome<usize> {
    let mut ticks = interval(Duration::from_millis(10));
    loop {
        let due = ticks.tick().await;
        let late = due.elapsed();
        if late > Duration::from_secs(1) {
            return Err(format!("the loop stood still for {late:?}").into());
        }
    }
}
