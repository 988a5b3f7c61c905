//! Names of Kubernetes containers by their id, out of the names of the files in which a node keeps their
//! logs: no API server is asked. Bounded, and read again only now and then.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::hash::Map;

/// Where the kubelet has a link for each container: `<pod>_<namespace>_<container>-<id>.log`.
const FOLDER: &str = "/var/log/containers";
/// Most names kept; a node has some hundred.
const MOST: usize = 16_384;
/// How soon the folder is read again for an id that is not in it.
const PAUSE: Duration = Duration::from_secs(5);
/// Hexadecimal digits of an id.
const DIGITS: usize = 64;

/// What Kubernetes calls a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Name of the container within it.
    pub container: String,
}

/// The names that are known.
#[derive(Debug)]
pub(super) struct Pods {
    folder: PathBuf,
    by_container: Map<String, Pod>,
    read_at: Option<Instant>,
    reads: u64,
    /// Whether the folder was there when it was read last.
    is_there: bool,
}

impl Default for Pods {
    fn default() -> Self {
        Self {
            folder: FOLDER.into(),
            by_container: Map::default(),
            read_at: None,
            reads: 0,
            is_there: false,
        }
    }
}

impl Pods {
    /// Those of another folder.
    #[cfg(test)]
    pub(super) fn of(folder: &std::path::Path) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// The names of a container; `None` if the node has none for it.
    pub(super) fn name(&mut self, container: &str) -> Option<&Pod> {
        if self.is_due() && !self.by_container.contains_key(container) {
            self.read();
        }
        self.by_container.get(container)
    }

    /// The same, as the folder was when it was read last.
    pub(super) fn name_at_last(&self, container: &str) -> Option<&Pod> {
        self.by_container.get(container)
    }

    /// Reads the folder again if that is due, or `at_once`.
    pub(super) fn refresh(&mut self, at_once: bool) {
        if at_once || self.is_due() {
            self.read();
        }
    }

    /// How often the folder was read so far.
    pub(super) const fn reads(&self) -> u64 {
        self.reads
    }

    /// Whether this host is a node, where names may come later.
    pub(super) const fn is_there(&self) -> bool {
        self.is_there
    }

    fn is_due(&self) -> bool {
        self.read_at.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    fn read(&mut self) {
        self.read_at = Some(Instant::now());
        self.reads += 1;
        self.by_container.clear();
        // Elsewhere than on a node there is none.
        let files = std::fs::read_dir(&self.folder);
        self.is_there = files.is_ok();
        let Ok(files) = files else { return };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let known = names.filter_map(|name| of_file(&name));
        self.by_container.extend(known.take(MOST));
    }
}

/// Id and names of a container, from the name of its file.
fn of_file(name: &str) -> Option<(String, Pod)> {
    let (names, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
    if id.len() != DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    // None of the three may have an underscore in it.
    let mut parts = names.split('_').map(str::to_owned);
    let [name, namespace, container] = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then(|| (id.to_owned(), Pod { namespace, name, container }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";

    #[test]
    fn a_container_has_the_names_that_its_file_has() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        file(&format!("checkout-7d9f-x2x_shop_app-{ID}.log"));
        file("something-else.log");
        let mut pods = Pods::of(folder.path());
        let pod = pods.name(ID).unwrap();
        assert_eq!((pod.name.as_str(), pod.namespace.as_str()), ("checkout-7d9f-x2x", "shop"));
        assert_eq!(pod.container, "app");
        assert_eq!(pods.name(&"0".repeat(64)), None);
        assert_eq!(pods.by_container.len(), 1);
    }

    #[test]
    fn one_that_started_since_is_found_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let mut pods = Pods::of(folder.path());
        assert_eq!(pods.name(ID), None);
        let name = format!("p_n_c-{ID}.log");
        std::fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(pods.name(ID), None, "not read for each of them");
        pods.read_at = pods.read_at.and_then(|at| at.checked_sub(PAUSE));
        assert!(pods.name(ID).is_some());
    }

    #[test]
    fn a_host_that_is_no_node_has_no_names() {
        let mut pods = Pods { folder: "/nowhere/at/all".into(), ..Pods::default() };
        assert_eq!(pods.name(ID), None);
        assert!(!pods.is_there(), "so that nothing waits for them");
    }
}
