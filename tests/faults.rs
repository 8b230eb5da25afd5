//! Servers that are killed and started again, that stop for a while, and connections that are cut, in the middle of the
//! work: nothing is lost, nothing is done twice, no call outlasts its deadline.
//!
//! Each runs once, or `$SOAK_ROUNDS` times (`make soak`). What is random follows from the number of the round, which is
//! printed.

mod support;

#[path = "faults/forwarder.rs"]
mod forwarder;
#[path = "faults/random.rs"]
mod random;

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forwarder::Cuts;
use random::Random;
use support::Lab;

/// Finds things as they are to be when `tests/programs/disturbed.c` has done its job.
const SCRIPT: &str = r#"
    export LD_LIBRARY_PATH=$2 TMPDIR=$3
    job=$4 url=nfs://127.0.0.1$EXPORT$5
    if [[ $5 == moving ]]; then
        url=nfs://moving$EXPORT
        echo "10.99.0.2 moving" >"$TMPDIR/hosts"
        mount --bind "$TMPDIR/hosts" /etc/hosts
        ip addr add 10.99.0.2/32 dev lo
    fi
    # What is read or listed has to be there.
    case $job in
        read) env -u DISTURB "$1" "nfs://127.0.0.1$EXPORT" write ;;
        list) mkdir "$EXPORT/entries" && (cd "$EXPORT/entries" && seq 0 99999 | xargs touch) ;;
    esac
    [[ -n $DISTURB ]] || unset DISTURB
    "$1" "$url" "$job" || echo "status $?"
    case $job in
        write) "$1" "$EXPORT/big" check ;;
        create) (cd "$EXPORT/many" && printf '%s\n' *) ;;
    esac
"#;

fn soak() -> Option<u64> {
    env::var("SOAK_ROUNDS").ok().map(|rounds| rounds.parse().expect("a number of rounds"))
}

fn rounds() -> u64 {
    soak().unwrap_or(1)
}

/// The command that disturbs a job, and when it begins.
struct Disturbance {
    command: String,
    at: u64,
    /// More arguments of the URL.
    arguments: &'static str,
}

/// What create leaves, in the order of the shell's.
fn names() -> String {
    let name = |i: u32| match i % 3 {
        0 => Some(format!("{i}\n")),
        1 => Some(format!("renamed-{i}\n")),
        _ => None,
    };
    let mut names: Vec<String> = (0..10_000).filter_map(name).collect();
    names.sort();
    names.concat()
}

fn work(lab: &Lab, job: &str, disturbance: &Disturbance) -> (String, Duration) {
    let (program, library) = lab.program("disturbed");
    let Disturbance { command: disturb, at, arguments } = disturbance;
    let mut command = lab.command("bash");
    command.args(["-c", SCRIPT, "bash"]).args([&program, &library]).arg(lab.path()).args([job, arguments]);
    command.env("DISTURB", disturb).env("AT", at.to_string()).env("LC_ALL", "C");
    command.env("ROOT", support::project_root()).env("LAB", lab_name(lab));
    let start = std::time::Instant::now();
    let finished = support::run(&mut command, Duration::from_secs(120));
    assert!(finished.success(), "{job} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
    (finished.stdout, start.elapsed())
}

/// Tells the processes of one lab from those of another, by their environment.
fn lab_name(lab: &Lab) -> String {
    lab.path().display().to_string()
}

/// Runs a job while its server is killed, and started again after 300 ms.
fn killed_during(job: &str, moments: u64, arguments: &'static str) {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    for round in 1..=rounds() {
        let at = moments / 10 + Random(round).below(moments * 8 / 10);
        let command = r#""$ROOT/tests/lab/restart-ganesha" 0.3"#.into();
        let lab = Lab::new();
        let (output, time) = work(&lab, job, &Disturbance { command, at, arguments });
        println!("{job}{arguments}: round {round}, killed at {at}, {time:.1?}");
        assert!(lab.path().join("disturbed").exists(), "round {round}: nothing was disturbed");
        let expected = if job == "create" { names() } else { String::new() };
        assert!(output == expected, "round {round}: {output:.2000}");
    }
}

#[test]
fn killed_while_writing() {
    killed_during("write", 256, "");
}

#[test]
fn killed_while_writing_on_version_4() {
    killed_during("write", 256, "?version=4");
}

#[test]
fn killed_while_reading() {
    killed_during("read", 256, "");
}

#[test]
fn killed_while_reading_on_version_4() {
    killed_during("read", 256, "?version=4");
}

#[test]
fn killed_while_creating_renaming_and_removing() {
    killed_during("create", 10_000, "");
}

#[test]
fn killed_while_creating_renaming_and_removing_on_version_4() {
    killed_during("create", 10_000, "?version=4");
}

#[test]
fn killed_while_listing() {
    killed_during("list", 500, "");
}

#[test]
fn killed_while_listing_on_version_4() {
    killed_during("list", 500, "?version=4");
}

/// Over the forwarder, in small pieces.
const CUT: &str = "?nfsport=3049&rsize=65536&wsize=65536";
const CUT_4: &str = "?nfsport=3049&rsize=65536&wsize=65536&version=4";

/// Runs a job while its connection is cut again and again.
fn cut_during(job: &str, wanted: usize, within: u64, arguments: &'static str) {
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    for round in 1..=rounds() {
        let lab = Lab::new();
        let random = Mutex::new(Random(round));
        let cuts = Arc::new(Cuts { wanted, within, done: AtomicUsize::new(0), random });
        forwarder::start(format!("LAB={}", lab_name(&lab)), cuts.clone());
        let disturbance = Disturbance { command: String::new(), at: 0, arguments };
        let (output, time) = work(&lab, job, &disturbance);
        let done = cuts.done.load(Ordering::SeqCst);
        println!("{job}{arguments}: round {round}, cut {done} times, {time:.1?}");
        let expected = if job == "create" { names() } else { String::new() };
        assert!(output == expected, "round {round}: {output:.2000}");
        assert!(done >= wanted, "round {round}: cut {done} times only");
    }
}

#[test]
fn cut_200_times_while_writing() {
    cut_during("write", 200, 5_000, CUT);
}

#[test]
fn cut_50_times_while_writing_on_version_4() {
    cut_during("write", 50, 5_000, CUT_4);
}

#[test]
fn cut_200_times_while_reading() {
    cut_during("read", 200, 2 << 20, CUT);
}

#[test]
fn cut_50_times_while_reading_on_version_4() {
    cut_during("read", 50, 2 << 20, CUT_4);
}

#[test]
fn cut_200_times_while_creating_renaming_and_removing() {
    cut_during("create", 200, 10_000, CUT);
}

#[test]
fn cut_200_times_while_creating_renaming_and_removing_on_version_4() {
    cut_during("create", 200, 10_000, CUT_4);
}

#[test]
fn unstable_data_that_is_lost_is_sent_again() {
    if support::need(&["ganesha", "gcc"]) {
        let lab = Lab::new();
        let (program, library) = lab.program("lost-writes");
        let mut command = lab.command("bash");
        // nfs-ganesha's verifier is the second in which it has started.
        let lose =
            r#"LD_LIBRARY_PATH=$2 exec "$1" 127.0.0.1 "$EXPORT" "'$3' 1.1 truncate -s 0 '$EXPORT/file'""#;
        command.args(["-c", lose, "bash"]).args([&program, &library]);
        command.arg(support::project_root().join("tests/lab/restart-ganesha"));
        let finished = support::run(&mut command, Duration::from_secs(60));
        assert!(finished.success(), "{}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn stopped_for_less_and_for_more_than_the_timeout() {
    if support::need(&["ganesha", "gcc"]) {
        for round in 1..=rounds() {
            let lab = Lab::new();
            let (program, library) = lab.program("stopped");
            let mut command = lab.command("sh");
            command.args(["-c", r#"LD_LIBRARY_PATH=$2 exec "$1" 127.0.0.1 "$EXPORT""#, "sh"]);
            let finished = support::run(command.args([&program, &library]), Duration::from_secs(110));
            assert!(finished.success(), "{}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
            assert_eq!(finished.stdout, "", "round {round}");
        }
    }
}

/// The server gets another address, of which its name tells.
fn moved(at: u64, disturb: &str) {
    let lab = Lab::new();
    let disturbance = Disturbance { command: disturb.into(), at, arguments: "moving" };
    let (output, time) = work(&lab, "create", &disturbance);
    println!("moved at {at}, {time:.1?}");
    assert!(output == names(), "moved at {at}: {output:.2000}");
}

#[test]
fn replaced_behind_the_same_name() {
    const REFUSED: &str = r#""$ROOT/tests/lab/restart-ganesha" 0.3 bash -c '
        ip addr del 10.99.0.2/32 dev lo; echo 127.0.0.1 moving >"$TMPDIR/hosts"'"#;
    // A neighbour whose address no machine has: what is sent there is lost.
    const SILENT: &str = r#"
        ip link add hole0 type veth peer name hole1; ip addr add 10.99.0.1/24 dev hole0
        ip link set hole0 up; ip link set hole1 up; ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:99 dev hole0
        ip addr del 10.99.0.2/32 dev lo; echo 127.0.0.1 moving >"$TMPDIR/hosts""#;
    if support::need(&["ganesha", "gcc"]) {
        for round in 1..=rounds() {
            moved(1000 + Random(round).below(8000), REFUSED);
        }
        if soak().is_some() {
            moved(5000, SILENT);
        }
    }
}

/// Without a timeout calls wait as long as it takes.
#[test]
fn silent_for_a_while() {
    if support::need(&["ganesha", "gcc"]) {
        let (seconds, jobs) =
            if soak().is_some() { (30, &["write", "create"][..]) } else { (2, &["write"][..]) };
        for &job in jobs {
            let command = format!("p=$(cat /run/ganesha.pid); kill -STOP $p; sleep {seconds}; kill -CONT $p");
            let (output, time) = work(&Lab::new(), job, &Disturbance { command, at: 100, arguments: "" });
            println!("{job}: silent for {seconds} s, {time:.1?}");
            assert!(output == if job == "create" { names() } else { String::new() }, "{output:.2000}");
            assert!(time.as_secs() >= seconds);
        }
    }
}
