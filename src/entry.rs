//! A program's `main`, and its tests, as `async` functions. Macros by example: no procedural macro is built for them.

/// An `async fn main`, run by [`run`](crate::run). tokio's `#[tokio::main]`.
///
/// ```
/// roundelay::main! {
///     async fn main() -> std::io::Result<()> {
///         roundelay::sleep(std::time::Duration::from_millis(1)).await;
///         Ok(())
///     }
/// }
/// ```
#[macro_export]
macro_rules! main {
    ($(#[$attribute:meta])* async fn main() $(-> $output:ty)? $body:block) => {
        $(#[$attribute])*
        fn main() $(-> $output)? {
            async fn main() $(-> $output)? $body
            $crate::run(main())
        }
    };
}

/// Tests as `async` functions, each run by [`run`](crate::run) on a loop of its own. tokio's `#[tokio::test]`.
///
/// Attributes stay where they are: `#[ignore]`, `#[should_panic]`, documentation.
///
/// ```
/// roundelay::test! {
///     /// It comes round.
///     async fn a_yield_comes_back() {
///         roundelay::yield_now().await;
///     }
///
///     async fn a_test_may_fail_by_an_error() -> std::io::Result<()> {
///         let listener = roundelay::net::TcpListener::bind("127.0.0.1:0").await?;
///         assert_ne!(listener.local_addr()?.port(), 0);
///         Ok(())
///     }
/// }
/// ```
///
/// A test may run on a loop with other settings, for instance with a [virtual clock](crate::Builder::virtual_time), as
/// with tokio's `#[tokio::test(start_paused = true)]`:
///
/// ```
/// use roundelay::time::{now, sleep};
/// use std::time::Duration;
///
/// roundelay::test! {
///     on roundelay::EventLoop::builder().virtual_time().shuffle(roundelay::seed_from_env());
///
///     async fn an_hour_takes_no_time() {
///         let start = now();
///         sleep(Duration::from_secs(3600)).await;
///         assert_eq!(now() - start, Duration::from_secs(3600));
///     }
/// }
/// ```
#[macro_export]
macro_rules! test {
    (on $builder:expr; $($(#[$attribute:meta])* async fn $name:ident() $(-> $output:ty)? $body:block)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() $(-> $output)? {
            let mut event_loop = match $builder.build() {
                Ok(event_loop) => event_loop,
                Err(error) => panic!("{error}"),
            };
            async fn $name() $(-> $output)? $body
            event_loop.run($name())
        }
    )*};
    ($($(#[$attribute:meta])* async fn $name:ident() $(-> $output:ty)? $body:block)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() $(-> $output)? {
            async fn $name() $(-> $output)? $body
            $crate::run($name())
        }
    )*};
}
