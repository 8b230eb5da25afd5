//! Runs the Makefile.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::support::{Finished, project_root, run};

/// Runs `make` with these targets and variables, which must succeed. Nothing of a make or cargo that runs this
/// test gets into it.
pub fn make(arguments: &[&str]) -> Finished {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A test that fails here leaves the next one to see for itself.
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("make");
    command.arg("--directory").arg(project_root()).args(arguments);
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LIBNFS_ABI", "DESTDIR", "PREFIX"] {
        command.env_remove(variable);
    }
    let done = run(&mut command, Duration::from_secs(600));
    assert!(done.success(), "make {arguments:?} {}:\n{}{}", done.how(), done.stdout, done.stderr);
    done
}

/// Builds the library with the ABI that Debian's programs are linked against. Returns its directory, where it
/// bears the name that their loader looks for.
pub fn library_13() -> PathBuf {
    make(&["LIBNFS_ABI=13"]);
    project_root().join("target/abi13/release")
}
