//! Tokens by number, for threads that may not hold a token.
//!
//! A token is an `Rc`, and cannot leave its thread. Its number can: a thread-local table leads from
//! the number to the token, as long as the token lives. Numbers are never given twice, so the
//! number of a token that is gone does nothing: *stale-is-inert*.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

thread_local! {
    static TOKENS: RefCell<HashMap<u64, Weak<dyn Cancel>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// A token, as the table sees it.
pub(super) trait Cancel {
    fn cancel(self: Rc<Self>);
}

/// Enters a token in the table, and returns its number.
#[inline]
pub(super) fn enter(node: Weak<dyn Cancel>) -> u64 {
    let number = NEXT.get();
    NEXT.set(number + 1);
    TOKENS.with_borrow_mut(|tokens| tokens.insert(number, node));
    number
}

/// Removes the number of a token that is gone. (At the end of the thread, the table may be gone before the token.)
#[inline]
pub(super) fn leave(number: u64) {
    let _ = TOKENS.try_with(|tokens| tokens.borrow_mut().remove(&number));
}

/// Cancels the token of that number, if it lives.
#[inline]
pub(super) fn cancel(number: u64) {
    let found = TOKENS.try_with(|tokens| tokens.borrow().get(&number).and_then(Weak::upgrade));
    if let Ok(Some(node)) = found {
        node.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::CancelToken;

    #[test]
    fn a_token_is_in_the_table_once_and_for_as_long_as_it_lives() {
        let count = || TOKENS.with_borrow(HashMap::len);
        let before = count();
        let token = CancelToken::new();
        assert_eq!(token.number(), token.clone().number());
        assert_eq!(count(), before + 1);
        let number = token.number();
        drop(token);
        assert_eq!(count(), before);
        CancelToken::cancel_numbered(number);
    }
}
