//! Links, of which Windows has two kinds.

use std::io;
use std::path::Path;

use super::{job, of_two_paths};
use crate::trying::while_trying;

of_two_paths! {
    /// Makes a link at the second path that leads to the first. On Unix only.
    symlink("linking") -> () = std::os::unix::fs::symlink;
}
