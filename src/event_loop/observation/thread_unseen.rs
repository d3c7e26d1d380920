//! What a thread is doing, on a system that does not report it.

pub(super) struct ThreadState;

impl ThreadState {
    #[inline]
    pub(super) fn of_this_thread() -> Self {
        Self
    }

    #[inline]
    pub(super) fn in_words(&self) -> &'static str {
        "what it does cannot be seen on this system"
    }
}
