//! How the system reports that a child has ended: by a descriptor of the child, or by a signal for
//! all children.

use std::io;
use std::process::{Child, ExitStatus};

use super::descriptor::Descriptor;
use crate::signal::{self, Kind, Signals};

/// What the loop watches for one child.
pub(super) enum End {
    /// Readable once the child has ended.
    Descriptor(Descriptor),
    /// Some child has changed its state.
    Signal(Signals),
}

impl End {
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        match Descriptor::of(child)? {
            Some(descriptor) => Ok(Self::Descriptor(descriptor)),
            None => Self::by_signal(child),
        }
    }

    /// The caller asks for the child again after this call, so an earlier end is not missed.
    pub(super) fn by_signal(_child: &Child) -> io::Result<Self> {
        Ok(Self::Signal(signal::listen([Kind::CHILD])?))
    }

    /// Waits until the child has ended, and takes its status.
    pub(super) async fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        match self {
            Self::Descriptor(descriptor) => descriptor.wait(child).await,
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

    /// Systems without descriptors of processes wait by the signal.
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
