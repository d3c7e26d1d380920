//! Children that were dropped before they had ended.

use std::process::Child;
use std::sync::{Mutex, PoisonError};

static ORPHANS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Remembers a child that no task will wait for, and asks for the children that have ended.
pub(super) fn adopt(child: Child) {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.push(child);
    forget_the_ended(&mut orphans);
}

/// Asks for the children that have ended, so that none stays a zombie for long.
pub(super) fn reap() {
    forget_the_ended(&mut ORPHANS.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A child that cannot be asked for is forgotten too: other code has taken its status.
fn forget_the_ended(orphans: &mut Vec<Child>) {
    orphans.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
