//! Whether the children's values are dropped at once or kept for `next`; and how many children may
//! live.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::declared::Made;
use crate::sync::Semaphore;
use crate::sync::wait_list::{Grants, Wait, WaitList};

/// How a handle to a group treats the values of the children that are spawned through it. Sealed: there are
/// [`Discard`], [`Collect`], and, inside a [`Limited`](super::Limited), [`Bounded`].
pub trait Keep<V>: sealed::Keep<V> + Clone + 'static {}

pub(super) mod sealed {
    pub trait Keep<V> {
        /// A child is about to be spawned.
        fn joined(&self);
        /// A child has ended, with its value, if it had one. May run the destructor of the value.
        fn left(&self, value: Option<V>);
    }
}

/// Values are dropped as they come, of any type. A new group does this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl<V> Keep<V> for Discard {}

impl<V> sealed::Keep<V> for Discard {
    fn joined(&self) {}

    fn left(&self, value: Option<V>) {
        drop(value);
    }
}

/// Values are kept until [`TaskGroup::next`](super::TaskGroup::next) asks for them. From [`TaskGroup::with_outputs`](super::TaskGroup::with_outputs).
pub struct Collect<V>(Rc<Outputs<V>>);

impl<V> fmt::Debug for Collect<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collect")
            .field("kept", &self.0.kept.borrow().len())
            .finish_non_exhaustive()
    }
}

struct Outputs<V> {
    kept: RefCell<VecDeque<V>>,
    alive: Cell<usize>,
    waiters: WaitList<(), Option<V>>,
}

impl<V> Collect<V> {
    #[track_caller]
    pub(super) fn new() -> Self {
        let made = Made::here("the next output of the group");
        Self(Rc::new(Outputs {
            kept: RefCell::default(),
            alive: Cell::new(0),
            waiters: WaitList::new(made),
        }))
    }

    pub(super) async fn next(&self) -> Option<V> {
        Wait::new(&*self.0, ()).await
    }

    pub(super) fn try_next(&self) -> Option<V> {
        self.0.try_grant(()).flatten()
    }
}

impl<V> Outputs<V> {
    /// `Some(Some(value))`; `Some(None)` if there is no value and no child lives that could bring one; `None` to wait.
    fn take(&self) -> Option<Option<V>> {
        let value = self.kept.borrow_mut().pop_front();
        (value.is_some() || self.alive.get() == 0).then_some(value)
    }

    fn serve(&self) {
        if !self.waiters.is_empty() {
            self.waiters.grant_while(|()| self.take());
        }
    }
}

impl<V> Grants for Outputs<V> {
    type Want = ();
    type Grant = Option<V>;

    fn waiters(&self) -> &WaitList<(), Option<V>> {
        &self.waiters
    }

    fn try_grant(&self, (): ()) -> Option<Option<V>> {
        self.waiters.is_empty().then(|| self.take()).flatten()
    }

    fn left(&self, (): (), grant: Option<Option<V>>) {
        // Guarded by tests/group/outputs.rs::a_value_given_to_a_waiter_that_was_dropped_goes_to_the_next.
        if let Some(Some(value)) = grant {
            self.kept.borrow_mut().push_front(value);
        }
        self.serve();
    }
}

impl<V> Clone for Collect<V> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<V: 'static> Keep<V> for Collect<V> {}

impl<V: 'static> sealed::Keep<V> for Collect<V> {
    fn joined(&self) {
        self.0.alive.set(self.0.alive.get() + 1);
    }

    fn left(&self, value: Option<V>) {
        self.0.alive.set(self.0.alive.get() - 1);
        self.0.kept.borrow_mut().extend(value);
        self.0.serve();
    }
}

/// As `K`; and each child gives its room back when it leaves.
pub struct Bounded<K> {
    pub(super) keep: K,
    pub(super) room: Rc<Semaphore>,
}

impl<K> fmt::Debug for Bounded<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

impl<K: Clone> Clone for Bounded<K> {
    fn clone(&self) -> Self {
        Self {
            keep: self.keep.clone(),
            room: Rc::clone(&self.room),
        }
    }
}

impl<V, K: Keep<V>> Keep<V> for Bounded<K> {}

impl<V, K: Keep<V>> sealed::Keep<V> for Bounded<K> {
    fn joined(&self) {
        self.keep.joined();
    }

    fn left(&self, value: Option<V>) {
        // Even if the value's destructor panics there is room again.
        let _room = AddOnDrop(&self.room);
        self.keep.left(value);
    }
}

struct AddOnDrop<'a>(&'a Semaphore);

impl Drop for AddOnDrop<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}
