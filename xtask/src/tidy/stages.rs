//! The order of stages in `tracer/src`, and the check that no stage imports a later one.

use std::path::Path;

/// Flow order: a stage may use the ones before it.
const STAGES: [&str; 10] = [
    "probe",
    "source",
    "decode",
    "process",
    "connection",
    "aggregate",
    "detect",
    "sink",
    "metrics",
    "export",
];

/// Words, clocks, counters, hash tables and capabilities that every stage may use, and that use no stage.
const SHARED: [&str; 5] = ["bounds", "clock", "hash", "privileges", "words"];

/// What puts the stages together: may use all of them, and no stage may use it.
const ASSEMBLY: [&str; 5] = ["pipeline", "cli", "command", "main", "lib"];

/// Faults of the file at `name` (relative to the workspace) with this `text`.
pub(crate) fn faults(name: &str, text: &str) -> Vec<String> {
    let Some(inside) = name.strip_prefix("tracer/src/") else { return Vec::new() };
    let first = inside.split('/').next().unwrap_or(inside);
    let module = Path::new(first).file_stem().and_then(|stem| stem.to_str()).unwrap_or(first);
    let Some(rank) = rank(module) else {
        return vec![format!(
            "module `{module}` has no place in xtask/src/tidy/stages.rs: give it one"
        )];
    };
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for used in roots(code).into_iter().filter(|used| *used != module) {
            // An item at the root of the crate belongs to lib.rs.
            // What is shared may use what is shared.
            if self::rank(used).is_none_or(|used| used >= rank.max(1)) && rank < ASSEMBLY_RANK {
                let number = number + 1;
                faults
                    .push(format!("line {number}: `{module}` uses `{used}`, which is not earlier"));
            }
        }
    }
    faults
}

const ASSEMBLY_RANK: usize = STAGES.len() + 1;

fn rank(module: &str) -> Option<usize> {
    if SHARED.contains(&module) {
        return Some(0);
    }
    if ASSEMBLY.contains(&module) {
        return Some(ASSEMBLY_RANK);
    }
    STAGES.iter().position(|stage| *stage == module).map(|place| place + 1)
}

/// First names of the `crate::` paths in one line: `crate::a::b` gives a, `crate::{a, b::c}` gives
/// a and b. A brace group may go on in further lines; rustfmt breaks one only past 100 columns,
/// and then each of its lines is seen as nothing, so such a group is refused as `{`.
fn roots(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        let whole = rest[..at].chars().next_back().is_none_or(|c| !is_word(c));
        rest = &rest[at + "crate::".len()..];
        if !whole {
            continue;
        }
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => found.extend(group_roots(group)),
        }
    }
    found
}

fn group_roots(group: &str) -> Vec<&str> {
    let (mut depth, mut found, mut start) = (0_u32, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return found,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && is_word(c) => {
                found.push(word(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    // Not closed on this line.
    vec!["{"]
}

fn word(text: &str) -> &str {
    text.find(|c| !is_word(c)).map_or(text, |end| &text[..end])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::{faults, roots};

    #[test]
    fn a_stage_may_use_earlier_stages_and_itself() {
        let text = "use crate::process::Process;\nuse crate::clock::Anchor;\nuse crate::detect::X;";
        assert_eq!(faults("tracer/src/detect/redial.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_stage_may_not_use_a_later_one() {
        let found = faults("tracer/src/decode.rs", "\nuse crate::sink::Sink;");
        assert_eq!(found, ["line 2: `decode` uses `sink`, which is not earlier"]);
    }

    #[test]
    fn a_stage_may_not_use_what_assembles_it() {
        assert_eq!(faults("tracer/src/sink/table.rs", "let x = crate::cli::X;").len(), 1);
    }

    #[test]
    fn shared_words_use_no_stage() {
        assert_eq!(faults("tracer/src/clock.rs", "use crate::probe::X;").len(), 1);
    }

    #[test]
    fn the_assembly_may_use_everything() {
        let text = "use crate::{cli, commands, probe::X, sink};";
        assert_eq!(faults("tracer/src/pipeline.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_module_without_a_place_is_a_fault() {
        assert_eq!(faults("tracer/src/utils.rs", "").len(), 1);
    }

    #[test]
    fn names_are_found_in_groups_and_not_in_other_words() {
        assert_eq!(roots("use crate::{a, b::{c, d}, e::f};"), ["a", "b", "e"]);
        assert_eq!(roots("pub(crate) use mycrate::a; fn f(x: crate::g::H)"), ["g"]);
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(
            faults("tracer/src/decode.rs", "/// See [`crate::sink`]."),
            Vec::<String>::new()
        );
    }

    #[test]
    fn other_packages_have_no_stages() {
        assert_eq!(faults("xtask/src/main.rs", "use crate::sink::X;"), Vec::<String>::new());
    }
}
