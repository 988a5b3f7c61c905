//! What every text must be, and that the document has the same ones.

use super::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/advice.md");

fn all() -> impl Iterator<Item = (Code, Option<RuntimeKind>, &'static str)> {
    Code::ALL.iter().flat_map(|&code| {
        let own = RuntimeKind::ALL
            .iter()
            .filter_map(move |&runtime| Some((code, Some(runtime), own(code, runtime)?)));
        std::iter::once((code, None, generic::of(code))).chain(own)
    })
}

#[test]
fn every_text_is_a_few_sentences() {
    for (code, runtime, text) in all() {
        assert!(text.len() <= 400, "{code:?} {runtime:?}: {} bytes", text.len());
        assert!(
            text.ends_with('.') && !text.contains(['|', '\n']) && !text.contains("  "),
            "{code:?} {runtime:?}: {text}"
        );
        assert_eq!(text.matches('`').count() % 2, 0, "{code:?} {runtime:?}: {text}");
    }
}

#[test]
fn what_is_said_for_a_runtime_names_a_setting() {
    for (code, runtime, text) in all() {
        assert!(runtime.is_none() || text.contains('`'), "{code:?} {runtime:?}: {text}");
    }
}

#[test]
fn a_runtime_without_its_own_text_gets_the_one_for_any() {
    let any = of(Code::ResetsReceived, None);
    assert_eq!(of(Code::ResetsReceived, Some(RuntimeKind::Go)), any);
    assert_eq!(of(Code::OneShot, Some(RuntimeKind::Bun)), of(Code::OneShot, None));
    assert!(
        of(Code::PoolTooSmall, Some(RuntimeKind::Go)).contains("`Transport.MaxIdleConnsPerHost`")
    );
}

#[test]
fn runtimes_that_make_most_services_have_text_of_their_own_for_reuse() {
    use RuntimeKind::{
        CPython, DotNet, Envoy, Go, HaProxy, Jvm, LibCurl, LibPq, Nginx, Node, Php, Ruby,
    };
    for runtime in
        [Go, Jvm, CPython, Node, Ruby, Php, DotNet, Nginx, HaProxy, Envoy, LibCurl, LibPq]
    {
        for code in [Code::OneShot, Code::StaleReuse, Code::CancelledExchange] {
            assert!(own(code, runtime).is_some(), "{code:?} {runtime:?}");
        }
    }
}

#[test]
fn the_document_says_the_same() {
    let mut expected = String::from(
        "# What to change\n\n\
         What `tracer` advises for each [finding](findings.md), by [runtime](output.md#runtimes). \
         `any` stands for runtimes without a row of their own. Defaults are those of the versions \
         current in 2025.\n",
    );
    let mut last = None;
    for (code, runtime, text) in all() {
        if last.replace(code) != Some(code) {
            let head = ["\n## ", code.name(), "\n\n| runtime | change |\n|---|---|\n"];
            expected.extend(head);
        }
        expected.extend(["| ", runtime.map_or("any", RuntimeKind::name), " | ", text, " |\n"]);
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
    }
    let told = std::fs::read_to_string(DOCUMENT).unwrap();
    for (number, (told, expected)) in told.lines().zip(expected.lines()).enumerate() {
        assert_eq!(told, expected, "line {}; UPDATE_EXPECTED=1 accepts it", number + 1);
    }
    assert_eq!(told.len(), expected.len(), "the document ends early or late");
}
