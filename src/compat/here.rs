//! `Here`: makes a value that stays on its thread `Send`, for foreign code that asks for it.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use fragile::Fragile;

/// A value of this thread that is `Send` and `Sync`: it may be moved anywhere, but used and dropped only here.
///
/// Many crates ask for `Send` because their authors expect a runtime with many threads: the handlers of axum, the
/// connections of hyper-util's pooled client and of the `redis` crate, the streams that hyper returns after an
/// upgrade. On a loop of this crate no value leaves the thread, so the demand is a formality. `Here` meets the
/// demand, and checks it: each use compares the running thread with the thread that made the value.
///
/// `Here<T>` has the traits of `T`: future, stream or sink, reader and writer by the traits of futures-io, tokio
/// and hyper, body and service of hyper, connection of hyper-util; each with the feature of that name. Everything
/// else is reached by dereferencing. (All but the future ask for `T: Unpin`. For another `T` use
/// `Here<Pin<Box<T>>>`.)
///
/// ```
/// use std::rc::Rc;
/// use roundelay::compat::Here;
///
/// // A framework's demand on its handlers.
/// fn handler<F: Future<Output = u32> + Send>(future: F) -> F { future }
///
/// let visits = Rc::new(7);
/// let answer = roundelay::run(handler(Here::new(async move {
///     roundelay::yield_now().await;
///     *visits
/// })));
/// assert_eq!(answer, 7);
/// ```
///
/// # Panics
///
/// On another thread every use panics, with the name of the type in the message. Dropping it there panics too,
/// unless there is nothing to drop, or the thread is already panicking. The value is then leaked, because its
/// destructor must not run on another thread. Only [`is_here`](Here::is_here) and `Debug` work on any thread.
///
/// # What it costs
///
/// Two words, and a comparison of thread numbers for each use. A future moves to a box of its own at its first poll.
pub struct Here<T> {
    /// `None` only while it is taken apart or dropped.
    value: Option<Fragile<Kept<T>>>,
}

/// A future has to stay in its place from its first poll on, and a `Here` may be moved. So the future moves to a box.
enum Kept<T> {
    Inside(T),
    InABox(Pin<Box<T>>),
}

/// The value is pinned in its box, or not at all.
impl<T> Unpin for Here<T> {}

impl<T> Here<T> {
    /// Binds a value to the running thread.
    pub fn new(value: T) -> Here<T> {
        Here {
            value: Some(Fragile::new(Kept::Inside(value))),
        }
    }

    /// Whether the value may be used on the calling thread.
    ///
    /// ```
    /// use roundelay::compat::Here;
    ///
    /// let here = Here::new(std::rc::Rc::new(1));
    /// assert!(here.is_here());
    /// std::thread::scope(|scope| {
    ///     let elsewhere = scope.spawn(|| here.is_here());
    ///     assert!(!elsewhere.join().unwrap());
    /// });
    /// ```
    pub fn is_here(&self) -> bool {
        self.value.as_ref().is_some_and(Fragile::is_valid)
    }

    /// Takes the value out.
    ///
    /// # Panics
    ///
    /// On another thread.
    #[track_caller]
    pub fn into_inner(mut self) -> T
    where
        T: Unpin,
    {
        match self.take("taken apart") {
            Kept::Inside(value) => value,
            Kept::InABox(value) => *Pin::into_inner(value),
        }
    }

    /// For the traits that poll a pinned value, where the value need not be pinned.
    #[cfg(any(
        feature = "futures-io",
        feature = "hyper",
        feature = "stream",
        feature = "tokio"
    ))]
    #[inline]
    #[track_caller]
    pub(super) fn inner(self: Pin<&mut Self>) -> Pin<&mut T>
    where
        T: Unpin,
    {
        Pin::new(&mut **self.get_mut())
    }

    #[inline]
    #[track_caller]
    fn kept(&mut self, what_is_done: &str) -> &mut Kept<T> {
        match self.value.as_mut().map(Fragile::try_get_mut) {
            Some(Ok(kept)) => kept,
            _ => refuse::<T>(what_is_done),
        }
    }

    #[track_caller]
    fn take(&mut self, what_is_done: &str) -> Kept<T> {
        self.kept(what_is_done);
        let value = self.value.take().expect("it was there a moment ago");
        value.into_inner()
    }

    /// The value in its box, to which it moves at the first call.
    #[track_caller]
    fn pinned(&mut self, what_is_done: &str) -> Pin<&mut T> {
        if let Kept::Inside(_) = self.kept(what_is_done) {
            let boxed = match self.take(what_is_done) {
                Kept::Inside(value) => Box::pin(value),
                Kept::InABox(value) => value,
            };
            self.value = Some(Fragile::new(Kept::InABox(boxed)));
        }
        match self.kept(what_is_done) {
            Kept::InABox(value) => value.as_mut(),
            Kept::Inside(_) => unreachable!("it has moved to its box"),
        }
    }
}

/// # Panics
///
/// On another thread.
impl<T> Deref for Here<T> {
    type Target = T;

    #[track_caller]
    #[inline]
    fn deref(&self) -> &T {
        match self.value.as_ref().map(Fragile::try_get) {
            Some(Ok(Kept::Inside(value))) => value,
            Some(Ok(Kept::InABox(value))) => value,
            _ => refuse::<T>("used"),
        }
    }
}

/// # Panics
///
/// On another thread.
impl<T: Unpin> DerefMut for Here<T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        match self.kept("used") {
            Kept::Inside(value) => value,
            Kept::InABox(value) => value,
        }
    }
}

/// # Cancellation
///
/// As the inner future.
///
/// # Panics
///
/// If polled on another thread.
impl<F: Future> Future for Here<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.get_mut().pinned("polled").poll(cx)
    }
}

impl<T> From<T> for Here<T> {
    fn from(value: T) -> Here<T> {
        Here::new(value)
    }
}

/// # Panics
///
/// On another thread.
impl<T: Clone> Clone for Here<T> {
    #[track_caller]
    fn clone(&self) -> Here<T> {
        Here::new((**self).clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Here<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_here() {
            true => f.debug_tuple("Here").field(&**self).finish(),
            false => write!(f, "Here(a {} of another thread)", type_name::<T>()),
        }
    }
}

/// # Panics
///
/// On another thread, unless there is nothing to drop, or the thread is already panicking.
impl<T> Drop for Here<T> {
    #[inline]
    fn drop(&mut self) {
        if self.value.is_some() && !self.is_here() {
            // Its destructor must not run here.
            mem::forget(self.value.take());
            if mem::needs_drop::<T>() && !thread::panicking() {
                refuse::<T>("dropped");
            }
        }
    }
}

#[cold]
#[track_caller]
fn refuse<T>(what_was_done: &str) -> ! {
    panic!(
        "a `Here<{}>` was {what_was_done} on another thread than the one that made it: it belongs to that thread's loop, so \
         run the code that holds it there, as a task of the loop or inside `roundelay::run`",
        type_name::<T>()
    )
}
