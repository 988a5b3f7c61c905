//! What an ELF file says about itself: sections, exported symbols, read-only text. Knows the format,
//! not the runtimes, but for the section that Go's linker writes. Reads through [`Bounded`] only.

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{
    FileHeader, GnuHashTable, SectionHeader as _, SectionTable, Sym as _, SymbolTable, VersionTable,
};
use object::{Endianness, FileKind, ReadRef as _};

use super::bounded::Bounded;

/// Longest piece of a symbol that is read: versions are shorter.
const SYMBOL: u64 = 32;
/// Longest read-only section that is searched for text: the programs that are known by text in
/// theirs are small.
const TEXT: u64 = 2 << 20;

/// An ELF file of either word size.
pub(super) trait Image {
    /// Whether Go's linker made it.
    fn is_go(&self) -> bool;
    /// The version that Go's linker wrote down.
    fn go_version(&self) -> Option<String>;
    /// The first bytes of an exported symbol, at most 32; empty if the file holds none of it.
    fn symbol(&self, name: &str) -> Option<&[u8]>;
    /// Its read-only data, if that is small.
    fn text(&self) -> Option<&[u8]>;
}

/// Reads the tables; `None` if it is no such file or a damaged one.
pub(super) fn parse(data: &Bounded) -> Option<Box<dyn Image + '_>> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf64 => Some(Box::new(Parsed::<FileHeader64<Endianness>>::new(data)?)),
        FileKind::Elf32 => Some(Box::new(Parsed::<FileHeader32<Endianness>>::new(data)?)),
        _ => None,
    }
}

struct Parsed<'d, E: FileHeader> {
    data: &'d Bounded,
    endian: E::Endian,
    sections: SectionTable<'d, E, &'d Bounded>,
    symbols: Option<(GnuHashTable<'d, E>, SymbolTable<'d, E, &'d Bounded>)>,
}

impl<'d, E: FileHeader> Parsed<'d, E> {
    fn new(data: &'d Bounded) -> Option<Self> {
        let header = E::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, data).ok()?;
        let mut parsed = Self { data, endian, sections, symbols: None };
        parsed.symbols = parsed.exported();
        Some(parsed)
    }

    fn exported(&self) -> Option<(GnuHashTable<'d, E>, SymbolTable<'d, E, &'d Bounded>)> {
        let (endian, data) = (self.endian, self.data);
        let mut headers = self.sections.iter();
        let header = headers.find_map(|section| section.gnu_hash_header(endian, data).ok()?)?;
        // The look-up divides by the one and takes one off the other.
        if header.bucket_count.get(endian) == 0 || header.bloom_count.get(endian) == 0 {
            return None;
        }
        let (hash, linked) = self.sections.gnu_hash(endian, data).ok()??;
        Some((hash, self.sections.symbol_table_by_index(endian, data, linked).ok()?))
    }

    /// The first bytes of a section, at most `size`.
    fn section(&self, name: &str, size: u64) -> Option<&'d [u8]> {
        let (_, section) = self.sections.section_by_name(self.endian, name.as_bytes())?;
        let (offset, len) = section.file_range(self.endian)?;
        self.data.read_bytes_at(offset, len.min(size)).ok()
    }
}

impl<E: FileHeader> Image for Parsed<'_, E> {
    fn is_go(&self) -> bool {
        // The second is all that programs older than 1.13 have.
        let marks = [".go.buildinfo", ".note.go.buildid"];
        marks.iter().any(|name| self.section(name, 0).is_some())
    }

    fn go_version(&self) -> Option<String> {
        go_version(self.section(".go.buildinfo", 256)?)
    }

    fn symbol(&self, name: &str) -> Option<&[u8]> {
        let (endian, (table, symbols)) = (self.endian, self.symbols.as_ref()?);
        let (name, versions) = (name.as_bytes(), VersionTable::default());
        let (index, symbol) =
            table.find(endian, name, elf::gnu_hash(name), None, symbols, &versions)?;
        if symbol.is_undefined(endian) {
            return None;
        }
        let value = || {
            let index = symbols.symbol_section(endian, symbol, index).ok()??;
            let section = self.sections.section(index).ok()?;
            let (offset, len) = section.file_range(endian)?;
            let start: u64 = symbol.st_value(endian).into();
            let within = start.checked_sub(section.sh_addr(endian).into())?;
            let size = len.checked_sub(within)?.min(SYMBOL);
            self.data.read_bytes_at(offset.checked_add(within)?, size).ok()
        };
        Some(value().unwrap_or_default())
    }

    fn text(&self) -> Option<&[u8]> {
        let (_, section) = self.sections.section_by_name(self.endian, b".rodata")?;
        let (offset, len) = section.file_range(self.endian)?;
        (len <= TEXT).then(|| self.data.read_bytes_at(offset, len).ok())?
    }
}

/// The version in what `debug/buildinfo` of Go reads: since 1.18 it is written in place, after 32
/// bytes of header and its length; before, it is somewhere else.
fn go_version(info: &[u8]) -> Option<String> {
    const MAGIC: &[u8] = b"\xff Go buildinf:";
    const IN_PLACE: u8 = 2;
    let rest =
        info.strip_prefix(MAGIC).filter(|rest| rest.get(1).is_some_and(|f| f & IN_PLACE != 0))?;
    let (len, text) = rest.get(32 - MAGIC.len()..)?.split_first()?;
    let text = std::str::from_utf8(text.get(..usize::from(*len))?).ok()?;
    // `devel go1.24-abcdef Mon ...` is a version too.
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("go"))?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    fn bounded(bytes: &[u8]) -> Bounded {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Bounded::new(file).unwrap()
    }

    #[test]
    fn the_version_of_go_is_read_where_it_is_in_place_and_only_there() {
        let info = |flags: u8, text: &str| {
            let mut info = b"\xff Go buildinf:\x08".to_vec();
            info.push(flags);
            info.resize(32, 0);
            info.push(u8::try_from(text.len()).unwrap());
            info.extend(text.as_bytes());
            go_version(&info)
        };
        assert_eq!(info(2, "go1.22.5").as_deref(), Some("1.22.5"));
        assert_eq!(info(2, "devel go1.24-aa Mon Jan").as_deref(), Some("1.24-aa"));
        assert_eq!(info(0, "go1.22.5"), None);
        assert_eq!(go_version(b"\xff Go buildinf:\x08\x02"), None, "cut off");
        assert_eq!(go_version(b""), None);
    }

    #[test]
    fn a_symbol_of_a_library_is_found_and_another_is_not() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps
            .lines()
            .find_map(|line| line.split_once('/').filter(|_| line.contains("/libc.so")));
        let libc = format!("/{}", libc.unwrap().1);
        let data = Bounded::new(File::open(libc).unwrap()).unwrap();
        let image = parse(&data).unwrap();
        assert_eq!(image.symbol("gnu_get_libc_version").map(<[u8]>::len), Some(32));
        assert_eq!(image.symbol("no_such_symbol"), None);
        assert!(!image.is_go());
    }

    #[test]
    fn what_is_no_elf_file_or_a_damaged_one_is_nothing() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(parse(&bounded(b"#!/bin/sh\n")).is_none());
        assert!(parse(&bounded(b"")).is_none());
        for len in [5, 63, 64, 100, own.len() / 2] {
            let data = bounded(&own[..len]);
            assert!(parse(&data).is_none_or(|image| image.symbol("main").is_none()), "{len}");
        }
    }
}
