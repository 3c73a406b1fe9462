//! The platform layer: every direct system call, with the same signatures on every platform.
//!
//! A descriptor is whatever the platform holds open entries by: `OwnedFd`, `BorrowedFd` and `AsFd` are
//! file descriptors on Unix and handles on Windows.

mod facts;
mod lacking;
pub use facts::{Lacks, Metadata, SpaceFacts};
pub use lacking::*;

#[cfg(unix)]
mod unix;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
pub use macos::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;
