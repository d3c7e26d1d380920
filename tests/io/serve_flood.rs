//! A server with thousands of failing connections does not log a line for each.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use crate::support::serve::{Script, assert_adds_up};
use crate::support::{PATIENCE, listen, watchdog};
use roundelay::net::serve;
use roundelay::run;
use roundelay::sync::CancelToken;

const CONNECTIONS: u32 = 2_000;

#[test]
fn connections_that_fail_by_the_thousand_are_told_once_a_second() {
    watchdog(PATIENCE, || {
        let started = Instant::now();
        let (served, lines) = listen(|| {
            run(async {
                let stop = CancelToken::new();
                let (last, left) = (stop.clone(), Rc::new(Cell::new(CONNECTIONS)));
                let handler = move |_, _| {
                    left.set(left.get() - 1);
                    if left.get() == 0 {
                        last.cancel();
                    }
                    std::future::ready(Err::<(), _>(io::Error::other("no such page")))
                };
                serve(Script::new((0..CONNECTIONS).map(Ok)), handler)
                    .shutdown(stop.cancelled_owned())
                    .await
                    .unwrap()
            })
        });
        assert_eq!(served.failed, u64::from(CONNECTIONS));
        assert_adds_up(&served);
        let told: Vec<&str> = lines
            .iter()
            .map(|line| &*line.text)
            .filter(|text| text.contains("failed"))
            .collect();
        let seconds = started.elapsed().as_secs() as usize;
        assert!((1..=1 + seconds).contains(&told.len()), "{told:?}");
        assert_eq!(
            told[0],
            "the connection from \"somebody\" failed: no such page (0 more have failed since the last line)"
        );
    });
}
