//! Symbolic links. Windows has two kinds, so they are not here.

use std::io;
use std::path::Path;

use super::{job, of_two_paths};
use crate::trying::while_trying;

of_two_paths! {
    /// Makes a link at the second path to the first. On Unix only.
    symlink("linking") -> () = std::os::unix::fs::symlink;
}
