//! A time-out must not double the size of the future that it wraps.

use std::hint::black_box;
use std::time::{Duration, Instant};

use roundelay::{timeout, timeout_at, yield_now};

const LONG: Duration = Duration::from_secs(60);

async fn bulky() -> u8 {
    let bulk = black_box([7_u8; 960]);
    yield_now().await;
    bulk[959]
}

#[test]
fn a_time_out_keeps_room_for_its_future_once() {
    let _watched = crate::support::watch();
    let size = size_of_val(&bulky());
    for (what, wrapped) in [
        ("timeout", size_of_val(&timeout(LONG, bulky()))),
        (
            "timeout_at",
            size_of_val(&timeout_at(Instant::now(), bulky())),
        ),
        (
            "nested",
            size_of_val(&timeout(LONG, timeout(LONG, bulky()))),
        ),
    ] {
        println!("{what}: {size} bytes become {wrapped}");
        assert!(
            wrapped <= size + 2 * 48,
            "{what}: {size} bytes become {wrapped}"
        );
    }
    assert_eq!(
        roundelay::run(timeout(LONG, timeout(LONG, bulky()))),
        Ok(Ok(7))
    );
}
