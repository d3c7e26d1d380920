//! Panics of every sort, and the lines of the log about them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Ledger, Line, Token, on_drop};

/// The text of the panic of `body`.
pub(crate) fn panic_of<R>(body: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("the body should have panicked"),
        Err(payload) => text_of(payload.as_ref()),
    }
}

pub(crate) fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let word = payload.downcast_ref::<&str>().map(|text| text.to_string());
    word.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}

/// A value whose destructor panics with `text`.
pub(crate) fn bomb(text: &'static str) -> impl Sized {
    on_drop(move || panic!("{text}"))
}

/// A future whose parts are dropped when the *scheduler* drops it. An `async` block would drop them in its last poll.
pub(crate) struct Manual<P, G> {
    poll: P,
    _guard: G,
}

pub(crate) fn manual<T, P, G>(poll: P, guard: G) -> Manual<P, G>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    G: Unpin,
{
    Manual {
        poll,
        _guard: guard,
    }
}

impl<T, P, G> Future for Manual<P, G>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    G: Unpin,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}

/// The payload of a panic. Its destructor panics too, with a payload of the same sort.
pub(crate) struct Hydra {
    heads: u32,
    ledger: Ledger,
    _token: Token,
}

impl Hydra {
    pub(crate) fn new(ledger: &Ledger, heads: u32) -> Self {
        Self {
            heads,
            ledger: ledger.clone(),
            _token: ledger.token(format!("a payload with {heads} heads")),
        }
    }
}

impl Drop for Hydra {
    fn drop(&mut self) {
        if self.heads > 0 {
            panic_any(Hydra::new(&self.ledger, self.heads - 1));
        }
    }
}

pub(crate) fn errors(lines: &[Line]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| {
            line.level == log::Level::Error
                && ["roundelay::task", "roundelay::wake"].contains(&line.target.as_str())
        })
        .map(|line| line.text.as_str())
        .collect()
}
