//! From Win32 error numbers to [`Status`].

use windows_sys::Win32::Foundation as w;

use crate::status::Status;

/// A Win32 error number; where several say the same thing, the one that has a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(u32);

/// Under the names that shared code knows them by.
impl Errno {
    /// Nothing has this name.
    pub const NOENT: Errno = Errno(w::ERROR_FILE_NOT_FOUND);
    /// The system forbids it.
    pub const ACCESS: Errno = Errno(w::ERROR_ACCESS_DENIED);
    /// A privilege is missing.
    pub const PERM: Errno = Errno(w::ERROR_PRIVILEGE_NOT_HELD);
    /// Something has this name.
    pub const EXIST: Errno = Errno(w::ERROR_ALREADY_EXISTS);
    /// A directory was needed.
    pub const NOTDIR: Errno = Errno(w::ERROR_DIRECTORY);
    /// A directory was in the way.
    pub const ISDIR: Errno = Errno(w::ERROR_DIRECTORY_NOT_SUPPORTED);
    /// A directory still has entries.
    pub const NOTEMPTY: Errno = Errno(w::ERROR_DIR_NOT_EMPTY);
    /// The argument makes no sense here.
    pub const INVAL: Errno = Errno(w::ERROR_INVALID_PARAMETER);
    /// The name has characters that no file system of Windows takes.
    pub const INVALID_NAME: Errno = Errno(w::ERROR_INVALID_NAME);
    /// The name is too long.
    pub const NAMETOOLONG: Errno = Errno(w::ERROR_FILENAME_EXCED_RANGE);
    /// The volume is full.
    pub const NOSPC: Errno = Errno(w::ERROR_DISK_FULL);
    /// The file system cannot do this.
    pub const OPNOTSUPP: Errno = Errno(w::ERROR_NOT_SUPPORTED);
    /// The system does not know the call.
    pub const NOSYS: Errno = Errno(w::ERROR_CALL_NOT_IMPLEMENTED);
    /// The two names are on different volumes.
    pub const XDEV: Errno = Errno(w::ERROR_NOT_SAME_DEVICE);
    /// A link was met where none may be.
    pub const LOOP: Errno = Errno(w::ERROR_STOPPED_ON_SYMLINK);
    /// The buffer is too small.
    pub const RANGE: Errno = Errno(w::ERROR_MORE_DATA);
    /// There is no such attribute.
    pub const NODATA: Errno = Errno(w::ERROR_NOT_FOUND);
    /// The value is too large.
    pub const TOOBIG: Errno = Errno(w::ERROR_FILE_TOO_LARGE);
    /// Another handle holds it.
    pub const BUSY: Errno = Errno(w::ERROR_BUSY);
    /// It is gone, but for a handle that is still open somewhere.
    pub const DELETE_PENDING: Errno = Errno(w::ERROR_DELETE_PENDING);
    /// The call was interrupted.
    pub const INTR: Errno = Errno(w::ERROR_OPERATION_ABORTED);
    /// Something else was going on: try again.
    pub const AGAIN: Errno = Errno(w::ERROR_RETRY);
    /// A device without a driver.
    pub const NXIO: Errno = Errno(w::ERROR_NO_SUCH_DEVICE);

    /// The error of a Win32 number.
    pub fn of(number: u32) -> Errno {
        match number {
            w::ERROR_PATH_NOT_FOUND | w::ERROR_BAD_NETPATH | w::ERROR_INVALID_DRIVE => Errno::NOENT,
            w::ERROR_FILE_EXISTS => Errno::EXIST,
            w::ERROR_INVALID_FUNCTION => Errno::OPNOTSUPP,
            w::ERROR_INSUFFICIENT_BUFFER | w::ERROR_BAD_LENGTH => Errno::RANGE,
            w::ERROR_HANDLE_DISK_FULL => Errno::NOSPC,
            w::ERROR_BAD_PATHNAME => Errno::INVALID_NAME,
            w::ERROR_NOT_A_REPARSE_POINT => Errno::INVAL,
            other => Errno(other),
        }
    }

    /// The error of an NT status: the Win32 numbers are too few for some.
    pub fn of_status(status: w::NTSTATUS) -> Errno {
        match status {
            w::STATUS_FILE_IS_A_DIRECTORY => Errno::ISDIR,
            w::STATUS_DELETE_PENDING => Errno::DELETE_PENDING,
            w::STATUS_NOT_A_DIRECTORY => Errno::NOTDIR,
            w::STATUS_NAME_TOO_LONG => Errno::NAMETOOLONG,
            w::STATUS_BUFFER_OVERFLOW | w::STATUS_BUFFER_TOO_SMALL => Errno::RANGE,
            w::STATUS_NOT_IMPLEMENTED | w::STATUS_INVALID_INFO_CLASS => Errno::OPNOTSUPP,
            other => Errno::of(super::nt::win32_number(other)),
        }
    }

    /// The error that std reports.
    pub fn from_io_error(error: &std::io::Error) -> Option<Errno> {
        error
            .raw_os_error()
            .map(|number| Errno::of(number.cast_unsigned()))
    }
}

/// The system's own number of an error.
pub fn os_number(errno: Errno) -> u32 {
    errno.0
}

/// The kind of failure that an error number stands for.
pub fn status_of(errno: Errno) -> Status {
    match errno {
        Errno::NOENT => Status::NotFound,
        Errno::ACCESS | Errno::PERM => Status::Permission,
        Errno::EXIST => Status::Exists,
        Errno::NOTDIR => Status::NotDirectory,
        Errno::ISDIR => Status::IsDirectory,
        Errno::NOTEMPTY => Status::NotEmpty,
        Errno::NOSPC => Status::NoSpace,
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVALID_NAME => Status::Unsupported,
        Errno::NAMETOOLONG => Status::NameTooLong,
        Errno::XDEV => Status::CrossDevice,
        Errno::LOOP => Status::LinkLoop,
        Errno::BUSY | Errno::DELETE_PENDING | Errno::AGAIN => Status::Busy,
        Errno(w::ERROR_SHARING_VIOLATION | w::ERROR_LOCK_VIOLATION) => Status::Busy,
        Errno(w::ERROR_DISK_QUOTA_EXCEEDED | w::ERROR_NOT_ENOUGH_QUOTA) => Status::NoSpace,
        Errno(w::ERROR_WRITE_PROTECT) => Status::ReadOnly,
        Errno(w::ERROR_TOO_MANY_OPEN_FILES) => Status::TooManyFiles,
        Errno(w::ERROR_CANCELLED) => Status::Cancelled,
        Errno(w::ERROR_CANT_RESOLVE_FILENAME) => Status::LinkLoop,
        _ => Status::Io,
    }
}
