//! A reader of the running kernel's BTF: byte offsets and sizes of struct members, names of enum
//! values. It knows the format (`Documentation/bpf/btf.rst`) and nothing of what is asked for.

use std::collections::HashMap;

use bytes::Buf;

/// Where the kernel publishes its own types.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Why BTF could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(
        "{VMLINUX} cannot be read ({0}): tracer needs a kernel built with CONFIG_DEBUG_INFO_BTF"
    )]
    Unreadable(#[source] std::io::Error),
    /// It is not BTF, or of a version we do not know.
    #[error("{VMLINUX} is not BTF that this version of tracer understands ({0})")]
    Malformed(&'static str),
}

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_ENUM64: u32 = 19;
/// Deepest chain of typedefs and qualifiers, or of anonymous members, that is followed.
const MAX_DEPTH: usize = 32;

/// A parsed type section.
#[derive(Debug)]
pub struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Byte position of each type in `types`, by id; id 0 is void.
    at: Vec<usize>,
    /// First definition of each named struct and enum.
    named: HashMap<(bool, Vec<u8>), u32>,
}

/// A member found in a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the struct.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
}

impl Btf {
    /// Reads the running kernel's types.
    pub fn from_kernel() -> Result<Self, Error> {
        Self::parse(&std::fs::read(VMLINUX).map_err(Error::Unreadable)?)
    }

    /// Parses a BTF blob of native byte order.
    pub fn parse(blob: &[u8]) -> Result<Self, Error> {
        let mut head = blob;
        if head.remaining() < 24 || head.get_u16_ne() != 0xeb9f {
            return Err(Error::Malformed("no header"));
        }
        if head.get_u8() != 1 {
            return Err(Error::Malformed("unknown version"));
        }
        let _flags = head.get_u8();
        let start = head.get_u32_ne() as usize;
        let mut section = || {
            let (offset, len) = (head.get_u32_ne() as usize, head.get_u32_ne() as usize);
            let from = start.checked_add(offset)?;
            blob.get(from..from.checked_add(len)?).map(<[u8]>::to_vec)
        };
        let types = section().ok_or(Error::Malformed("types cut off"))?;
        let strings = section().ok_or(Error::Malformed("strings cut off"))?;
        let mut btf = Self { types, strings, at: vec![0], named: HashMap::new() };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), Error> {
        let mut at = 0;
        while at < self.types.len() {
            if at + 12 > self.types.len() {
                return Err(Error::Malformed("a type is cut off"));
            }
            let (kind, count) = (self.kind(at), self.count(at));
            let tail = match kind {
                1 | 14 | 17 => 4,
                3 => 12,
                KIND_STRUCT | KIND_UNION | 15 | KIND_ENUM64 => 12 * count,
                KIND_ENUM | 13 => 8 * count,
                2 | 7..=12 | 16 | 18 => 0,
                _ => return Err(Error::Malformed("unknown kind of type")),
            };
            if at + 12 + tail > self.types.len() {
                return Err(Error::Malformed("a type is cut off"));
            }
            let id =
                u32::try_from(self.at.len()).map_err(|_| Error::Malformed("too many types"))?;
            self.at.push(at);
            let is_enum = matches!(kind, KIND_ENUM | KIND_ENUM64);
            if is_enum || kind == KIND_STRUCT {
                let name = self.name(self.u32(at)).to_vec();
                if !name.is_empty() {
                    self.named.entry((is_enum, name)).or_insert(id);
                }
            }
            at += 12 + tail;
        }
        Ok(())
    }

    fn u32(&self, at: usize) -> u32 {
        self.types.get(at..).map_or(0, |mut bytes| bytes.try_get_u32_ne().unwrap_or(0))
    }

    fn kind(&self, at: usize) -> u32 {
        (self.u32(at + 4) >> 24) & 0x1f
    }

    fn count(&self, at: usize) -> usize {
        (self.u32(at + 4) & 0xffff) as usize
    }

    fn name(&self, offset: u32) -> &[u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Skips typedefs and qualifiers.
    fn strip(&self, mut id: u32) -> u32 {
        for _ in 0..MAX_DEPTH {
            let Some(&at) = self.at.get(id as usize) else { return 0 };
            // typedef, volatile, const, restrict, type tag
            if id == 0 || !matches!(self.kind(at), 8..=11 | 18) {
                return id;
            }
            id = self.u32(at + 8);
        }
        0
    }

    fn size(&self, id: u32) -> Option<u32> {
        let id = self.strip(id);
        let at = *self.at.get(id as usize).filter(|_| id != 0)?;
        match self.kind(at) {
            2 => u32::try_from(size_of::<usize>()).ok(),
            3 => Some(self.size(self.u32(at + 12))? * self.u32(at + 20)),
            1 | 4..=6 | 15 | 16 | KIND_ENUM64 => Some(self.u32(at + 8)),
            _ => None,
        }
    }

    /// Bit offset and type of a direct member, anonymous structs and unions included.
    fn member_of(&self, id: u32, want: &[u8], depth: usize) -> Option<(u32, u32)> {
        let id = self.strip(id);
        let at = *self.at.get(id as usize).filter(|_| id != 0 && depth < MAX_DEPTH)?;
        if !matches!(self.kind(at), KIND_STRUCT | KIND_UNION) {
            return None;
        }
        let has_bitfields = self.u32(at + 4) >> 31 == 1;
        for member in 0..self.count(at) {
            let m = at + 12 + 12 * member;
            let (name, of, mut bits) = (self.u32(m), self.u32(m + 4), self.u32(m + 8));
            if has_bitfields {
                if bits >> 24 != 0 {
                    continue;
                }
                bits &= 0x00ff_ffff;
            }
            if name == 0 {
                if let Some((inner, of)) = self.member_of(of, want, depth + 1) {
                    return Some((bits + inner, of));
                }
            } else if self.name(name) == want {
                return Some((bits, of));
            }
        }
        None
    }

    /// Finds `path` (dotted; alternatives separated by `|`) in struct `of`. `None` if this kernel
    /// has no such member, or has it as a bit field.
    #[must_use]
    pub fn member(&self, of: &str, path: &str) -> Option<Member> {
        path.split('|').find_map(|path| {
            let mut id = *self.named.get(&(false, of.as_bytes().to_vec()))?;
            let mut bits = 0;
            for part in path.split('.') {
                let (offset, of) = self.member_of(id, part.as_bytes(), 0)?;
                bits += offset;
                id = of;
            }
            Some(Member { offset: bits / 8, size: self.size(id)? })
        })
    }

    /// Whether this kernel has a struct of that name.
    #[must_use]
    pub fn has_struct(&self, name: &str) -> bool {
        self.named.contains_key(&(false, name.as_bytes().to_vec()))
    }

    /// Value → name of the enum `of`; empty if this kernel has none of that name.
    #[must_use]
    pub fn enum_names(&self, of: &str) -> HashMap<u32, String> {
        let Some(id) = self.named.get(&(true, of.as_bytes().to_vec())) else {
            return HashMap::new();
        };
        let at = self.at[*id as usize];
        let width = if self.kind(at) == KIND_ENUM64 { 12 } else { 8 };
        (0..self.count(at))
            .map(|value| {
                let v = at + 12 + width * value;
                (self.u32(v + 4), String::from_utf8_lossy(self.name(self.u32(v))).into_owned())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct sock { int a; union { long b; } ; const short c[2]; }`, `enum why { X = 7 }`.
    fn blob() -> Vec<u8> {
        let strings = b"\0sock\0a\0b\0c\0why\0X\0int\0";
        let types: &[u32] = &[
            19,
            1 << 24,
            4,
            32, // 1: int, 4 bytes
            0,
            1 << 24,
            8,
            64, // 2: long
            0,
            (5 << 24) | 1,
            8,
            8,
            2,
            0, // 3: union { long b }
            0,
            10 << 24,
            5, // 4: const (short)
            0,
            1 << 24,
            2,
            16, // 5: short
            0,
            3 << 24,
            0,
            4,
            1,
            2, // 6: const short[2]
            1,
            (4 << 24) | 3,
            24,
            6,
            1,
            0,
            0,
            3,
            64,
            10,
            6,
            128, // 7: struct sock
            12,
            (6 << 24) | 1,
            4,
            16,
            7, // 8: enum why
        ];
        let mut out = Vec::new();
        out.extend(0xeb9f_u16.to_ne_bytes());
        out.extend([1, 0]);
        let [types_len, strings_len] =
            [types.len() * 4, strings.len()].map(|len| u32::try_from(len).unwrap());
        for word in [24, 0, types_len, types_len, strings_len] {
            out.extend(word.to_ne_bytes());
        }
        for word in types {
            out.extend(word.to_ne_bytes());
        }
        out.extend(strings);
        out
    }

    #[test]
    fn members_are_found_through_anonymous_unions_and_qualifiers() {
        let btf = Btf::parse(&blob()).unwrap();
        assert_eq!(btf.member("sock", "a"), Some(Member { offset: 0, size: 4 }));
        assert_eq!(btf.member("sock", "b"), Some(Member { offset: 8, size: 8 }));
        assert_eq!(btf.member("sock", "none|c"), Some(Member { offset: 16, size: 4 }));
        assert_eq!(btf.member("sock", "none"), None);
        assert_eq!(btf.member("none", "a"), None);
    }

    #[test]
    fn enum_values_have_their_names() {
        let names = Btf::parse(&blob()).unwrap().enum_names("why");
        assert_eq!(names.get(&7).map(String::as_str), Some("X"));
    }

    #[test]
    fn truncated_input_is_an_error_and_never_a_panic() {
        let whole = blob();
        for len in 0..whole.len() {
            assert!(Btf::parse(&whole[..len]).is_err(), "cut at {len}");
        }
    }
}
