//! An identity as a JSON object, for recorded files.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Identity, Pod, ProcessId, Runtime};

impl Identity {
    /// One line of JSON. A path that is not UTF-8 is kept as far as it can be shown.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "pid": self.id.pid,
            "start_ns": self.id.start_ns,
            "vpid": self.vpid,
            "comm": self.comm,
            "exe": self.exe.as_ref().map(|path| path.to_string_lossy()),
            "command": self.command,
            "cgroup": self.cgroup,
            "pod": self.pod.as_ref().map(|pod| [&pod.namespace, &pod.name, &pod.container]),
            "runtime": self.runtime.as_ref().map(|runtime| runtime.kind.name()),
            "runtime_version": self.runtime.as_ref().and_then(|runtime| runtime.version.as_deref()),
        })
        .to_string()
    }

    /// The reverse; `None` if it is not such an object.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let id = ProcessId {
            pid: value["pid"].as_u64()?.try_into().ok()?,
            start_ns: value["start_ns"].as_u64()?,
        };
        let optional = |key: &str| value[key].as_str().map(str::to_owned);
        Some(Self {
            id,
            // Absent from recordings of versions that did not look.
            vpid: value["vpid"].as_u64().and_then(|vpid| vpid.try_into().ok()),
            comm: value["comm"].as_str()?.to_owned(),
            exe: optional("exe").map(PathBuf::from),
            command: optional("command"),
            cgroup: optional("cgroup"),
            pod: pod(&value["pod"]),
            // Absent from older recordings too; one that is only known later stays unknown.
            runtime: optional("runtime")
                .and_then(|name| Runtime::named(&name, optional("runtime_version"))),
        })
    }
}

/// Absent from recordings of hosts that are no nodes.
fn pod(value: &Value) -> Option<Pod> {
    let [namespace, name, container] = &value.as_array()?[..] else { return None };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Pod { namespace: text(namespace)?, name: text(name)?, container: text(container)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_way_through_a_file() {
        let identity = Identity {
            id: ProcessId { pid: 7, start_ns: u64::MAX },
            vpid: Some(1),
            comm: "a \"b\"\n".into(),
            exe: Some("/bin/x".into()),
            command: None,
            cgroup: None,
            pod: Some(Pod { namespace: "n".into(), name: "p".into(), container: "c".into() }),
            runtime: Runtime::named("go", Some("1.22.5".into())),
        };
        assert_eq!(Identity::from_json(&identity.to_json()), Some(identity));
        assert_eq!(Identity::from_json("{\"pid\":-1}"), None);
        assert_eq!(Identity::from_json("cut off"), None);
    }
}
