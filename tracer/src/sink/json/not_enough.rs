//! `tracer.not_enough`: a verdict that too little was seen for.

use super::about;
use super::line::Line;
use crate::clock::Clock;
use crate::sink::NotEnough;

pub(super) fn put(line: &mut Line, not_enough: &NotEnough<'_>, clock: &Clock) {
    let lack = not_enough.lack;
    line.put("tracer.finding.code", lack.code.name());
    line.put("tracer.not_enough.threshold", lack.threshold);
    line.put("tracer.not_enough.have", lack.have);
    line.put("tracer.not_enough.need", lack.need);
    about::key(line, &lack.key, lack.processes, (not_enough.identity, None), clock);
}

#[cfg(test)]
mod tests {
    use crate::sink::json::tests::read;
    use crate::sink::{Item, NotEnough, testing};

    #[test]
    fn what_is_lacking_is_the_name_of_its_threshold_with_both_numbers() {
        let (lack, identity) = (testing::lack(), testing::identity());
        let not_enough = NotEnough { at_ns: 1, lack: &lack, identity: Some(&identity) };
        let line = read(&Item::NotEnough(not_enough));
        assert_eq!(line["event.name"], "tracer.not_enough");
        assert_eq!(line["tracer.not_enough.threshold"], "one-shot.min-connections");
        assert_eq!(line["tracer.not_enough.have"], 4);
        assert_eq!(line["tracer.not_enough.need"], 10);
        assert_eq!((&line["process.pid"], &line["server.port"]), (&4711.into(), &8080.into()));
    }
}
