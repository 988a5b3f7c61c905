//! Container id out of a control group path. Pure; asks no container runtime.

/// Of a container id, all hexadecimal.
const DIGITS: usize = 64;

/// The container runtimes' 64 hexadecimal digits, bare or as `docker-<id>.scope`; the innermost
/// one, where containers are nested. `None` for a process outside of a container.
pub(crate) fn container_id(cgroup: &str) -> Option<&str> {
    // Most paths are shorter, and each line of a connection has one.
    if cgroup.len() < DIGITS {
        return None;
    }
    cgroup.rsplit('/').find_map(|segment| {
        let name = segment.strip_suffix(".scope").unwrap_or(segment);
        let id = name.rsplit(['-', ':']).next()?;
        (id.len() == DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";

    #[test]
    fn runtimes_name_their_groups_differently_and_all_are_found() {
        for path in [
            format!("/docker/{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/pod1.slice:cri-containerd:{ID}"),
            format!("/machine.slice/libpod-{ID}.scope/container"),
        ] {
            assert_eq!(container_id(&path), Some(ID), "{path}");
        }
    }

    #[test]
    fn a_service_or_a_login_session_is_no_container() {
        for path in ["/", "/system.slice/nginx.service", "/user.slice/user-0.slice/session-4.scope"]
        {
            assert_eq!(container_id(path), None, "{path}");
        }
    }
}
