//! Why `--strict` fails, for whoever asked about a part of this host: what is lost is of the whole.

use crate::pipeline::{Pipeline, Selection};

/// What to tell; `None` where all of the host was asked for.
pub(super) fn whose_loss(pipeline: &Pipeline) -> Option<String> {
    let Selection { pids, ports, family } = pipeline.selection();
    let of = match (pids.is_empty(), ports.is_empty(), family.is_none()) {
        (true, true, true) => return None,
        (false, _, _) => pipeline.lost_of_asked(),
        _ => (0, false),
    };
    Some(sentence(of))
}

fn sentence((of_asked, is_all): (u64, bool)) -> String {
    let of = match (of_asked, is_all) {
        (0, true) => "none of it was of the processes that were asked for".to_owned(),
        (lost, true) => format!("{lost} of it were connections of the processes asked for"),
        (0, false) => "whether any of it was of what was asked for is not known".to_owned(),
        (lost, false) => {
            format!("{lost} of it at least were connections of the processes asked for")
        }
    };
    format!(
        "--strict fails on what was lost on the whole host, -p, -P and exec do not narrow it: {of}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_claimed_of_a_loss_than_is_known() {
        assert!(sentence((0, true)).contains(": none of it was of"));
        assert!(sentence((0, false)).contains("not known"));
        assert!(sentence((7, true)).contains(": 7 of it were"));
        assert!(sentence((7, false)).contains("7 of it at least"));
    }
}
