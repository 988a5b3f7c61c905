//! Recognition of whole files and of a living process.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// An ELF file of 64 bits with one section, the least that the format allows.
fn elf_with(section: &str, content: &[u8]) -> File {
    let names = format!("\0{section}\0.shstrtab\0");
    let (header, table) = (64_u64, 3 * 64_u64);
    let (names_at, content_at) = (header + table, header + table + names.len() as u64);
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    let mut put = |size: usize, value: u64| bytes.extend(&value.to_le_bytes()[..size]);
    // Type, machine, version, entry, program headers, section headers.
    for (size, value) in [(2, 2), (2, 62), (4, 1), (8, 0), (8, 0), (8, header)] {
        put(size, value);
    }
    // Flags, header size, none of program headers, size and number of section headers, names.
    for (size, value) in [(4, 0), (2, 64), (2, 0), (2, 0), (2, 64), (2, 3), (2, 2)] {
        put(size, value);
    }
    let after_section = 1 + section.len() as u64 + 1;
    let sections = [
        (0, 0, 0, 0),
        (1, 1, content_at, content.len() as u64),
        (after_section, 3, names_at, names.len() as u64),
    ];
    for (name, kind, offset, size) in sections {
        // Name, type, flags, address, offset, size, link, info, alignment, entry size.
        let fields = [(4, name), (4, kind), (8, 0), (8, 0), (8, offset), (8, size)];
        for (size, value) in fields.into_iter().chain([(4, 0), (4, 0), (8, 1), (8, 0)]) {
            put(size, value);
        }
    }
    bytes.extend(names.as_bytes());
    bytes.extend(content);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file
}

fn build_info(version: &str) -> Vec<u8> {
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.push(u8::try_from(version.len()).unwrap());
    info.extend(version.as_bytes());
    info
}

fn of(file: File, name: &str) -> Option<(RuntimeKind, Option<String>)> {
    of_file(file, Path::new(name))
}

#[test]
fn a_go_program_is_go_whatever_it_is_called() {
    for name in ["/srv/checkout", "/usr/bin/curl", "/usr/bin/python3.11", "/app (deleted)"] {
        let file = elf_with(".go.buildinfo", &build_info("go1.22.5"));
        assert_eq!(of(file, name), Some((RuntimeKind::Go, Some("1.22.5".into()))), "{name}");
    }
    let stripped = elf_with(".note.go.buildid", b"");
    assert_eq!(of(stripped, "/srv/checkout"), Some((RuntimeKind::Go, None)));
    assert_eq!(of(elf_with(".text", b""), "/srv/go"), None);
}

#[test]
fn a_program_known_by_its_text_is_told_with_its_version() {
    let curl = || elf_with(".rodata", b"\0curl 8.5.0 (x86_64-pc-linux-gnu) %s\n\0");
    assert_eq!(of(curl(), "/usr/bin/curl"), Some((RuntimeKind::Curl, Some("8.5.0".into()))));
    assert_eq!(of(curl(), "/usr/bin/hurl"), None);
    assert_eq!(of(elf_with(".rodata", b"hello"), "/usr/bin/curl"), None);
}

#[test]
fn an_executable_that_was_replaced_keeps_its_name() {
    let shell = recognise(0, elf_with(".text", b""), Path::new("/usr/bin/dash (deleted)"));
    assert_eq!(shell, Some(Runtime { kind: RuntimeKind::Shell, version: None }));
}

#[test]
fn a_script_is_its_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("wrapper");
    std::fs::write(&script, "read line\n").unwrap();
    let exe = std::fs::canonicalize("/bin/sh").unwrap();
    let mut command = Command::new(&exe);
    let mut child = command.arg(script).stdin(Stdio::piped()).spawn().unwrap();
    let runtime = Cache::default().runtime(child.id(), &exe);
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(runtime, Runtime::named("shell", None));
}

#[test]
fn a_process_that_is_gone_is_unknown() {
    assert_eq!(Cache::default().runtime(u32::MAX, Path::new("/usr/bin/curl")), None);
    assert_eq!(recognise(u32::MAX, elf_with(".text", b""), Path::new("/srv/checkout")), None);
}

#[test]
fn the_version_of_node_is_in_the_header_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("include/node");
    std::fs::create_dir_all(&headers).unwrap();
    let text = "#ifndef X\n#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 9\n\
                #define NODE_PATCH_VERSION 1\n#define NODE_VERSION_IS_LTS 1\n";
    std::fs::write(headers.join("node_version.h"), text).unwrap();
    let exe = folder.path().join("bin/node");
    let version = installed(std::process::id(), &exe, RuntimeKind::Node);
    assert_eq!(version.as_deref(), Some("20.9.1"));
    assert_eq!(installed(std::process::id(), Path::new("/bin/node"), RuntimeKind::Go), None);
}

#[test]
fn the_name_of_python_tells_its_version_where_the_file_does_not() {
    let of = |name: &str| installed(0, Path::new(name), RuntimeKind::CPython);
    assert_eq!(of("/usr/bin/python3.9").as_deref(), Some("3.9"));
    assert_eq!((of("/usr/bin/python3"), of("/usr/bin/uwsgi")), (None, None));
}
