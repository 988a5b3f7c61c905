//! Field offsets for the programs' read-only global, from the kernel's BTF.

use tracer_ebpf::{FIELD_COUNT, FIELDS, MISSING};

use super::btf::Btf;

/// A field the programs need and this kernel does not have as expected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this kernel's `struct {of}` has no `{path}` of {size} bytes: please report the kernel version"
)]
pub struct Error {
    /// Kernel struct.
    pub of: &'static str,
    /// Member path.
    pub path: &'static str,
    /// Expected size in bytes.
    pub size: u16,
}

/// Offsets of every field, in bytes.
pub(super) fn resolve(btf: &Btf) -> Result<[u16; FIELD_COUNT], Error> {
    let mut offsets = [MISSING; FIELD_COUNT];
    for (slot, field) in offsets.iter_mut().zip(FIELDS) {
        let offset = btf
            .member(field.of, field.path)
            .filter(|member| member.size == u32::from(field.size))
            .and_then(|member| u16::try_from(member.offset).ok())
            .filter(|offset| *offset != MISSING);
        *slot = match offset {
            Some(offset) => offset,
            None if field.is_optional => MISSING,
            None => return Err(Error { of: field.of, path: field.path, size: field.size }),
        };
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_on_the_kernel_that_runs_the_tests() {
        let btf = Btf::from_kernel().expect("the tests need a kernel with BTF, as tracer does");
        assert!(resolve(&btf).is_ok(), "{:?}", resolve(&btf));
    }
}
