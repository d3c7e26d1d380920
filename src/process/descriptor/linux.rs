//! Linux: a *pidfd*, which becomes readable when the child ends.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::reactor::{Interest, Registered};
use crate::trying::while_trying;

pub(in super::super) struct Descriptor(Registered<OwnedFd>);

impl Descriptor {
    /// `None` if the system has no such descriptors: the kernel is older, or a sandbox forbids the call.
    pub(in super::super) fn of(child: &Child) -> io::Result<Option<Self>> {
        match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
            Ok(descriptor) => Ok(Some(Self(Registered::new(descriptor)))),
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Ok(None),
            Err(error) => Err(while_trying(
                format_args!("opening a descriptor of child process {}", child.id()),
                error.into(),
            )),
        }
    }

    /// Waits until the child has ended, and takes its status.
    pub(in super::super) async fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let ended = |_: &OwnedFd| match child.try_wait()? {
            Some(status) => Ok(status),
            None => Err(io::ErrorKind::WouldBlock.into()),
        };
        self.0.async_io(Interest::READABLE, ended).await
    }
}
