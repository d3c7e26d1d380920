//! Which call fails. The plan belongs to the thread of a test and to the threads that its pool
//! starts.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::Call;

/// What the call does instead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Fail(i32),
    Unwind,
}

pub(crate) struct Plan {
    fault: Option<(Call, Range<usize>, Deed)>,
    calls: Mutex<Vec<Call>>,
}

thread_local! {
    static PLAN: RefCell<Option<Arc<Plan>>> = const { RefCell::new(None) };
}

impl Plan {
    /// The `n`th call of this kind, counted from zero, does `deed` instead.
    pub(crate) fn strike(call: Call, n: usize, deed: Deed) -> Arc<Plan> {
        Plan::new(Some((call, n..n + 1, deed)))
    }

    /// Every call of this kind does `deed` instead.
    pub(crate) fn strike_all(call: Call, deed: Deed) -> Arc<Plan> {
        Plan::new(Some((call, 0..usize::MAX, deed)))
    }

    /// No call fails, and all are counted.
    pub(crate) fn watch() -> Arc<Plan> {
        Plan::new(None)
    }

    fn new(fault: Option<(Call, Range<usize>, Deed)>) -> Arc<Plan> {
        Arc::new(Plan {
            fault,
            calls: Mutex::default(),
        })
    }

    /// From now on this thread follows the plan.
    pub(crate) fn enter(self: &Arc<Plan>) {
        PLAN.set(Some(Arc::clone(self)));
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|other| **other == call).count()
    }

    /// Whether a call has failed or unwound.
    pub(crate) fn has_struck(&self) -> bool {
        let fault = self.fault.as_ref();
        fault.is_some_and(|(fatal, fated, _)| self.count(*fatal) > fated.start)
    }

    fn at(&self, call: Call) -> io::Result<()> {
        let n = {
            let mut calls = self.calls.lock().unwrap();
            let n = calls.iter().filter(|other| **other == call).count();
            calls.push(call);
            n
        };
        let deed = match &self.fault {
            Some((fatal, fated, deed)) if *fatal == call && fated.contains(&n) => deed,
            _ => return Ok(()),
        };
        match deed {
            Deed::Fail(code) => Err(io::Error::from_raw_os_error(*code)),
            Deed::Unwind => panic!("a fault unwinds {call:?} number {n}"),
        }
    }
}

/// Follows the plan of this thread, if it has one. The thread may be about to end, and its plan gone.
pub(crate) fn at(call: Call) -> io::Result<()> {
    let plan = PLAN.try_with(|plan| plan.borrow().clone()).ok().flatten();
    plan.map_or(Ok(()), |plan| plan.at(call))
}

pub(crate) struct Heir(Option<Arc<Plan>>);

pub(crate) fn heir() -> Heir {
    Heir(PLAN.with_borrow(Clone::clone))
}

impl Heir {
    pub(crate) fn enter(self) {
        PLAN.set(self.0);
    }
}
