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
#[macro_export]
macro_rules! test {
    ($($(#[$attribute:meta])* async fn $name:ident() $(-> $output:ty)? $body:block)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() $(-> $output)? {
            async fn $name() $(-> $output)? $body
            $crate::run($name())
        }
    )*};
}
