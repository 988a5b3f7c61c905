//! A writer of the cpio "newc" format, which is what the kernel unpacks as its first filesystem.
//!
//! Format: per entry a header of 110 ASCII characters (magic, 13 numbers of 8 hex digits), the
//! name with its NUL, the data; name and data each padded to 4 bytes. A `TRAILER!!!` ends it.

use std::fmt::Write as _;

/// An archive in memory, entries in the order added. Every folder must be added before its files.
#[derive(Default)]
pub(crate) struct Cpio {
    bytes: Vec<u8>,
    entries: u32,
}

const FOLDER: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

impl Cpio {
    pub(crate) fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, (0, 0), &[]);
    }

    pub(crate) fn executable(&mut self, name: &str, data: &[u8]) {
        self.entry(name, EXECUTABLE, (0, 0), data);
    }

    pub(crate) fn character_device(&mut self, name: &str, major: u32, minor: u32) {
        self.entry(name, CHARACTER_DEVICE, (major, minor), &[]);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let links = if mode == FOLDER { 2 } else { 1 };
        // Inode, mode, uid, gid, links, mtime, size, the archive's device, the node's device,
        // name size, checksum (unused in this variant).
        let (major, minor) = device;
        let numbers = [self.entries, mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0];
        let mut header = String::from("070701");
        for number in numbers {
            // Writing to a String cannot fail.
            let _ = write!(header, "{number:08X}");
        }
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Cpio;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    #[test]
    fn an_entry_is_header_name_and_data_each_padded() {
        let mut cpio = Cpio::default();
        cpio.executable("ab", b"12345");
        let bytes = cpio.finish();
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[14..22], b"000081ED", "mode 0100755");
        assert_eq!(&bytes[54..62], b"00000005", "size");
        assert_eq!(&bytes[94..102], b"00000003", "name size with its NUL");
        assert_eq!(&bytes[110..116], b"ab\0\0\0\0"[..].get(..6).unwrap());
        assert_eq!(&bytes[116..124], b"12345\0\0\0");
        assert_eq!(&bytes[124..130], b"070701", "the trailer begins aligned");
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn a_device_carries_its_numbers() {
        let mut cpio = Cpio::default();
        cpio.character_device("console", 5, 1);
        let bytes = cpio.finish();
        assert_eq!(&bytes[14..22], b"00002180", "mode 020600");
        assert_eq!(&bytes[78..94], b"0000000500000001");
    }

    /// Needs no cpio program to build; where there is one, it must read what was written.
    #[test]
    fn the_cpio_program_lists_the_same_names() {
        let mut cpio = Cpio::default();
        cpio.folder("bin");
        cpio.executable("bin/tool", b"#!");
        let bytes = cpio.finish();
        let mut command = Command::new("cpio");
        command.args(["-t", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("skipped: there is no cpio program on this machine");
            return;
        };
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let listed = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), "bin\nbin/tool\n");
    }
}
