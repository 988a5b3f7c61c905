//! Container, its runtime and its pod, out of a control group path. Pure; asks no container runtime.

/// Of a container id, all hexadecimal.
const DIGITS: usize = 64;
/// Of a pod's uid, with its dashes.
const UID: usize = 36;
/// How runtimes name the groups of their containers, and themselves.
const RUNTIMES: [(&str, &str); 5] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
];

/// The container runtimes' 64 hexadecimal digits, bare or as `docker-<id>.scope`; the innermost
/// one, where containers are nested. `None` for a process outside of a container.
pub(crate) fn container_id(cgroup: &str) -> Option<&str> {
    innermost(cgroup).map(|(_, id)| id)
}

/// The container runtime, where the path names it: docker, containerd, cri-o or podman.
pub(crate) fn container_runtime(cgroup: &str) -> Option<&'static str> {
    let (before, id) = innermost(cgroup)?;
    let folder = cgroup.split('/').rev().skip_while(|segment| !segment.contains(id)).nth(1);
    // The driver without systemd names a folder, not the group.
    let named = if before.is_empty() { folder? } else { before };
    let name = named.rsplit(':').next().unwrap_or(named);
    RUNTIMES.iter().find(|(prefix, _)| *prefix == name).map(|(_, runtime)| *runtime)
}

/// The uid of the Kubernetes pod, as the API shows it.
pub(crate) fn pod_uid(cgroup: &str) -> Option<String> {
    if cgroup.len() < UID {
        return None;
    }
    cgroup.rsplit('/').find_map(|segment| {
        let name = segment.strip_suffix(".slice").unwrap_or(segment);
        let (_, uid) = name.rsplit_once("pod")?;
        // systemd takes a dash for a level of its slices, so that they come as underscores.
        let uid = uid.replace('_', "-");
        is_uid(&uid).then_some(uid)
    })
}

/// The innermost container: what its group's name says before the id, and the id.
fn innermost(cgroup: &str) -> Option<(&str, &str)> {
    // Most paths are shorter, and each line of a connection has one.
    if cgroup.len() < DIGITS {
        return None;
    }
    cgroup.rsplit('/').find_map(|segment| {
        let name = segment.strip_suffix(".scope").unwrap_or(segment);
        let at = name.rfind(['-', ':']).map_or(0, |at| at + 1);
        let (before, id) = name.split_at(at);
        let is_id = id.len() == DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_id.then(|| (before.trim_end_matches(['-', ':']), id))
    })
}

/// Eight, four, four, four and twelve hexadecimal digits; static pods have 32 of them instead.
fn is_uid(text: &str) -> bool {
    let is_hexadecimal = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    (lengths == [8, 4, 4, 4, 12] || lengths == [32]) && parts.into_iter().all(is_hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";

    #[test]
    fn runtimes_name_their_groups_differently_and_all_are_found() {
        for (path, runtime) in [
            (format!("/docker/{ID}"), Some("docker")),
            (format!("/system.slice/docker-{ID}.scope"), Some("docker")),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
                Some("containerd"),
            ),
            (format!("/kubepods.slice/pod1.slice:cri-containerd:{ID}"), Some("containerd")),
            (format!("/kubepods.slice/pod1.slice/crio-{ID}.scope"), Some("cri-o")),
            (format!("/machine.slice/libpod-{ID}.scope/container"), Some("podman")),
            (format!("/kubepods/burstable/pod1/{ID}"), None),
            (format!("/elsewhere-{ID}.scope"), None),
        ] {
            assert_eq!(container_id(&path), Some(ID), "{path}");
            assert_eq!(container_runtime(&path), runtime, "{path}");
        }
    }

    #[test]
    fn a_service_or_a_login_session_is_no_container() {
        for path in ["/", "/system.slice/nginx.service", "/user.slice/user-0.slice/session-4.scope"]
        {
            assert_eq!((container_id(path), container_runtime(path)), (None, None), "{path}");
        }
    }

    #[test]
    fn a_pod_has_its_uid_with_dashes_whichever_driver_made_its_group() {
        const POD: &str = "2b7f3c1a-9d4e-4f60-8a51-0c2d3e4f5a6b";
        let sliced = POD.replace('-', "_");
        for path in [
            format!("/kubepods/besteffort/pod{POD}/{ID}"),
            format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{sliced}.slice/cri-containerd-{ID}.scope"
            ),
            format!("/kubelet/kubepods/pod{POD}/{ID}"),
        ] {
            assert_eq!(pod_uid(&path).as_deref(), Some(POD), "{path}");
        }
        let of_file = "0123456789abcdef0123456789abcdef";
        assert_eq!(pod_uid(&format!("/kubepods/pod{of_file}/{ID}")).as_deref(), Some(of_file));
        for path in [format!("/docker/{ID}"), format!("/podman/{ID}"), "/pod".into()] {
            assert_eq!(pod_uid(&path), None, "{path}");
        }
    }
}
