//! Which hooks a stock kernel lets us attach: run inside a guest that has nothing but this binary,
//! the tracer (`TRACER_BIN`), `/proc` and a writable `/tmp`. What the hooks then tell is the
//! scenarios' work.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod agent;
    pub(crate) mod report;
    pub(crate) mod tracer;
    pub(crate) mod wait;
}

#[path = "vm/privileges.rs"]
mod privileges;

use support::report::text;
use support::tracer::Tracer;

#[test]
#[ignore = "needs root"]
fn every_hook_is_attached_but_those_that_the_kernel_is_too_old_for() {
    let report = Tracer::start().finish();
    let health = report.opening_health();
    let hooks = health["tracer.hooks"].as_object().expect("hooks");
    assert_eq!(text(health, "tracer.tier"), "full");
    for (hook, verdict) in hooks {
        let verdict = verdict.as_str().expect("a verdict");
        let is_too_old =
            hook == "iter/task_file" && text(health, "tracer.kernel").starts_with("5.10");
        let wanted = if is_too_old { "unsupported" } else { "attached:" };
        assert!(verdict.starts_with(wanted), "{hook}: {hooks:#?}");
    }
}

#[test]
#[ignore = "needs root"]
fn without_fentry_kprobes_take_its_place_where_the_kernel_can_bear_them() {
    let report = Tracer::start_with(&["--no-fentry"]).finish();
    let hooks = &report.opening_health()["tracer.hooks"];
    // Before 6.1 a kprobe on our table makes the kernel warn, so there it is left out.
    let release = text(report.opening_health(), "tracer.kernel");
    let expected = if release.starts_with("5.") { "unsupported" } else { "attached:kprobe" };
    for hook in ["tcp_connect", "tcp_close"] {
        assert_eq!(text(hooks, hook), expected, "{hook} on {release}: {hooks}");
    }
}
