//! Beside the Linux kernel's server (`tests/lab/knfsd`): locks, threads, restarts and a reset in the middle of the work.
//! The differential programs run there as well: `cargo test --test differential knfsd`.
//!
//! With `KNFSD=all` (`make check-knfsd`) each job is disturbed; otherwise those that take seconds.

mod support;

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::{Lab, need, project_root};

fn is_all() -> bool {
    env::var("KNFSD").as_deref() == Ok("all")
}

/// Runs a shell script beside the server, with these arguments. It has to succeed.
fn beside(lab: &Lab, network: &str, script: &str, arguments: &[&Path]) -> String {
    // One machine is enough for the processors that there are.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(project_root().join("tests/lab/knfsd"));
    command.args(["bash", "-c", script, "bash"]).args(arguments);
    command.env("TMPDIR", lab.path()).env("KNFSD_NET", network);
    let finished = support::run(&mut command, Duration::from_secs(300));
    assert!(finished.success(), "{}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
    finished.stdout
}

#[test]
fn locks_and_threads() {
    if !need(&["knfsd", "gcc"]) {
        return;
    }
    const SCRIPT: &str = r#"
        "$KNFSD_CONTROL" host "echo >/export-ro/readonly; cd /tmp; export LD_LIBRARY_PATH=$3 KNFSD=1
            echo locks; time $1 /export /export-ro || exit
            echo threads; time $2 /export 5""#;
    let (lab, other) = (Lab::new(), Lab::new());
    let ((locks, library), (stress, _)) = (lab.program("locks"), other.program("stress"));
    println!("{}", beside(&lab, "user", SCRIPT, &[&locks, &stress, &library]));
}

/// A program that works on while its server is disturbed, and what it has to leave; see `tests/faults.rs`.
const DISTURBED: &str = r#"
    export LD_LIBRARY_PATH=$2 program=$1; shift 2
    export TMPDIR=$TMPDIR/flags MANY=1500
    mkdir "$TMPDIR"
    url=nfs://$NFS_SERVER$EXPORT failed=0
    wrong() { echo "$job, $how: $*"; failed=1; }
    for task in $TASKS; do
        IFS=: read -r job at how <<<"$task"
        case $job in
            read) "$program" "$url" write ;;
            list) "$KNFSD_CONTROL" run "mkdir /export/entries && cd /export/entries && seq 0 99999 | xargs touch && sync" ;;
        esac
        rm -f "$TMPDIR/disturbed"
        begun=$SECONDS
        said=$(DISTURB="'$KNFSD_CONTROL' ${how/-/ }" AT=$at "$program" "$url" "$job" 2>&1) || wrong "status $?"
        [[ -z $said ]] || wrong "$said"
        echo "$job, $how: $((SECONDS - begun)) s"
        # The server may still be away.
        for ((tries = 0; tries < 300; tries++)); do
            [[ -e $TMPDIR/disturbed ]] && break
            sleep 0.1
        done
        [[ -e $TMPDIR/disturbed ]] || wrong "nothing was disturbed"
        case $job in
            write)
                said=$("$KNFSD_CONTROL" host "LD_LIBRARY_PATH=$LD_LIBRARY_PATH $program /export/big check") ||
                    wrong "the check failed"
                [[ -z $said ]] || wrong "on the disk: $said" ;;
            create)
                said=$("$KNFSD_CONTROL" run "cd /export/many && ls | sort")
                [[ $said == "$(for ((i = 0; i < MANY; i++)); do
                    case $((i % 3)) in 0) echo "$i" ;; 1) echo "renamed-$i" ;; esac; done | LC_ALL=C sort)" ]] ||
                    wrong "other names than there should be: $(wc -l <<<"$said")" ;;
        esac
        "$KNFSD_CONTROL" run "rm -rf /export/*"
    done
    exit $failed
"#;

fn disturbed(network: &str, tasks: &[&str]) {
    let lab = Lab::new();
    let (program, library) = lab.program("disturbed");
    let script = format!("TASKS='{}'{DISTURBED}", tasks.join(" "));
    println!("{}", beside(&lab, network, &script, &[&program, &library]));
}

/// The NFS server ends and begins again, and has forgotten nothing but locks and what its duplicate request cache knew.
#[test]
fn restarted_in_the_middle() {
    if need(&["knfsd", "gcc"]) {
        disturbed("user", &["write:100:restart-0.3", "create:500:restart-0.3"]);
        if is_all() {
            disturbed("user", &["read:100:restart-1", "list:200:restart-1", "create:700:restart-3"]);
        }
    }
}

/// The machine is reset, as by a power failure: what it had only in memory is gone.
#[test]
fn reset_in_the_middle() {
    if need(&["knfsd", "gcc", "/dev/net/tun"]) {
        disturbed("tap", &["write:100:crash"]);
        if is_all() {
            disturbed("tap", &["read:100:crash", "list:200:crash"]);
        }
    }
}
