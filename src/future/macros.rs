//! `join!`, `try_join!`, `race!` and `select!`: futures of different types, pinned in the frame of
//! the awaiting function.
//!
//! Each macro binds its outcome with a `let` statement. The frame of the futures ends with that
//! statement: a future that has not finished is dropped there, before the outcome is returned.

/// Waits for all of the futures, of any types, and gives their outputs as a tuple in the order of the arguments.
///
/// The macro awaits by itself: use it inside `async`, without `.await`. It takes up to twelve futures, which may borrow
/// from the function around it, and allocates nothing. Each wake polls all futures that have not finished. The first
/// pass begins with the first future, each later pass with the next. For many futures of one type use
/// [`join_all`](crate::future::join_all).
///
/// # Cancellation
///
/// Dropping the function that waits drops the futures, and their outputs so far.
///
/// # Panics
///
/// A panic of one future passes through; the others are dropped.
///
/// ```
/// use roundelay::join;
///
/// roundelay::run(async {
///     let name = String::from("wheel");
///     let (length, word) = join!(async { name.len() }, async { name.as_str() });
///     assert_eq!((length, word), (5, "wheel"));
/// });
/// ```
#[macro_export]
macro_rules! join {
    () => { () };
    ($($future:expr),+ $(,)?) => {{
        let outputs = $crate::future::__private::join($crate::__parts!($($future,)+)).await;
        outputs
    }};
}

/// Waits for all of the futures, or for the first error: `Result<(..), E>`, the outputs in the order of the arguments.
///
/// The futures give `Result`s with one error type. When one fails, the others are dropped, and then the error is
/// returned. Otherwise as [`join!`](crate::join). For many futures of one type use
/// [`try_join_all`](crate::future::try_join_all).
///
/// # Errors
///
/// The first error in the order of completion.
///
/// # Cancellation
///
/// Dropping the function that waits drops the futures, and their outputs so far.
///
/// # Panics
///
/// A panic of one future passes through; the others are dropped.
///
/// ```
/// use roundelay::try_join;
///
/// roundelay::run(async {
///     let good = try_join!(async { "1".parse::<i32>() }, async { "2".parse::<i32>() });
///     assert_eq!(good, Ok((1, 2)));
///     let bad = try_join!(async { "1".parse::<i32>() }, async { "two".parse::<i32>() });
///     assert!(bad.is_err());
/// });
/// ```
#[macro_export]
macro_rules! try_join {
    ($($future:expr),+ $(,)?) => {{
        let outputs = $crate::future::__private::try_join($crate::__parts!($($future,)+)).await;
        outputs
    }};
}

/// Waits for the first of the futures, drops the others, and gives the output of the first.
///
/// The futures may be of any types, but have one output type. This is the short form of [`select!`](crate::select),
/// with the same order and ownership, if it does not matter which future has won. For many futures of one type use
/// [`race_all`](crate::future::race_all).
///
/// # Cancellation
///
/// Dropping the function that waits drops the futures. The unfinished work of a future that has not won is lost: see
/// the `# Cancellation` of each future.
///
/// # Panics
///
/// A panic of one future passes through; the others are dropped.
///
/// ```
/// use roundelay::race;
///
/// roundelay::run(async {
///     let fast = async { "fast" };
///     assert_eq!(race!(fast, std::future::pending()), "fast");
/// });
/// ```
#[macro_export]
macro_rules! race {
    (biased; $($future:expr),+ $(,)?) => { $crate::select! { biased; $(output = $future => output),+ } };
    ($($future:expr),+ $(,)?) => { $crate::select! { $(output = $future => output),+ } };
}

/// Waits for the first of the futures, drops the others, and runs the arm of the first.
///
/// ```text
/// select! {
///     pattern = future => expression,
///     pattern = future, if condition => expression,
///     else => expression,
/// }
/// ```
///
/// The macro awaits by itself: use it inside `async`, without `.await`. It takes up to twelve arms, allocates nothing, and
/// an arm may `break`, `return` and `?` like any other code. A pattern must match every output of its future. A future
/// whose condition is false is not made; when all conditions are false the `else` arm runs.
///
/// # Order
///
/// All futures are polled at each wake; of futures that are ready together, the future that is polled first wins. That
/// future is drawn anew for each `select!` from a generator that [`reseed`](crate::future::reseed) sets; the others
/// follow in the order written. With `biased;` in front the first pass begins with the first arm.
///
/// # Ownership
///
/// `select!` owns its futures. **The other futures have been dropped before the winner's arm runs**: their locks, and
/// their places in queues, are free again. A borrowed future would stay alive and unpolled while the arm runs. If it
/// had just been given a lock that the arm waits for, both would wait for ever. So `&mut future` is refused. Give the
/// future itself; or, if it must outlive the `select!`, spawn it, or keep it in a set of
/// [`as_completed`](fn@crate::future::as_completed). A future that makes progress without being polled, such as a
/// `JoinHandle` or a `Sleep`, may be lent as `Pin::new(&mut handle)`.
///
/// # Cancellation
///
/// Dropping the function that waits drops the futures. The unfinished work of a future that has not won is lost: see
/// the `# Cancellation` of each future.
///
/// # Panics
///
/// A panic of one future passes through; the others are dropped. Without an `else` arm, `select!` panics if each `if`
/// is false.
///
/// ```
/// use roundelay::select;
/// use std::time::Duration;
///
/// roundelay::run(async {
///     let answer = select! {
///         () = roundelay::sleep(Duration::from_secs(60)) => Err("timed out"),
///         word = async { "hello" } => Ok(word),
///     };
///     assert_eq!(answer, Ok("hello"));
/// });
/// ```
///
/// ```compile_fail
/// # use roundelay::select;
/// # roundelay::run(async {
/// let mut lent = std::future::ready(());
/// select! {
///     () = &mut lent => {}
/// }
/// # });
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($arms:tt)+) => {
        $crate::__select! { @arm Written [A B C D E F G H I J K L] {} {} $($arms)+ }
    };
    ($($arms:tt)+) => {
        $crate::__select! { @arm Drawn [A B C D E F G H I J K L] {} {} $($arms)+ }
    };
}

/// Takes one arm after another, gives each a letter, and collects the futures and the arms of the final `match`.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@arm $order:ident $letters:tt $parts:tt $arms:tt) => {
        $crate::__select! { @arm $order $letters $parts $arms else => ::core::panic!("each `if` of a select! was false") }
    };
    (@arm $order:ident $letters:tt { $($part:tt)+ } { $($letter:ident $pattern:pat, $body:expr;)+ } else => $else:expr $(,)?) => {{
        let order = $crate::future::__private::Order::$order;
        let winner = $crate::future::__private::select($crate::__parts!(@if $($part)+), order).await;
        match winner {
            $(::core::option::Option::Some($crate::__winner!($letter $pattern)) => $body,)+
            ::core::option::Option::None => $else,
        }
    }};
    (@arm $order:ident [] $parts:tt $arms:tt $($rest:tt)+) => {
        ::core::compile_error!("select! takes up to twelve arms: for more use roundelay::future::as_completed")
    };
    (@arm $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat = &mut $($rest:tt)+) => {
        ::core::compile_error!(
            "select! owns its futures, so that the losers are dropped before an arm runs. Give the future itself, or spawn \
             it; what makes progress without being polled (a JoinHandle, a Sleep) may be lent as Pin::new(&mut it)"
        )
    };
    (@arm $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat = $future:expr, if $condition:expr => $($rest:tt)+) => {
        $crate::__select! {
            @body $order $letters $parts $arms $pattern, { if $condition { ::core::option::Option::Some($future) } else { ::core::option::Option::None } } => $($rest)+
        }
    };
    (@arm $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat = $future:expr => $($rest:tt)+) => {
        $crate::__select! { @body $order $letters $parts $arms $pattern, { ::core::option::Option::Some($future) } => $($rest)+ }
    };
    (@body $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat, $wanted:tt => $body:block, $($rest:tt)*) => {
        $crate::__select! { @next $order $letters $parts $arms $pattern, $wanted, $body; $($rest)* }
    };
    (@body $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat, $wanted:tt => $body:block $($rest:tt)*) => {
        $crate::__select! { @next $order $letters $parts $arms $pattern, $wanted, $body; $($rest)* }
    };
    (@body $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat, $wanted:tt => $body:expr, $($rest:tt)*) => {
        $crate::__select! { @next $order $letters $parts $arms $pattern, $wanted, $body; $($rest)* }
    };
    (@body $order:ident $letters:tt $parts:tt $arms:tt $pattern:pat, $wanted:tt => $body:expr) => {
        $crate::__select! { @next $order $letters $parts $arms $pattern, $wanted, $body; }
    };
    (
        @next $order:ident [$letter:ident $($letters:ident)*] { $($parts:tt)* } { $($arms:tt)* }
        $pattern:pat, { $($wanted:tt)+ }, $body:expr; $($rest:tt)*
    ) => {
        $crate::__select! {
            @arm $order [$($letters)*]
            { $($parts)* { $($wanted)+ } }
            { $($arms)* $letter $pattern, $body; }
            $($rest)*
        }
    };
}

/// The pattern of the winner with this letter: so many parts of the list come before it.
#[doc(hidden)]
#[macro_export]
macro_rules! __winner {
    (A $pattern:pat) => { $crate::future::__private::Winner::First($pattern) };
    (B $pattern:pat) => { $crate::__winner!(@after A $pattern) };
    (C $pattern:pat) => { $crate::__winner!(@after B $pattern) };
    (D $pattern:pat) => { $crate::__winner!(@after C $pattern) };
    (E $pattern:pat) => { $crate::__winner!(@after D $pattern) };
    (F $pattern:pat) => { $crate::__winner!(@after E $pattern) };
    (G $pattern:pat) => { $crate::__winner!(@after F $pattern) };
    (H $pattern:pat) => { $crate::__winner!(@after G $pattern) };
    (I $pattern:pat) => { $crate::__winner!(@after H $pattern) };
    (J $pattern:pat) => { $crate::__winner!(@after I $pattern) };
    (K $pattern:pat) => { $crate::__winner!(@after J $pattern) };
    (L $pattern:pat) => { $crate::__winner!(@after K $pattern) };
    (@after $letter:ident $pattern:pat) => {
        $crate::future::__private::Winner::Later($crate::__winner!($letter $pattern))
    };
}

/// Makes a list of futures.
#[doc(hidden)]
#[macro_export]
macro_rules! __parts {
    () => { () };
    (@if) => { () };
    (@if { $($wanted:tt)+ } $($rest:tt)*) => {
        ($crate::__part!(@if $($wanted)+), $crate::__parts!(@if $($rest)*))
    };
    ($first:expr, $($rest:expr,)*) => { ($crate::__part!($first), $crate::__parts!($($rest,)*)) };
}

/// Pins a future in the frame of the statement around it.
#[doc(hidden)]
#[macro_export]
macro_rules! __part {
    (@if $wanted:expr) => {
        ::core::pin::pin!(::core::option::Option::map(
            $wanted,
            ::core::future::IntoFuture::into_future
        ))
    };
    ($future:expr) => {
        ::core::pin::pin!(::core::option::Option::Some(
            ::core::future::IntoFuture::into_future($future)
        ))
    };
}
