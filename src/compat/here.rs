//! `Here`: makes a value that stays on its thread `Send`, for foreign code that asks for it.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use pin_project_lite::pin_project;
use send_wrapper::SendWrapper;

pin_project! {
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
    /// Two words, and two comparisons of thread numbers for each use.
    pub struct Here<T> {
        // Before the value: if the guard panics, the value is leaked instead of dropped.
        guard: Guard<T>,
        #[pin]
        value: SendWrapper<T>,
    }
}

impl<T> Here<T> {
    /// Binds a value to the running thread.
    pub fn new(value: T) -> Here<T> {
        Here {
            guard: Guard {
                thread: thread::current().id(),
                value: PhantomData,
            },
            value: SendWrapper::new(value),
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
        self.guard.is_here()
    }

    /// Takes the value out.
    ///
    /// # Panics
    ///
    /// On another thread.
    #[track_caller]
    pub fn into_inner(self) -> T {
        let Here { guard, value } = self;
        guard.check("taken apart");
        value.take()
    }

    /// For the traits that poll a pinned value, where the value need not be pinned.
    #[cfg(any(
        feature = "futures-io",
        feature = "hyper",
        feature = "stream",
        feature = "tokio"
    ))]
    #[track_caller]
    pub(super) fn inner(self: Pin<&mut Self>) -> Pin<&mut T>
    where
        T: Unpin,
    {
        Pin::new(&mut **self.get_mut())
    }
}

/// # Panics
///
/// On another thread.
impl<T> Deref for Here<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.guard.check("used");
        &self.value
    }
}

/// # Panics
///
/// On another thread.
impl<T> DerefMut for Here<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.guard.check("used");
        &mut self.value
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
        let this = self.project();
        this.guard.check("polled");
        this.value.poll(cx)
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

/// The thread of the value. Its message is clearer than that of [`SendWrapper`], which checks again.
struct Guard<T> {
    thread: ThreadId,
    value: PhantomData<fn() -> T>,
}

impl<T> Guard<T> {
    fn is_here(&self) -> bool {
        self.thread == thread::current().id()
    }

    #[track_caller]
    fn check(&self, what_was_done: &str) {
        if !self.is_here() {
            refuse::<T>(what_was_done);
        }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() && !thread::panicking() {
            self.check("dropped");
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
