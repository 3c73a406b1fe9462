//! From errno to [`Status`].

use crate::status::Status;

pub use rustix::io::Errno;

/// The system's own number of an error.
pub fn os_number(errno: Errno) -> u32 {
    errno.raw_os_error().unsigned_abs()
}

/// The kind of failure that an error number stands for.
pub fn status_of(errno: Errno) -> Status {
    match errno {
        Errno::NOENT => Status::NotFound,
        Errno::ACCESS | Errno::PERM => Status::Permission,
        Errno::EXIST => Status::Exists,
        Errno::NOTDIR => Status::NotDirectory,
        Errno::ISDIR => Status::IsDirectory,
        Errno::NOSPC | Errno::DQUOT => Status::NoSpace,
        Errno::ROFS => Status::ReadOnly,
        // A name that isn't in the encoding of the file system, as on Windows.
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY | Errno::ILSEQ => Status::Unsupported,
        Errno::CANCELED => Status::Cancelled,
        Errno::BUSY | Errno::TXTBSY | Errno::AGAIN => Status::Busy,
        Errno::MFILE | Errno::NFILE => Status::TooManyFiles,
        Errno::NAMETOOLONG => Status::NameTooLong,
        Errno::NOTEMPTY => Status::NotEmpty,
        Errno::XDEV => Status::CrossDevice,
        Errno::LOOP => Status::LinkLoop,
        // A server that no longer knows the handle: the entry is not the one that was recorded.
        Errno::STALE => Status::Changed,
        _ => Status::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_their_number_and_have_a_kind() {
        let kinds = [
            (Errno::PERM, Status::Permission),
            (Errno::ROFS, Status::ReadOnly),
            (Errno::DQUOT, Status::NoSpace),
            (Errno::NOSYS, Status::Unsupported),
            (Errno::ILSEQ, Status::Unsupported),
            (Errno::NFILE, Status::TooManyFiles),
            (Errno::TXTBSY, Status::Busy),
            (Errno::XDEV, Status::CrossDevice),
            (Errno::STALE, Status::Changed),
            (Errno::CANCELED, Status::Cancelled),
            (Errno::IO, Status::Io),
            (Errno::NODEV, Status::Io),
        ];
        for (errno, status) in kinds {
            assert_eq!(status_of(errno), status, "{errno}");
        }
        assert_eq!(os_number(Errno::IO), 5);
    }
}
