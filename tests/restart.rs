//! A server that is killed and started again in the middle of the work: nothing is lost, nothing is done twice.

mod support;

use std::time::Duration;

use support::Lab;

const SCRIPT: &str = r#"
    export LD_LIBRARY_PATH=$2
    # What is read or listed has to be there.
    case $3 in
        read) "$1" 127.0.0.1 "$EXPORT" write ;;
        list) "$1" 127.0.0.1 "$EXPORT" create ;;
    esac
    "$1" 127.0.0.1 "$EXPORT" "$3" &
    worker=$!
    sleep 0.07
    kill -0 $worker || echo "too fast to be disturbed"
    "$4/tests/lab/restart-ganesha" 0.3
    wait $worker
    case $3 in
        write) "$1" 127.0.0.1 "$EXPORT" read ;;
        create) ls "$EXPORT/many" | wc -l ;;
    esac
"#;

/// Runs one of the jobs of `tests/programs/restart.c`; returns what was printed about it.
fn restarted_during(job: &str) -> String {
    let lab = Lab::new();
    let (program, library) = lab.program("restart");
    let mut command = lab.command("bash");
    command.args(["-c", SCRIPT, "bash"]).args([&program, &library]);
    command.arg(job).arg(support::project_root());
    let finished = support::run(&mut command, Duration::from_secs(90));
    assert!(finished.success(), "{job} {}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
    finished.stdout
}

#[test]
fn writing() {
    if support::need(&["ganesha", "gcc"]) {
        assert_eq!(restarted_during("write"), "");
    }
}

#[test]
fn reading() {
    if support::need(&["ganesha", "gcc"]) {
        assert_eq!(restarted_during("read"), "");
    }
}

#[test]
fn making_renaming_and_removing() {
    if support::need(&["ganesha", "gcc"]) {
        assert_eq!(restarted_during("create"), "2000\n");
    }
}

#[test]
fn listing() {
    if support::need(&["ganesha", "gcc"]) {
        assert_eq!(restarted_during("list"), "");
    }
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
