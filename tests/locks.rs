//! Locks: between contexts on nfs-ganesha, and with lock managers that are busy, lie, say nothing or are missing.

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use support::Lab;

fn two_contexts_with(prefix: &str) {
    let lab = Lab::new();
    let (program, library) = lab.program("locks");
    let script = format!(
        r#"echo >"$EXPORT_RO/readonly"; LD_LIBRARY_PATH=$2 exec {prefix} "$1" "$EXPORT" "$EXPORT_RO""#
    );
    let mut command = lab.command("sh");
    command.args(["-c", &script, "sh"]).args([&program, &library]);
    let finished = support::run(&mut command, Duration::from_secs(120));
    assert!(finished.success(), "{}:\n{}{}", finished.how(), finished.stdout, finished.stderr);
}

#[test]
fn two_contexts() {
    if support::need(&["ganesha", "gcc"]) {
        two_contexts_with("");
    }
}

#[test]
fn two_contexts_in_valgrind() {
    if support::need(&["ganesha", "gcc", "valgrind"]) {
        two_contexts_with(&support::checker());
    }
}

/// What `tests/programs/lock.c` said of one step.
struct Step {
    status: i32,
    milliseconds: u64,
    sentence: String,
}

/// `tests/programs/lock.c` and `tests/programs/lock-manager.py`, ready to run in a lab.
struct Programs {
    lab: Lab,
    program: PathBuf,
    library: PathBuf,
}

impl Programs {
    fn new() -> Self {
        let lab = Lab::new();
        let (program, library) = lab.program("lock");
        Self { lab, program, library }
    }

    /// Runs the steps, with a timeout of so many milliseconds, after `set_up`; the calls are logged in `$1`.
    fn run(&self, set_up: &str, timeout: u32, steps: &str) -> (Vec<Step>, String) {
        let log = self.lab.path().join("calls");
        let script =
            format!(r#"echo >"$EXPORT/file"; {set_up}; LD_LIBRARY_PATH=$4 "$3" "$EXPORT" {timeout} {steps}"#);
        let mut command = self.lab.command("bash");
        command.args(["-c", &script, "bash"]).arg(&log).arg(support::project_root());
        command.arg(&self.program).arg(&self.library);
        let finished = support::run(&mut command, Duration::from_secs(60));
        assert!(finished.success(), "{script} {}:\n{}", finished.how(), finished.stderr);
        let step = |line: &str| {
            let mut words = line.splitn(4, ' ').skip(1);
            let mut number = || words.next().and_then(|word| word.parse::<i64>().ok()).expect("a number");
            let (status, milliseconds) = (number() as i32, number() as u64);
            Step { status, milliseconds, sentence: words.next().unwrap_or_default().to_owned() }
        };
        let calls = fs::read_to_string(&log).unwrap_or_default();
        // The next run waits for its own.
        let _ = fs::remove_file(&log);
        (finished.stdout.lines().map(step).collect(), calls.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// With a lock manager that gives these answers, one to each call.
    fn answered(&self, answers: &str, timeout: u32, steps: &str) -> (Vec<Step>, String) {
        let set_up = format!(
            r#""$2/tests/programs/lock-manager.py" "$1" {answers} & until [[ -e $1 ]]; do sleep 0.02; done"#
        );
        self.run(&set_up, timeout, steps)
    }
}

const TOOLS: &[&str] = &["ganesha", "gcc", "python3"];

#[test]
fn a_server_without_lock_manager_says_so() {
    if support::need(TOOLS) {
        let (steps, _) = Programs::new().run("rpcinfo -d 100021 4", 5000, "tlock lock test close destroy");
        for step in &steps[..3] {
            assert_eq!(step.status, -libc::ENOLCK);
            assert!(step.sentence.contains("no lock manager (NLM version 4)"), "{}", step.sentence);
        }
        assert_eq!((steps[3].status, steps[4].status), (0, 0));
    }
}

#[test]
fn refusals_have_an_errno() {
    if support::need(TOOLS) {
        let programs = Programs::new();
        let (steps, _) = programs.answered("2 5 6 7 8 9", 3000, "tlock test ulock lock tlock test");
        let errnos = [libc::ENOLCK, libc::EDEADLK, libc::EROFS, libc::ESTALE, libc::EFBIG, libc::ENOLCK];
        for (step, errno) in steps.iter().zip(errnos) {
            assert_eq!(step.status, -errno, "{}", step.sentence);
        }
        let nonsense = [
            ("10", libc::EIO),
            ("cookie", libc::EIO),
            ("short", libc::EIO),
            ("huge", libc::EIO),
            ("unavailable", libc::ENOLCK),
        ];
        for (answer, errno) in nonsense {
            let (steps, _) = programs.answered(answer, 3000, "tlock test ulock destroy");
            for step in &steps[..3] {
                assert_eq!(step.status, -errno, "{answer}: {}", step.sentence);
            }
        }
    }
}

#[test]
fn a_restarted_server_is_asked_until_its_grace_period_is_over() {
    if support::need(TOOLS) {
        let programs = Programs::new();
        let (steps, calls) = programs.answered("4 4 4 0 4 4 0", 3000, "tlock ulock close");
        assert!(steps.iter().all(|step| step.status == 0));
        assert_eq!(calls, "NM_LOCK NM_LOCK NM_LOCK NM_LOCK UNLOCK UNLOCK UNLOCK UNLOCK");
        // Waits: 10, 20 and 40 ms.
        assert!((70..2000).contains(&steps[0].milliseconds), "{} ms", steps[0].milliseconds);
        let (steps, _) = programs.answered("4", 300, "tlock test destroy");
        for step in &steps[..2] {
            assert_eq!(step.status, -libc::ETIMEDOUT);
            assert!((300..2000).contains(&step.milliseconds), "{} ms", step.milliseconds);
        }
    }
}

#[test]
fn waiting_is_asking_again() {
    if support::need(TOOLS) {
        let programs = Programs::new();
        let (_, calls) = programs.answered("1 1 0", 3000, "lock destroy");
        assert_eq!(calls, "NM_LOCK NM_LOCK NM_LOCK UNLOCK");
        // A server that waits all the same is stopped.
        let (_, calls) = programs.answered("3 0 0", 3000, "lock destroy");
        assert_eq!(calls, "NM_LOCK CANCEL NM_LOCK UNLOCK");
        let (steps, calls) = programs.answered("3 0", 3000, "tlock destroy");
        assert_eq!((steps[0].status, calls.as_str()), (-libc::EAGAIN, "NM_LOCK CANCEL UNLOCK"));
    }
}

#[test]
fn a_server_without_unmonitored_locks_gives_monitored_ones() {
    if support::need(TOOLS) {
        let (steps, calls) = Programs::new().answered("unmonitored", 3000, "tlock destroy");
        assert_eq!((steps[0].status, calls.as_str()), (0, "NM_LOCK LOCK UNLOCK"));
    }
}

#[test]
fn a_lost_connection_is_made_again() {
    if support::need(TOOLS) {
        let (steps, calls) =
            Programs::new().answered("0 close 0 close 0 close 0", 3000, "tlock ulock tlock umount destroy");
        assert!(steps.iter().all(|step| step.status == 0));
        // The last one is for the lock that was never answered: the server may have got to it late.
        assert_eq!(calls, "NM_LOCK UNLOCK UNLOCK NM_LOCK NM_LOCK UNLOCK UNLOCK UNLOCK");
    }
}

#[test]
fn a_connection_that_is_lost_again_and_again_is_made_again_until_the_timeout() {
    if support::need(TOOLS) {
        let (steps, calls) = Programs::new().answered("close", 1000, "tlock");
        assert_eq!(steps[0].status, -libc::ETIMEDOUT, "{}", steps[0].sentence);
        assert!((1000..3000).contains(&steps[0].milliseconds), "{} ms", steps[0].milliseconds);
        assert!(calls.starts_with("NM_LOCK NM_LOCK NM_LOCK"), "{calls}");
    }
}

#[test]
fn a_restart_of_the_server_is_survived() {
    if support::need(&["ganesha", "gcc"]) {
        let restart = format!("{}/tests/lab/restart-ganesha", support::project_root().display());
        let steps = format!("tlock 'sh:{restart} 0.3' ulock 'sh:{restart} 0.3 &' tlock test close destroy");
        let (steps, _) = Programs::new().run(":", 20_000, &steps);
        for step in &steps {
            assert_eq!((step.status, step.sentence.as_str()), (0, ""));
        }
    }
}

#[test]
fn silence_ends() {
    if support::need(TOOLS) {
        let programs = Programs::new();
        let (steps, calls) = programs.answered("silent", 300, "tlock lock close destroy");
        let statuses: Vec<_> = steps.iter().map(|step| step.status).collect();
        assert_eq!(statuses, [-libc::ETIMEDOUT, -libc::ETIMEDOUT, 0, 0]);
        assert!(steps[..3].iter().all(|step| (300..2000).contains(&step.milliseconds)));
        assert!(steps[3].milliseconds < 3000, "destroying took {} ms", steps[3].milliseconds);
        assert_eq!(calls, "NM_LOCK NM_LOCK UNLOCK UNLOCK");
        // Without locks there is nothing to wait for.
        let (steps, _) = programs.answered("silent", 300, "test destroy");
        assert!(steps[1].milliseconds < 500, "destroying took {} ms", steps[1].milliseconds);
    }
}
