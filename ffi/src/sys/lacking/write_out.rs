//! Having content written before anything else is set on a file: only Linux can, and needs it.

use crate::sys::{AsFd, Errno};

/// Content comes first without it.
pub fn write_out(_: impl AsFd) -> Result<(), Errno> {
    Ok(())
}
