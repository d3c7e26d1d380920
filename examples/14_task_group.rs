//! Structured concurrency: tasks that end together, with a report of all errors.
//!
//! asyncio's `TaskGroup`, trio's nursery: the scope ends when every child has; the first error cancels the others.
//!
//! `cargo run --release --example 14_task_group`

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use roundelay::sync::Event;
use roundelay::{TaskGroup, sleep, timeout};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

thread_local! {
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

/// Prints a line when it is dropped.
struct Machine(&'static str);

impl Drop for Machine {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get() - 1);
        println!("    ({} has stopped)", self.0);
    }
}

async fn run(name: &'static str, time: Duration) -> Result<&'static str> {
    RUNNING.set(RUNNING.get() + 1);
    let machine = Machine(name);
    sleep(time).await;
    Ok(machine.0)
}

const HOUR: Duration = Duration::from_secs(3_600);
const MOMENT: Duration = Duration::from_millis(10);

fn main() -> Result<()> {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))); // without a backtrace
    roundelay::run(async {
        println!("1. No error: values in the order in which the children end");
        let day = TaskGroup::scope(async |group: TaskGroup<Box<dyn Error>>| {
            let group = group.with_outputs(); // without it, values are dropped as they come
            group.spawn(run("mill", 2 * MOMENT));
            group.spawn(run("lathe", MOMENT));
            while let Some(name) = group.next().await {
                println!("   the {name} has done its work");
            }
            Ok(())
        });
        day.await?;

        println!("2. The first error cancels the others, all errors are reported, and groups nest");
        let error = TaskGroup::scope(async |plant| {
            plant.spawn(run("crane", HOUR));
            plant.spawn(async { Ok(TaskGroup::scope(power_house).await?) });
            Ok(())
        });
        println!("{}", error.await.unwrap_err());
        assert_eq!(RUNNING.get(), 0, "no task outlives its scope");

        println!("3. A limit: spawn waits for room, so endless work does not pile up");
        let endless = TaskGroup::scope(async |group: TaskGroup<Box<dyn Error>>| {
            let three = group.with_limit(3);
            for number in 1.. {
                three.spawn(run("press", MOMENT)).await;
                println!("   number {number} is in, {} live", group.len());
                assert!(group.len() <= 3);
            }
            Ok(())
        });
        let elapsed = timeout(3 * MOMENT, endless).await.unwrap_err();
        println!("   {elapsed}");
        assert_eq!(RUNNING.get(), 0, "not even one that was dropped");
        Ok(())
    })
}

/// Both fail in the same turn, so both errors are reported.
async fn power_house(group: TaskGroup<Box<dyn Error>>) -> Result<()> {
    let storm = Rc::new(Event::new());
    let (line, fuse) = (Rc::clone(&storm), Rc::clone(&storm));
    group.spawn(async move {
        line.wait().await;
        Err::<(), _>("the line is down".into())
    });
    group.spawn_named("fuse", async move {
        fuse.wait().await;
        assert!(!fuse.is_set(), "the fuse has blown");
        Ok(())
    });
    group.spawn(run("turbine", HOUR));
    sleep(MOMENT).await;
    storm.set();
    Ok(())
}
