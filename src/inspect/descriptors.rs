//! The names of the descriptors. The system is asked for them when a list is made.
//!
//! Nothing is noted when a socket is made or registered. Linux shows a process its own descriptors
//! as links, and its sockets as tables. So a list of tasks costs one link for each awaited
//! descriptor, and one pass over those tables.

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(all(target_os = "linux", not(miri)))]
use super::info::{TCP_LISTENER, UNIX_LISTENER};
use crate::reactor::Descriptor;

/// The names of these descriptors. A descriptor without a known name is left out.
#[cfg(any(miri, not(target_os = "linux")))]
#[inline]
pub(super) fn names(_descriptors: &[Descriptor]) -> HashMap<Descriptor, Arc<str>> {
    HashMap::new()
}

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) use linux::names;

#[cfg(all(target_os = "linux", not(miri)))]
mod linux {
    use std::fs;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::{Arc, Descriptor, HashMap, TCP_LISTENER, UNIX_LISTENER};

    /// The number of a socket in the tables.
    type Inode = u64;

    /// How many columns stand before the inode in a line of the tables of TCP and UDP, and of Unix sockets.
    const BEFORE_INODE: usize = 9;
    const BEFORE_INODE_OF_UNIX: usize = 6;
    /// The state of a listener in the tables.
    const LISTENS: &str = "0A";
    const UNIX_LISTENS: &str = "00010000";

    #[inline]
    pub(in crate::inspect) fn names(descriptors: &[Descriptor]) -> HashMap<Descriptor, Arc<str>> {
        let mut names = HashMap::new();
        let mut sockets = HashMap::new();
        for &descriptor in descriptors {
            if names.contains_key(&descriptor) {
                continue;
            }
            let Ok(link) = fs::read_link(format!("/proc/self/fd/{descriptor}")) else {
                continue;
            };
            let link = link.to_string_lossy();
            if let Some(inode) = socket(&link) {
                sockets.insert(inode, descriptor);
            }
            names.insert(descriptor, Arc::from(of_link(&link, descriptor)));
        }
        if !sockets.is_empty() {
            name_sockets(&sockets, &mut names);
        }
        names
    }

    /// `socket:[12345]`
    #[inline]
    fn socket(link: &str) -> Option<Inode> {
        let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    }

    /// A path stays as it is. `pipe:[12345]` and `anon_inode:[eventfd]` become the name of their kind.
    #[inline]
    fn of_link(link: &str, descriptor: Descriptor) -> String {
        if link.starts_with('/') {
            return link.to_owned();
        }
        let kind = match link.split_once(':') {
            Some(("anon_inode", kind)) => kind
                .strip_prefix('[')
                .and_then(|kind| kind.strip_suffix(']'))
                .unwrap_or(kind),
            Some((kind, _)) => kind,
            None => link,
        };
        format!("the {kind} at descriptor {descriptor}")
    }

    #[inline]
    fn name_sockets(
        sockets: &HashMap<Inode, Descriptor>,
        names: &mut HashMap<Descriptor, Arc<str>>,
    ) {
        type Describe = fn(&[&str], Descriptor) -> Option<String>;
        let tables: [(&str, usize, Describe); 5] = [
            ("tcp", BEFORE_INODE, tcp),
            ("tcp6", BEFORE_INODE, tcp),
            ("udp", BEFORE_INODE, udp),
            ("udp6", BEFORE_INODE, udp),
            ("unix", BEFORE_INODE_OF_UNIX, unix),
        ];
        for (table, before, describe) in tables {
            let Ok(table) = fs::read(format!("/proc/self/net/{table}")) else {
                continue;
            };
            let table = String::from_utf8_lossy(&table);
            let mut columns = Vec::new();
            for line in table.split('\n').skip(1) {
                columns.clear();
                for column in line.split(' ') {
                    if !column.is_empty() {
                        columns.push(column);
                    }
                }
                let inode = columns.get(before).and_then(|inode| inode.parse().ok());
                let Some(&descriptor) = inode.and_then(|inode: Inode| sockets.get(&inode)) else {
                    continue;
                };
                if let Some(name) = describe(&columns, descriptor) {
                    names.insert(descriptor, Arc::from(name));
                }
            }
        }
    }

    #[inline]
    fn tcp(columns: &[&str], _: Descriptor) -> Option<String> {
        let (here, there) = (address(columns[1])?, address(columns[2])?);
        Some(match columns[3] {
            LISTENS => format!("{TCP_LISTENER} {here}"),
            _ => format!("the TCP stream {here}->{there}"),
        })
    }

    #[inline]
    fn udp(columns: &[&str], _: Descriptor) -> Option<String> {
        let (here, there) = (address(columns[1])?, address(columns[2])?);
        Some(match there.port() {
            0 => format!("the UDP socket {here}"),
            _ => format!("the UDP socket {here}->{there}"),
        })
    }

    #[inline]
    fn unix(columns: &[&str], descriptor: Descriptor) -> Option<String> {
        let kind = match columns[3] {
            UNIX_LISTENS => UNIX_LISTENER,
            _ => "the Unix socket",
        };
        Some(match columns.get(BEFORE_INODE_OF_UNIX + 1) {
            Some(path) => format!("{kind} {path}"),
            None => format!("{kind} at descriptor {descriptor}"),
        })
    }

    /// `0100007F:1F90` is 127.0.0.1:8080: the port is a number. The address is in words of four bytes, each printed as
    /// the number that this machine reads there.
    #[inline]
    fn address(column: &str) -> Option<SocketAddr> {
        let (address, port) = column.split_once(':')?;
        let port = u16::try_from(hexadecimal(port)?).ok()?;
        let word = |at: usize| {
            let word = hexadecimal(address.get(8 * at..8 * at + 8)?)?;
            Some(u32::from_be(word as u32))
        };
        let address = match address.len() {
            8 => Ipv4Addr::from(word(0)?).into(),
            32 => {
                let mut bits = 0;
                for at in 0..4 {
                    bits = bits << 32 | u128::from(word(at)?);
                }
                Ipv6Addr::from(bits).to_canonical()
            }
            _ => return None,
        };
        Some(SocketAddr::new(address, port))
    }

    #[inline]
    fn hexadecimal(digits: &str) -> Option<u64> {
        u64::from_str_radix(digits, 16).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_tables_of_the_system_are_read_as_they_are_written() {
            let _watched = crate::watch::watch();
            let is = |column: &str, text: &str| {
                assert_eq!(address(column), Some(text.parse().unwrap()), "{column}");
            };
            let [one, two] = [0x7F00_0001_u32.to_be(), 0x0102_0304_u32.to_be()];
            is(&format!("{one:08X}:1F90"), "127.0.0.1:8080");
            let mapped = 0xFFFF_u32.to_be();
            is(
                &format!("0000000000000000{mapped:08X}{two:08X}:0050"),
                "1.2.3.4:80",
            );
            let last = 1_u32.to_be();
            is(
                &format!("000000000000000000000000{last:08X}:0001"),
                "[::1]:1",
            );
            assert_eq!(address("no address"), None);
            assert_eq!(address("00:00"), None);
        }

        #[test]
        fn a_link_says_what_it_is() {
            let _watched = crate::watch::watch();
            assert_eq!(socket("socket:[42]"), Some(42));
            assert_eq!(socket("pipe:[42]"), None);
            assert_eq!(of_link("pipe:[42]", 7), "the pipe at descriptor 7");
            assert_eq!(
                of_link("anon_inode:[eventfd]", 7),
                "the eventfd at descriptor 7"
            );
            assert_eq!(of_link("/dev/null", 7), "/dev/null");
        }
    }
}
