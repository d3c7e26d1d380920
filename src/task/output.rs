//! Whether an output is an `Err`, asked of an output of any type.
//!
//! A scheduler spawns what gives any value, so it cannot ask the type system. What it can ask, safely and of every type, is the name of
//! the type, and which variant of an enum a value is. Neither is promised for ever: this is for who looks at a recording, and
//! for nothing that decides.

use std::any::type_name;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

/// Whether `output` is the `Err` of a `Result`.
pub(crate) fn is_err<T>(output: &T) -> bool {
    let err: Result<(), ()> = Err(());
    type_name::<T>().starts_with("core::result::Result<") && variant(output) == variant(&err)
}

/// Which variant of its enum `value` is. [`Discriminant`](std::mem::Discriminant) hashes the number, and tells it in no other way.
fn variant<T>(value: &T) -> u64 {
    let mut number = Number(0);
    discriminant(value).hash(&mut number);
    number.finish()
}

/// A hasher that keeps a number as it is.
struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::num::NonZero;
    use std::rc::Rc;

    use super::*;

    type Narrow = Result<(), NonZero<u8>>;

    #[test]
    fn an_err_is_told_from_an_ok_whatever_is_in_them() {
        let _watched = crate::watch::watch();
        assert!(is_err(&Err::<(), _>("no")));
        assert!(is_err(&Err::<Rc<str>, _>(std::io::Error::other("no"))));
        assert!(is_err(&Narrow::Err(NonZero::<u8>::MAX)));
        assert!(is_err(&Err::<Infallible, _>(())));
        assert!(is_err(&Err::<(), _>(Ok::<(), ()>(()))));
        assert!(!is_err(&Ok::<_, ()>("yes")));
        assert!(!is_err(&Narrow::Ok(())));
        assert!(!is_err(&Ok::<_, Infallible>(Err::<(), ()>(()))));
    }

    #[test]
    fn what_is_no_result_is_no_err() {
        let _watched = crate::watch::watch();
        assert!(!is_err(&()));
        assert!(!is_err(&Some(Err::<(), ()>(()))));
        assert!(!is_err(&Box::new(Err::<(), ()>(()))));
        assert!(!is_err(&[1_u64; 100]));
    }
}
