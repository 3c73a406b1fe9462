//! What a file system doesn't keep of modes and owners, by its type and how it was mounted.

use super::space::{CIFS, EXFAT, FUSE, MSDOS, SMB2};
use crate::sys::Lacks;

/// Mount options of SMB with which modes and owners are the server's: `man 8 mount.cifs`.
const KEPT_BY_SMB: [&str; 5] = ["unix", "posix", "cifsacl", "modefromsid", "posixpaths"];

/// FUSE servers that show one mode for all files, and take any other without a word or not at all.
const MODELESS: [&str; 6] = [
    "fuse.fusefat",
    "fuse.go-mtpfs",
    "fuse.gvfsd-fuse",
    "fuse.jmtpfs",
    "fuse.rclone",
    "fuse.simple-mtpfs",
];

/// Says what is lost on a file system of this type, which keeps attributes or doesn't.
///
/// Where the type doesn't tell, its mount does: see `man 5 proc_pid_mountinfo`.
pub fn lacks(magic: u64, device: u64, xattrs: bool) -> Lacks {
    match magic {
        MSDOS | EXFAT => Lacks::ALL_BUT_WRITE_BIT,
        CIFS | SMB2 | FUSE => {
            let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            of_mount(&mounts, device, xattrs)
        }
        _ => Lacks::default(),
    }
}

fn of_mount(mounts: &str, device: u64, xattrs: bool) -> Lacks {
    let numbers = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    let of_device = |line: &&str| line.split(' ').nth(2) == Some(numbers.as_str());
    let Some((_, about)) = mounts
        .lines()
        .find(of_device)
        .and_then(|line| line.split_once(" - "))
    else {
        return Lacks::default();
    };
    let mut about = about.split(' ');
    let (kind, options) = (about.next().unwrap_or(""), about.nth(1).unwrap_or(""));
    let has = |wanted: &[&str]| options.split(',').any(|option| wanted.contains(&option));
    match kind {
        "cifs" | "smb3" if !has(&KEPT_BY_SMB) => Lacks::ALL_BUT_WRITE_BIT,
        // ntfs-3g has the kernel judge by modes only where it keeps some; exfat-fuse always, and keeps no attributes.
        "fuseblk" if !has(&["default_permissions"]) || !xattrs => Lacks::ALL,
        _ if MODELESS.contains(&kind) => Lacks::ALL,
        _ => Lacks::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_tells_what_is_kept() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
43 27 0:40 / /mnt/a rw - cifs //nas/a rw,vers=3.1.1,uid=0,file_mode=0755,nounix,serverino
44 27 0:41 / /mnt/b rw - cifs //nas/b rw,vers=3.1.1,posix,serverino
45 27 0:42 / /mnt/c rw shared:3 - fuseblk /dev/sdb1 rw,user_id=0,allow_other
46 27 0:43 / /mnt/d rw - fuseblk /dev/sdb2 rw,default_permissions,allow_other
47 27 0:44 / /mnt/e rw - fuse.rclone nas: rw,user_id=0
48 27 0:45 / /mnt/f rw - fuse.sshfs nas: rw,user_id=0
49 27 0:46 / /mnt/g";
        let of = |minor| of_mount(mounts, rustix::fs::makedev(0, minor), true);
        assert_eq!(of(40), Lacks::ALL_BUT_WRITE_BIT);
        assert_eq!(of(41), Lacks::default());
        assert_eq!(of(42), Lacks::ALL);
        assert_eq!(of(43), Lacks::default());
        let without = of_mount(mounts, rustix::fs::makedev(0, 43), false);
        assert_eq!(without, Lacks::ALL);
        assert_eq!(of(44), Lacks::ALL);
        assert_eq!(of(45), Lacks::default());
        assert_eq!(of(46), Lacks::default());
        assert_eq!(of(47), Lacks::default());
    }

    #[test]
    fn a_type_tells_what_is_kept() {
        assert_eq!(lacks(EXFAT, 0, false), Lacks::ALL_BUT_WRITE_BIT);
        assert_eq!(lacks(0xef53, 0, true), Lacks::default());
    }
}
