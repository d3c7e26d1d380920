//! How the system reports that a child has ended: by a descriptor of the child, or by a signal for
//! all children.

use std::io;
use std::process::{Child, ExitStatus};

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, PidfdFlags, pidfd_open};

#[cfg(target_os = "linux")]
use crate::reactor::{Interest, Registered};
use crate::signal::{self, Kind, Signals};
#[cfg(target_os = "linux")]
use crate::trying::while_trying;

/// What the loop watches for one child.
pub(super) enum End {
    /// Readable once the child has ended.
    #[cfg(target_os = "linux")]
    Descriptor(Registered<OwnedFd>),
    /// Some child has changed its state.
    Signal(Signals),
}

impl End {
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(end) = Self::descriptor_of(child)? {
            return Ok(end);
        }
        Self::by_signal(child)
    }

    /// `None` if the system has no such descriptors: the kernel is older, or a sandbox forbids the call.
    #[cfg(target_os = "linux")]
    fn descriptor_of(child: &Child) -> io::Result<Option<Self>> {
        use rustix::io::Errno;
        let pid = Pid::from_child(child);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => Ok(Some(Self::Descriptor(Registered::new(descriptor)))),
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Ok(None),
            Err(error) => Err(while_trying(
                format_args!("opening a descriptor of child process {}", child.id()),
                error.into(),
            )),
        }
    }

    /// The caller asks for the child again after this call, so an earlier end is not missed.
    pub(super) fn by_signal(_child: &Child) -> io::Result<Self> {
        Ok(Self::Signal(signal::listen([Kind::CHILD])?))
    }

    /// Waits until the child has ended, and takes its status.
    pub(super) async fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Descriptor(descriptor) => {
                let ended = |_: &OwnedFd| match child.try_wait()? {
                    Some(status) => Ok(status),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                };
                descriptor.async_io(Interest::READABLE, ended).await
            }
            Self::Signal(signals) => loop {
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
                signals.recv().await?;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::watch::watch;

    /// The way of systems without descriptors of processes.
    #[test]
    fn children_are_awaited_by_the_signal_too_each_for_itself() {
        let _watched = watch();
        crate::run(async {
            let waits = [3, 1, 2].map(|n| async move {
                let mut child = Command::new("sh")
                    .args(["-c", &format!("sleep 0.0{n}; exit {n}")])
                    .spawn()
                    .unwrap();
                let mut end = End::by_signal(&child).unwrap();
                end.wait(&mut child).await.unwrap().code()
            });
            assert_eq!(
                crate::future::join_all(waits).await,
                [Some(3), Some(1), Some(2)]
            );
        });
    }

    #[test]
    fn a_child_that_has_ended_before_the_signal_was_listened_to_is_not_missed() {
        let _watched = watch();
        crate::run(async {
            let mut child = Command::new("true").spawn().unwrap();
            while !has_ended(&child) {
                crate::sleep(Duration::from_millis(1)).await;
            }
            let mut end = End::by_signal(&child).unwrap();
            assert!(end.wait(&mut child).await.unwrap().success());
        });
    }

    /// A zombie: the child has ended, and its status has not been taken.
    fn has_ended(child: &Child) -> bool {
        let ps = Command::new("ps")
            .args(["-o", "stat=", "-p", &child.id().to_string()])
            .output();
        ps.unwrap().stdout.starts_with(b"Z")
    }
}
