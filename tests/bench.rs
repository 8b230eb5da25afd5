//! What `make bench` runs works, and notices wrong data. How fast anything is, is not looked at here.

mod make;
mod support;

use std::process::Command;
use std::time::Duration;

use support::{Finished, need, project_root, run};

/// Runs each workload once, with next to no operations.
fn bench(arguments: &[&str]) -> Finished {
    let mut command = Command::new(project_root().join("benches/run"));
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LIBNFS_ABI"] {
        command.env_remove(variable);
    }
    command.args(["--rounds", "1", "--scale", "0.001", "--no-realtime"]).args(arguments);
    run(&mut command, Duration::from_secs(120))
}

#[test]
fn every_workload() {
    if !need(&["make", "cc", "python3", "ip", "unshare", "taskset", "libnfs-dev", "libnfs13"]) {
        return;
    }
    make::library_13();
    let listed = bench(&["--list"]).stdout;
    let finished = bench(&["--parts", "time"]);
    assert!(finished.success(), "{}: {}", finished.how(), finished.stderr);
    for workload in listed.lines() {
        let row = finished.stdout.lines().find(|line| line.split(' ').next() == Some(workload));
        let calls = row.and_then(|row| row.rsplit("  ").next()).expect("a row for each workload");
        assert_ne!(calls.trim(), "0", "{workload} made no calls: {}", finished.stdout);
    }
}

#[test]
fn round_trips() {
    if !need(&["make", "cc", "python3", "ip", "unshare", "taskset", "libnfs-dev", "libnfs13"]) {
        return;
    }
    make::library_13();
    let finished = bench(&["--parts", "trips", "mount-cold", "write-16m"]);
    assert!(finished.success(), "{}: {}", finished.how(), finished.stderr);
    let row = |name: &str| {
        let row = finished.stdout.lines().find(|line| line.starts_with(name)).expect("a row");
        row.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect::<Vec<f64>>()
    };
    // A mount of Debian's library takes 14 round trips. It cannot be faster than the forwarder lets it.
    let mount = row("mount-cold");
    assert!((14.0..17.0).contains(&mount[0]), "{}", finished.stdout);
    // 16 MiB in windows of 4 MiB are four round trips of 20 ms.
    let far = row("write-16m-sync");
    assert!(far[..3].iter().all(|milliseconds| *milliseconds >= 80.0), "{}", finished.stdout);
}

#[test]
fn wrong_data_is_noticed() {
    if !need(&["make", "cc", "ip", "unshare", "libnfs-dev", "libnfs13"]) {
        return;
    }
    let programs = ["client", "floor", "responder"].map(|name| format!("target/bench/{name}"));
    make::make(&programs.each_ref().map(String::as_str));
    for (option, noticed) in [("", false), ("corrupt", true)] {
        for program in ["client", "floor"] {
            let runs = [
                ("read-4k-sync", "wrong data"),
                ("read-64k-16", "wrong data"),
                ("write-1m-sync", "got wrong data"),
            ];
            for (workload, complaint) in runs {
                let script = format!(
                    "ip link set lo up && {{ target/bench/responder 127.0.0.1 {option} & }} | {{ read ready &&
                     BENCH_RESPONDER=127.0.0.1 target/bench/{program} {workload} 1 nfs://127.0.0.1/export; }}"
                );
                let finished = in_own_network(&script);
                assert_eq!(finished.success(), !noticed, "{program} {workload}: {}", finished.stderr);
                assert_eq!(
                    finished.stderr.contains(complaint),
                    noticed,
                    "{program} {workload}: {}",
                    finished.stderr
                );
            }
        }
    }
}

fn in_own_network(script: &str) -> Finished {
    let mut command = Command::new("unshare");
    // SAFETY: geteuid() only reads the credentials of the process.
    if unsafe { libc::geteuid() } != 0 {
        command.arg("--map-root-user");
    }
    command
        .args(["--net", "--pid", "--fork", "--kill-child", "sh", "-c", script])
        .current_dir(project_root());
    run(&mut command, Duration::from_secs(60))
}
