//! The manifest for Kubernetes against the schemas of its API, the oldest version that has all of its
//! fields and the newest there is here. What it grants is held against the unit and the document beside
//! the list of capabilities, `tracer/src/privileges`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::engine::{file, read};

const MANIFEST: &str = "fleet/kubernetes/daemonset.yaml";
/// The first has `appArmorProfile` as a field.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// Refuses what is not known, too.
fn validate(manifest: &Path, version: &str) -> Output {
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../kubernetes/python/bin");
    let program = bin.join("kubernetes-validate");
    let what = "kubernetes-validate is not installed: run `cargo xtask setup --tests`";
    assert!(program.is_file(), "{what}");
    let mut command = Command::new(program);
    command.args(["--strict", "-k", version]).arg(manifest).output().expect("it runs")
}

#[test]
#[ignore = "needs the schemas of Kubernetes"]
fn the_manifest_is_one_by_the_schemas_of_kubernetes() {
    for version in VERSIONS {
        let said = validate(&file(MANIFEST), version);
        assert!(said.status.success(), "{version}: {said:?}");
    }
}

#[test]
#[ignore = "needs the schemas of Kubernetes"]
fn a_manifest_with_a_mistake_is_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let manifest = dir.path().join("daemonset.yaml");
    for (from, to) in [("hostPID: true", "hostPid: true"), ("hostPID: true", "hostPID: 1")] {
        fs::write(&manifest, read(MANIFEST).replace(from, to)).expect("it is written");
        assert!(!validate(&manifest, VERSIONS[0]).status.success(), "{to}");
    }
}

#[test]
fn it_serves_metrics_where_its_annotations_say() {
    let manifest = read(MANIFEST);
    assert!(manifest.contains("prometheus.io/port: \"9464\"\n"));
    assert!(manifest.contains("- --metrics-listen=$(NODE_IP):9464\n"));
    assert!(manifest.contains("containerPort: 9464\n"));
    assert!(!manifest.contains("privileged: true"));
}
