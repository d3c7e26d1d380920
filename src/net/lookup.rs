//! Turns names into addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{iter, vec};

use super::{LookupError, while_trying};
use crate::{context, offload};

/// A type that names one or more socket addresses: what `bind`, `connect` and [`lookup_host`] accept. Addresses, and
/// strings that spell out an address, are turned into addresses at once. A name such as `"localhost:80"` needs the
/// system's resolver, which blocks, so the look-up runs on the offload pool. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a socket address",
    label = "neither a socket address nor a host with a port",
    note = "write \"localhost:80\", (\"localhost\", 80), or a `SocketAddr`"
)]
pub trait ToSocketAddrs: sealed::Name {}

/// Looks up the addresses of a name, in the resolver's order of preference.
///
/// # Cancellation
///
/// Dropping the future drops a look-up that has not begun. A look-up that has begun goes on, and its result is dropped.
///
/// # Errors
///
/// The name has no port, or does not exist; the pool refused the job; or the name must be looked up, and no loop is running.
/// The resolver's error is a [`LookupError`], which says whether there is no such name, or no server answered.
///
/// ```
/// use std::net::Ipv4Addr;
/// # roundelay::run(async {
/// let mut addresses = roundelay::net::lookup_host("127.0.0.1:7").await?;
/// assert_eq!(addresses.next(), Some((Ipv4Addr::LOCALHOST, 7).into()));
/// assert!(roundelay::net::lookup_host("localhost:7").await?.all(|address| address.ip().is_loopback()));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn lookup_host(name: impl ToSocketAddrs) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(name).await
}

/// Tries one address after another, and returns the first success. If all fail, returns the last error.
pub(super) async fn first_that_succeeds<T>(
    doing: &str,
    name: impl ToSocketAddrs,
    attempt: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failure = None;
    for address in resolve(name).await? {
        match attempt(address).await {
            Ok(value) => return Ok(value),
            Err(error) => failure = Some(while_trying(format_args!("{doing} {address}"), error)),
        }
    }
    Err(failure.unwrap_or_else(|| while_trying(doing, no_address())))
}

/// The first address of a name, for datagrams, which go to one address.
pub(super) async fn first_of(name: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    resolve(name).await?.next().ok_or_else(no_address)
}

#[inline]
fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the name stands for no address",
    )
}

async fn resolve(name: impl ToSocketAddrs) -> io::Result<Addresses> {
    match name.meaning()? {
        Meaning::Addresses(addresses) => Ok(addresses),
        Meaning::Host(host, port) => look_up(host, port).await,
    }
}

async fn look_up(host: String, port: u16) -> io::Result<Addresses> {
    let what = |error| while_trying(format_args!("looking up {host}:{port}"), error);
    if context::current().is_none() {
        let told = "no roundelay loop is running on this thread: await it inside `roundelay::run` or a spawned task";
        return Err(what(io::Error::other(told)));
    }
    let name = (host.clone(), port);
    let job = move || std::net::ToSocketAddrs::to_socket_addrs(&name);
    match offload::offload(job).await {
        Ok(Ok(addresses)) => Ok(Addresses::Several(addresses)),
        Ok(Err(error)) => Err(LookupError::new(host, port, error).into()),
        Err(error) => Err(what(io::Error::other(error))),
    }
}

/// A single address, the common case, needs no allocation.
#[derive(Debug)]
pub enum Addresses {
    One(iter::Once<SocketAddr>),
    Several(vec::IntoIter<SocketAddr>),
}

impl Iterator for Addresses {
    type Item = SocketAddr;

    #[inline]
    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Addresses::One(address) => address.next(),
            Addresses::Several(addresses) => addresses.next(),
        }
    }
}

/// What a name means.
#[derive(Debug)]
pub enum Meaning {
    Addresses(Addresses),
    Host(String, u16),
}

impl Meaning {
    fn one(address: impl Into<SocketAddr>) -> io::Result<Meaning> {
        Ok(Meaning::Addresses(Addresses::One(iter::once(
            address.into(),
        ))))
    }

    #[inline]
    fn of_host(host: &str, port: u16) -> io::Result<Meaning> {
        match host.parse::<IpAddr>() {
            Ok(address) => Meaning::one((address, port)),
            Err(_) => Ok(Meaning::Host(host.to_owned(), port)),
        }
    }

    #[inline]
    fn of_text(text: &str) -> io::Result<Meaning> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Meaning::one(address);
        }
        let parts = text
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or_else(|| {
            let told = format!(
                "\"{text}\" is no socket address: write \"host:port\", with a port below 65536"
            );
            io::Error::new(io::ErrorKind::InvalidInput, told)
        })?;
        Meaning::of_host(host, port)
    }
}

mod sealed {
    /// Reads a name without a look-up.
    pub trait Name {
        #[doc(hidden)]
        fn meaning(&self) -> std::io::Result<super::Meaning>;
    }
}

macro_rules! names {
    ($($name:ty: $this:ident => $meaning:expr;)*) => {$(
        impl ToSocketAddrs for $name {}
        impl sealed::Name for $name {
            #[inline]
            fn meaning(&self) -> io::Result<Meaning> {
                let $this = self;
                $meaning
            }
        }
    )*};
}

names! {
    SocketAddr: address => Meaning::one(*address);
    SocketAddrV4: address => Meaning::one(*address);
    SocketAddrV6: address => Meaning::one(*address);
    (IpAddr, u16): address => Meaning::one(*address);
    (Ipv4Addr, u16): address => Meaning::one(*address);
    (Ipv6Addr, u16): address => Meaning::one(*address);
    [SocketAddr]: addresses => addresses.to_vec().meaning();
    Vec<SocketAddr>: addresses => Ok(Meaning::Addresses(Addresses::Several(addresses.clone().into_iter())));
    str: text => Meaning::of_text(text);
    String: text => Meaning::of_text(text);
    (&str, u16): host => Meaning::of_host(host.0, host.1);
    (String, u16): host => Meaning::of_host(&host.0, host.1);
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> sealed::Name for &T {
    fn meaning(&self) -> io::Result<Meaning> {
        (**self).meaning()
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Name as _;
    use super::*;

    #[test]
    fn only_real_names_ask_the_resolver() {
        for literal in ["127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80"] {
            assert!(
                matches!(Meaning::of_text(literal), Ok(Meaning::Addresses(_))),
                "{literal}"
            );
        }
        assert!(
            matches!(Meaning::of_text("localhost:80"), Ok(Meaning::Host(host, 80)) if host == "localhost")
        );
        assert!(matches!(("::1", 80).meaning(), Ok(Meaning::Addresses(_))));
    }

    #[test]
    fn a_name_without_a_port_is_refused_with_advice() {
        for wrong in [
            "localhost",
            "",
            "localhost:",
            "localhost:http",
            "localhost:65536",
        ] {
            let error = Meaning::of_text(wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("host:port"), "{error}");
        }
    }
}
