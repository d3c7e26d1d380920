//! The tasks that the events in the ring name: the live tasks, and ended tasks whose end is still in the ring.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::Location;

use super::recording::Task;

#[derive(Default)]
pub(super) struct Names {
    tasks: HashMap<u32, Named, BuildHasherDefault<Serial>>,
    /// The tasks that have ended, and the number of the event of their end.
    ended: VecDeque<(u32, u64)>,
}

struct Named {
    name: Option<Box<str>>,
    location: &'static Location<'static>,
    parent: Option<u32>,
}

impl Names {
    pub(super) fn add(
        &mut self,
        number: u32,
        parent: Option<u32>,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) {
        let name = name.map(Box::from);
        let named = Named {
            name,
            location,
            parent,
        };
        self.tasks.insert(number, named);
    }

    /// The task ended at the event with this number. The ring has no event before `oldest`.
    pub(super) fn end(&mut self, number: u32, event: u64, oldest: u64) {
        self.ended.push_back((number, event));
        while let Some(&(number, event)) = self.ended.front() {
            if event >= oldest {
                break;
            }
            self.ended.pop_front();
            self.tasks.remove(&number);
        }
    }

    /// In the order of their spawning.
    pub(super) fn list(&self) -> Vec<Task> {
        let task = |(number, named): (&u32, &Named)| Task {
            number: *number,
            name: named.name.as_deref().map(str::to_owned),
            location: Some(named.location),
            parent: named.parent,
        };
        let mut tasks: Vec<_> = self.tasks.iter().map(task).collect();
        tasks.sort_by_key(|task| task.number);
        tasks
    }
}

/// A multiplication spreads consecutive numbers well enough: Knuth, *The Art of Computer Programming*, volume 3,
/// section 6.4.
#[derive(Default)]
struct Serial(u64);

impl Hasher for Serial {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(self.0 as u32 ^ u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
