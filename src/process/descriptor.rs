//! The descriptor of a child, which Linux has and the other systems lack.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod none;

#[cfg(target_os = "linux")]
pub(super) use linux::Descriptor;
#[cfg(not(target_os = "linux"))]
pub(super) use none::Descriptor;
