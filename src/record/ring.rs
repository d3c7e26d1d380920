//! The ring: the last events, as many as it has room for.

use super::event::Packed;
use super::recording::Event;

pub(super) struct Ring {
    events: Vec<Packed>,
    room: usize,
    /// How many events there have been. The next event goes to this number modulo the room.
    written: u64,
    next: usize,
}

impl Ring {
    /// Takes its memory at once, so that recording allocates nothing.
    pub(super) fn new(bytes: usize) -> Self {
        let room = (bytes / size_of::<Packed>()).max(1);
        Self {
            events: Vec::with_capacity(room),
            room,
            written: 0,
            next: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, event: Packed) {
        self.written += 1;
        match self.events.get_mut(self.next) {
            Some(oldest) => *oldest = event,
            None => self.events.push(event),
        }
        self.next += 1;
        if self.next == self.room {
            self.next = 0;
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The number of the oldest event in the ring.
    pub(super) fn oldest(&self) -> u64 {
        self.written - self.events.len() as u64
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let begin = if self.events.len() == self.room {
            self.next
        } else {
            0
        };
        let (late, early) = self.events.split_at(begin);
        early
            .iter()
            .chain(late)
            .map(|event| event.unpack())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::What;

    #[test]
    fn the_ring_keeps_the_last_events_in_their_order() {
        let _watched = crate::watch::watch();
        for count in 0..20 {
            let mut ring = Ring::new(5 * size_of::<Packed>() + 3);
            for number in 0..count {
                ring.push(Packed::new(number, What::Poll(number as u32)));
            }
            let kept: Vec<_> = ring.events().iter().map(|event| event.what).collect();
            let expected: Vec<_> = (ring.oldest()..count)
                .map(|number| What::Poll(number as u32))
                .collect();
            assert_eq!(kept, expected);
            assert_eq!(
                (ring.written(), ring.oldest()),
                (count, count.saturating_sub(5))
            );
        }
    }
}
