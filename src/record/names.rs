//! Which tasks the events in the ring name: the live ones, and those that have ended while the ring still tells of it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::Location;

use super::recording::Task;

#[derive(Default)]
pub(super) struct Names {
    tasks: HashMap<u32, Named, BuildHasherDefault<Serial>>,
    /// The tasks that have ended, and the number of the event that says so.
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

    /// A task has ended, as the event of that number says; the ring tells of nothing before `oldest`.
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

/// Numbers that follow each other are spread well enough by a multiplication: Knuth, *The Art of Computer Programming*, volume 3,
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
