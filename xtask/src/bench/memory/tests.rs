//! What a figure per socket is of, and when it is judged.

use super::*;

#[test]
fn bytes_per_socket_are_of_those_tracked_more_and_of_what_is_really_taken() {
    let empty = Footprint {
        row: ALL[0],
        tracked: 10,
        user_bytes: 1000,
        peak_bytes: 2000,
        kernel_bytes: 0,
        slab_bytes: 0,
        is_steady: true,
    };
    let seen = Footprint {
        tracked: 1010,
        user_bytes: 101_000,
        peak_bytes: 302_000,
        kernel_bytes: 200_000,
        slab_bytes: 512_000,
        ..empty
    };
    let each = Each { at_rest: 612.0, at_peak: 812.0, by_maps: 300.0 };
    assert_eq!(per_socket(&empty, &seen), Some(each));
    assert_eq!(per_socket(&empty, &empty), None);
    let less = Footprint { user_bytes: 0, slab_bytes: 0, ..seen };
    assert_eq!(per_socket(&seen, &Footprint { tracked: 9000, ..less }), None);
}

#[test]
fn targets_per_socket_are_judged_by_the_row_of_a_million_only() {
    let of = |row: Row, is_steady| Footprint {
        row,
        tracked: u64::from(row.sockets),
        user_bytes: 1 << 20,
        peak_bytes: 1 << 20,
        kernel_bytes: u64::from(row.sockets),
        slab_bytes: 300 * i64::from(row.sockets),
        is_steady,
    };
    let met = |all: &[Footprint]| {
        let mut report = Report::new(true);
        per_socket_targets(all, &mut report);
        let targets = report.json()["targets"].clone();
        let what = Goal::MemoryPerSocket.what();
        let target = targets.as_array().unwrap().iter().find(|one| one["what"] == what).cloned();
        let target = target.unwrap();
        (target["measured"].as_f64(), target["met"].as_bool())
    };
    let all = ALL.map(|row| of(row, true));
    assert_eq!(met(&all), (Some(300.0), Some(true)));
    assert_eq!(met(&all[..4]), (Some(300.0), None), "the million is left out");
    let unsteady = [all[3], of(JUDGED, false)];
    assert_eq!(met(&unsteady), (Some(300.0), None));
    let few = [all[3], Footprint { tracked: 262_144, ..all[4] }];
    assert_eq!(met(&few).1, None, "a table that was full");
    assert_eq!(met(&[]), (None, None));
}

#[test]
fn each_row_with_sockets_has_one_without_to_be_compared_with() {
    for row in ALL {
        let empty = Row { sockets: 0, ..row };
        assert!(ALL.contains(&empty), "{row:?}");
    }
    assert_eq!(FEW.last().map(|row| row.sockets), Some(10_000));
}
