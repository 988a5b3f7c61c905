//! Makes a recording fit to be kept: only the connections of its ports, and nothing that names the
//! host it was made on. The records themselves stay as the kernel gave them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::Value;
use tracer::decode::{Event, decode};
use tracer::process::Identity;
use tracer::source::{Input, Reader, Writer};

/// What a recording keeps.
#[derive(Default)]
struct Kept {
    ports: Vec<u16>,
    cookies: BTreeSet<u64>,
    processes: BTreeSet<u32>,
}

impl Kept {
    /// Learns from one input.
    fn learn(&mut self, input: Input<'_>) {
        if let Input::Record(bytes) | Input::Live(bytes) = input
            && let Ok(Event::Conn(conn)) = decode(bytes)
            && self.ports.iter().any(|port| [conn.sport, conn.dport].contains(port))
        {
            self.cookies.insert(conn.cookie);
            self.processes.insert(conn.owner_tgid);
        }
    }

    /// Appends the input as it is kept, if it is.
    fn keep(&self, input: Input<'_>, writer: &mut Writer<impl Write>) {
        let is_kept = match input {
            Input::Record(bytes) | Input::Live(bytes) => {
                let cookie = match decode(bytes).expect("our own record") {
                    Event::Conn(conn) => conn.cookie,
                    Event::Late(late) => late.cookie,
                };
                self.cookies.contains(&cookie)
            }
            Input::Identity(json) => {
                let identity = Identity::from_json(json).expect("our own identity");
                if self.processes.contains(&identity.id.pid) {
                    let json = neutral(identity).to_json();
                    writer.write(Input::Identity(&json)).expect("memory");
                }
                false
            }
            Input::Lost(_) | Input::LostOf(_) | Input::Dropped(_) | Input::Tick { .. } => true,
        };
        if is_kept {
            writer.write(input).expect("memory");
        }
    }
}

/// Paths outside `/usr` and control groups tell about the host.
fn neutral(mut identity: Identity) -> Identity {
    if let Some(exe) = identity.exe.take_if(|exe| !exe.starts_with("/usr")) {
        // The test process is the server of some cases; cargo put a hash in its name.
        let name = exe.file_name().and_then(|name| name.to_str()).expect("a name");
        let name = if name.starts_with("corpus-") { "server" } else { name };
        identity.exe = Some(Path::new("/opt/app").join(name));
    }
    identity.cgroup = identity.cgroup.map(|_| "/user.slice".to_owned());
    identity
}

fn neutral_setting(meta: &str) -> String {
    let mut setting: Value = serde_json::from_str(meta).expect("JSON");
    let kernel = setting["kernel"].as_str().expect("a release");
    let kernel = kernel.split('-').next().unwrap_or(kernel).to_owned();
    setting["kernel"] = Value::from(kernel);
    setting["host"] = Value::from("host");
    setting.to_string()
}

/// Reduces the recording `raw` to the connections of `ports`.
pub(crate) fn reduce(raw: &Path, ports: &[u16], to: &Path) {
    let open = || Reader::new(File::open(raw).expect("the recording")).expect("a recording");
    let mut kept = Kept { ports: ports.to_vec(), ..Kept::default() };
    let mut reader = open();
    while let Some(input) = reader.next().expect("a whole recording") {
        kept.learn(input);
    }
    assert!(!kept.cookies.is_empty(), "no connection of ports {ports:?}");
    let mut reader = open();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &neutral_setting(reader.meta())).expect("memory");
    while let Some(input) = reader.next().expect("a whole recording") {
        kept.keep(input, &mut writer);
    }
    drop(writer);
    fs::write(to, bytes).expect("the reduced recording");
}
