//! One oracle for all dialects: the same programs, on this library only, with NFSv3 and with NFSv4, on the same server.
//! What differs by the nature of the protocol is listed in `dialects.txt`, with its reason: NFSv3 (-), NFSv4 (+).

use std::fs;

use super::compare::{Cases, compare, table};
use super::{Abi, GANESHA, LIMIT, RUN_EACH, compiled, file_name};
use crate::support::{self, Lab};

fn same_in_all(test: &str) {
    if !support::need(&Abi::V13.needs()) {
        return;
    }
    let name = &file_name(test);
    let lab = Lab::new();
    let program = compiled(&lab, name, &Abi::V13.flags());
    let on_ours = Abi::V13.ours(&lab);
    // Names of equal length: they are part of paths.
    let runs = ["3.0", "4.1", "4.2"].map(|version| format!("v{version}=env NFS_VERSION={version} {on_ours}"));
    let mut command = lab.beside(GANESHA.name, "sh");
    command.args(["-c", RUN_EACH, "sh"]).arg(&program).args(&runs).current_dir(lab.path());
    let finished = support::run(command.env("ON_SERVER", GANESHA.shell), LIMIT);
    assert!(finished.success(), "the run {}:\n{}", finished.how(), finished.stderr);

    let output = |version: &str| {
        let status = fs::read_to_string(lab.path().join(format!("v{version}.status"))).expect("a status");
        assert_eq!(status.trim(), "0", "{name} with NFS {version} failed");
        Cases::read(&lab.path().join(format!("v{version}.out")))
    };
    let third = output("3.0");
    for version in ["4.1", "4.2"] {
        let places = [Abi::V13.word(), GANESHA.name, version];
        let problems = compare(name, &places, &third, &output(version), &table("dialects.txt"));
        let all = problems.join("\n");
        assert!(problems.is_empty(), "NFS {version}: {} differences:\n\n{all}", problems.len());
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            same_in_all(stringify!($name));
        })*
    };
}

programs! {
    access caches callbacks chdir chmod chown fork handles limits link mkdir_rmdir mknod null open paths read_write readdir
    removed rename seek slashes stat statvfs symlink times truncate unlink utimes walk
}
