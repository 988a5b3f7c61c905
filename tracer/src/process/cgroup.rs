//! Paths of control groups as the rest may see them: which of a process' groups tells most, seen from the
//! root, and without what units were started for. Pure; container and pod are read off elsewhere.

/// How a path in another part of the tree begins, seen from our own control group namespace: one `..` for
/// each level up to what both have in common.
const UP: &str = "/..";
/// Units that a service manager makes a group for.
const KINDS: [&str; 5] = [".service", ".scope", ".slice", ".socket", ".mount"];
/// What stands for the instance of a unit.
const REDACTED: &str = "redacted";

/// The group that tells most, of hierarchies and paths in them. Version 2 has number 0; on a version 1
/// host any hierarchy names the group. Only a path of version 2 may still begin above us: the number that
/// the kernel notes is of that hierarchy, and can tell the rest.
pub(super) fn best(mut groups: Vec<(u32, String)>) -> Option<String> {
    for (hierarchy, path) in &mut groups {
        if *hierarchy != 0 {
            *path = below(path).to_owned();
        }
    }
    let says = |path: &str| below(path) != "/";
    let unified = groups.iter().position(|(hierarchy, path)| *hierarchy == 0 && says(path));
    let any = || groups.iter().position(|(_, path)| says(path));
    // One that is only known to be above us may still be named by its number.
    let at = unified.or_else(any).or_else(|| groups.iter().position(|(_, path)| is_above(path)));
    let at = at.unwrap_or(0);
    (at < groups.len()).then(|| groups.swap_remove(at).1)
}

/// Whether a path begins above the root of our own control group namespace.
pub(super) fn is_above(path: &str) -> bool {
    path.strip_prefix(UP).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path without the way up: what both have in common is missing from it.
pub(super) fn below(mut path: &str) -> &str {
    while is_above(path) {
        path = &path[UP.len()..];
    }
    if path.is_empty() { "/" } else { path }
}

/// The path without instances of units: those of a socket with a process for each connection are made of
/// its addresses, `sshd@3-10.0.0.5:22-203.0.113.7:51234.service`.
pub(super) fn redacted(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(without_instance).collect();
    segments.join("/")
}

fn without_instance(segment: &str) -> String {
    let kind = KINDS.iter().find(|kind| segment.ends_with(*kind));
    match (segment.split_once('@'), kind) {
        (Some((name, _)), Some(kind)) => format!("{name}@{REDACTED}{kind}"),
        _ => segment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{container_id, pod_uid};
    use super::*;

    const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";
    const POD: &str = "2b7f3c1a-9d4e-4f60-8a51-0c2d3e4f5a6b";

    fn chosen(groups: &[(u32, &str)]) -> Option<String> {
        best(groups.iter().map(|(hierarchy, path)| (*hierarchy, (*path).to_owned())).collect())
    }

    #[test]
    fn the_hierarchy_of_version_2_names_the_group_unless_it_says_nothing() {
        let of = |path: &str| Some(path.to_owned());
        assert_eq!(chosen(&[(4, "/docker/x"), (0, "/a.service")]), of("/a.service"));
        assert_eq!(chosen(&[(9, "/"), (4, "/docker/x"), (0, "/")]), of("/docker/x"));
        assert_eq!(chosen(&[(4, "/../docker/x"), (0, "/..")]), of("/docker/x"));
        assert_eq!(chosen(&[(0, "/../../a.service")]), of("/../../a.service"));
        assert_eq!(chosen(&[(9, "/"), (0, "/../..")]), of("/../.."), "its number may name it");
        assert_eq!(chosen(&[(0, "/")]), of("/"));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn what_is_seen_from_within_a_container_still_tells_container_and_pod() {
        let pod = POD.replace('-', "_");
        let path = format!("/../../kubepods-pod{pod}.slice/cri-containerd-{ID}.scope");
        let path = below(&path);
        assert_eq!(path, format!("/kubepods-pod{pod}.slice/cri-containerd-{ID}.scope"));
        assert_eq!((container_id(path), pod_uid(path).as_deref()), (Some(ID), Some(POD)));
        assert_eq!(below("/../../../system.slice/a.service"), "/system.slice/a.service");
        for same in ["/", "/..data/x", "/a/../b", "/system.slice/a.service"] {
            assert_eq!(below(same), same);
        }
        assert_eq!((below("/.."), below("/../..")), ("/", "/"));
    }

    #[test]
    fn instances_of_units_are_redacted_and_nothing_else() {
        for (path, expected) in [
            (
                "/system.slice/system-sshd.slice/sshd@3-10.0.0.5:22-203.0.113.7:51234.service",
                "/system.slice/system-sshd.slice/sshd@redacted.service",
            ),
            (
                "/user.slice/user@1000.service/app.slice/x@[fd00::1]:7.socket/payload",
                "/user.slice/user@redacted.service/app.slice/x@redacted.socket/payload",
            ),
            ("/a@b@c.d.scope", "/a@redacted.scope"),
            ("/system.slice/nginx.service", "/system.slice/nginx.service"),
            ("/folder@of-somebody/x", "/folder@of-somebody/x"),
            ("/", "/"),
        ] {
            assert_eq!(redacted(path), expected);
        }
    }
}
