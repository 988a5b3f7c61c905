//! What an executable or library is by what it contains: exact, whatever it is called.

use super::elf::Image;
use super::kind::RuntimeKind;

/// A symbol that only one runtime exports, and the one that holds its version.
struct Marker {
    kind: RuntimeKind,
    symbol: &'static str,
    version: Version,
}

/// Where the version is.
enum Version {
    /// In a symbol, as text.
    Text(&'static str),
    /// In a symbol, as `PY_VERSION_HEX`: a byte each for major, minor and micro before the level.
    Hex(&'static str),
    /// In the read-only text, behind these words.
    Behind(&'static str),
    /// Not in the file.
    Elsewhere,
}

/// Programs first, then what may be part of a program: nginx may contain Perl, and not vice versa.
const MARKERS: &[Marker] = &[
    Marker {
        kind: RuntimeKind::Nginx,
        symbol: "ngx_cycle",
        version: Version::Behind("nginx version: nginx/"),
    },
    Marker {
        kind: RuntimeKind::HaProxy,
        symbol: "haproxy_version",
        version: Version::Text("haproxy_version"),
    },
    // node::Start(int, char**)
    Marker { kind: RuntimeKind::Node, symbol: "_ZN4node5StartEiPPc", version: Version::Elsewhere },
    // `const unsigned long Py_Version` is there since 3.11.
    Marker {
        kind: RuntimeKind::CPython,
        symbol: "Py_GetVersion",
        version: Version::Hex("Py_Version"),
    },
    Marker {
        kind: RuntimeKind::Ruby,
        symbol: "ruby_run_node",
        version: Version::Text("ruby_version"),
    },
    Marker {
        kind: RuntimeKind::Php,
        symbol: "php_request_startup",
        version: Version::Behind("X-Powered-By: PHP/"),
    },
    // Of a single-file application, and of one compiled ahead of time.
    Marker { kind: RuntimeKind::DotNet, symbol: "DotNetRuntimeInfo", version: Version::Elsewhere },
    Marker {
        kind: RuntimeKind::DotNet,
        symbol: "DotNetRuntimeDebugHeader",
        version: Version::Elsewhere,
    },
    Marker { kind: RuntimeKind::Perl, symbol: "perl_parse", version: Version::Elsewhere },
    Marker {
        kind: RuntimeKind::LibCurl,
        symbol: "curl_easy_perform",
        version: Version::Behind("libcurl/"),
    },
];

/// The runtime that the file is or contains, with its version if that is in the file.
pub(super) fn kind(image: &dyn Image) -> Option<(RuntimeKind, Option<String>)> {
    if image.is_go() {
        return Some((RuntimeKind::Go, image.go_version()));
    }
    let marker = MARKERS.iter().find(|marker| image.symbol(marker.symbol).is_some())?;
    let version = match marker.version {
        Version::Text(symbol) => image.symbol(symbol).and_then(text),
        Version::Hex(symbol) => image.symbol(symbol).and_then(hex),
        Version::Behind(words) => image.text().and_then(|text| behind(text, words)),
        Version::Elsewhere => None,
    };
    Some((marker.kind, version))
}

/// The version that stands behind `words` in a file's text, if both are there.
pub(super) fn behind(text: &[u8], words: &str) -> Option<String> {
    let words = words.as_bytes();
    let mut places = text.windows(words.len()).enumerate().filter(|(_, window)| *window == words);
    places.find_map(|(at, _)| {
        let rest = &text[at + words.len()..];
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-+~_".contains(byte);
        let version = rest.iter().take_while(is_part).take(32).map(|byte| char::from(*byte));
        let version: String = version.collect();
        version.starts_with(|first: char| first.is_ascii_digit()).then_some(version)
    })
}

/// Text that ends with a zero.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let is_version = text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_graphic());
    is_version.then(|| text.to_owned())
}

/// Little-endian: the hosts that BPF runs on and that have these symbols are.
fn hex(bytes: &[u8]) -> Option<String> {
    let [_, micro, minor, major, ..] = bytes else { return None };
    (*major > 0).then(|| format!("{major}.{minor}.{micro}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_right_behind_its_words() {
        let text = b"curl %s\0curl 7.88.1 (x86_64) %s\n\0";
        assert_eq!(behind(text, "curl ").as_deref(), Some("7.88.1"));
        assert_eq!(behind(text, "wget "), None);
        assert_eq!(behind(b"curl ", "curl "), None);
    }

    #[test]
    fn only_what_looks_like_a_version_is_one() {
        assert_eq!(text(b"3.1.2\0patch").as_deref(), Some("3.1.2"));
        assert_eq!(text(b"3.1.2"), None, "no end");
        assert_eq!((text(b"\x1b[31m\0"), text(b"\0"), text(b"")), (None, None, None));
        assert_eq!(hex(&[0xf0, 2, 11, 3, 0, 0, 0, 0]).as_deref(), Some("3.11.2"));
        assert_eq!((hex(&[0; 8]), hex(&[1, 2])), (None, None));
    }
}
