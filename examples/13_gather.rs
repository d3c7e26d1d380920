//! Several futures at once within one task: all of them, the first error, the first to finish, each when it finishes.
//!
//! These are asyncio's `gather` (both forms), `wait` and `as_completed`. Nothing is spawned: the futures are polled in
//! place, so they may borrow, and unwanted futures are dropped before the result is returned.
//!
//! `cargo run --release --example 13_gather`

use std::cell::Cell;
use std::time::{Duration, Instant};

use roundelay::future::{as_completed, join_all, try_join_all};
use roundelay::{join, sleep};

/// The name of a station, the milliseconds until its answer, and the answer.
type Station = (&'static str, u64, Result<i32, &'static str>);

const STATIONS: [Station; 4] = [
    ("Lima", 80, Ok(21)),
    ("Oslo", 20, Ok(-3)),
    ("Atlantis", 40, Err("Atlantis is under water")),
    ("Rome", 60, Ok(18)),
];

/// A call to a station. Hangs up when it is dropped.
struct Call<'a>(&'a Cell<usize>, Station);

impl<'a> Call<'a> {
    fn new(open: &'a Cell<usize>, station: Station) -> Self {
        open.set(open.get() + 1);
        Call(open, station)
    }

    async fn answer(self) -> Result<i32, &'static str> {
        sleep(Duration::from_millis(self.1.1)).await;
        self.1.2
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
        println!("           (hangs up on {})", self.1.0);
    }
}

fn main() {
    roundelay::run(async {
        let open = &Cell::new(0); // all calls borrow it
        let ask = || STATIONS.map(|station| Call::new(open, station).answer());
        let start = Cell::new(Instant::now());
        let title = |title: &str| {
            println!("\n{title}");
            start.set(Instant::now());
        };
        let tell = |what: &str| println!("{:>6.0?}  {what}", start.get().elapsed());

        title("join!, of any types: gather(a, b, return_exceptions=True)");
        let oslo = Call::new(open, STATIONS[1]);
        let (lima, oslo) = join!(Call::new(open, STATIONS[0]).answer(), async {
            oslo.answer().await.map(|degrees| format!("{degrees} °C"))
        });
        tell(&format!("Lima {lima:?}, Oslo {oslo:?}"));

        title("join_all of Results: gather(*aws, return_exceptions=True)");
        let all = join_all(ask()).await;
        tell(&format!("{all:?}"));
        let in_order = STATIONS.map(|(_, _, answer)| answer);
        assert_eq!(all, in_order, "in the order of the arguments");

        title("try_join_all: gather(*aws), but the first error drops the others");
        let error = try_join_all(ask()).await.unwrap_err();
        tell(error);
        assert_eq!(open.get(), 0, "no call is still open");

        title("until the first: wait(aws, return_when=FIRST_COMPLETED), then FIRST_EXCEPTION");
        let mut set = as_completed(ask());
        for stop_at_success in [true, false] {
            let stop = |answer: &Result<_, _>| stop_at_success || answer.is_err();
            let done = set.until(stop).await; // each with its place among the arguments
            tell(&format!("done: {done:?}, pending: {}", set.len()));
        }
        drop(set);
        assert_eq!(open.get(), 0, "the pending calls have gone with the set");

        title("as_completed, each when it finishes");
        let mut set = as_completed(ask());
        while let Some((number, answer)) = set.next_numbered().await {
            tell(&format!("{}: {answer:?}", STATIONS[number].0));
        }
    });
}
