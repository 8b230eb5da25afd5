//! Mounting, and what follows: what it costs in round trips, by which names a server is found, and when it gives up.

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use support::Lab;

/// The program `tests/programs/mount.c` and the library under test, ready to run in a lab.
struct Mount {
    lab: Lab,
    program: PathBuf,
    library: PathBuf,
}

impl Mount {
    fn new() -> Self {
        Self::with_program("mount")
    }

    /// Another program of `tests/programs/`.
    fn with_program(name: &str) -> Self {
        let lab = Lab::new();
        let (program, library) = lab.program(name);
        Self { lab, program, library }
    }

    /// Runs a shell script in the lab, with the program as `$1` and the root of the project as `$2`; returns what
    /// it printed.
    fn script(&self, script: &str) -> String {
        let mut command = self.lab.command("bash");
        command.args(["-c", &format!("export LD_LIBRARY_PATH=$3\n{script}"), "bash"]);
        command.arg(&self.program).arg(support::project_root()).arg(&self.library);
        let finished = support::run(&mut command, Duration::from_secs(60));
        assert!(finished.success(), "{script} {}:\n{}", finished.how(), finished.stderr);
        finished.stdout
    }

    /// Mounts from a server that cannot be reached, with a timeout of 500 ms: checks that it is kept. A machine
    /// with other things to do may be late; one of a few tries is on time.
    fn meets_the_deadline(&self, set_up: &str, server: &str) {
        const TRIES: usize = 4;
        let mount = format!("for _ in {{1..{TRIES}}}; do \"$1\" {server} /export 500; done");
        let output = self.script(&format!("{set_up}\n{mount}"));
        let mut fastest = i64::MAX;
        for line in output.lines() {
            let mut words = line.split_whitespace().map_while(|word| word.parse::<i64>().ok());
            let (status, milliseconds) = (words.next(), words.next().expect("a time"));
            assert!(status == Some(-110) && milliseconds >= 500, "{output}");
            fastest = fastest.min(milliseconds);
        }
        assert!(fastest < 600, "{output}");
    }
}

#[test]
fn a_mount_takes_five_round_trips() {
    if support::need(&["ganesha", "gcc", "python3"]) {
        let mount = Mount::new();
        let count = mount.lab.path().join("count");
        let script = format!(r#""$2/tests/lab/round-trips" {} "$1" 127.0.0.1 "$EXPORT""#, count.display());
        assert!(mount.script(&script).starts_with("0 "));
        assert_eq!(fs::read_to_string(count).expect("a count").trim(), "5");
    }
}

#[test]
fn urls_of_ipv6_addresses() {
    if support::need(&["ganesha", "gcc"]) {
        let script = r#"
            ip -6 address add fe80::1/64 dev lo nodad
            for server in '[::1]:2049' '[::1]' ::1 '[fe80::1%25lo]:2049' '[fe80::1%25lo]' fe80::1%25lo; do
                "$1" "nfs://$server" "$EXPORT"
            done
            # The port counts.
            "$1" 'nfs://[::1]:1' "$EXPORT""#;
        let output = Mount::new().script(script);
        let statuses: Vec<&str> =
            output.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(statuses, ["0", "0", "0", "0", "0", "0", "-111"], "{output}");
    }
}

#[test]
fn round_trips_with_warm_caches() {
    if !support::need(&["ganesha", "gcc", "python3"]) {
        return;
    }
    let warm = Mount::with_program("warm");
    warm.script(
        r#"mkdir -p "$EXPORT/a/b/c" "$EXPORT/list" && cd "$EXPORT/list" && touch $(seq 1000) && cd "$(dirname "$1")"
        head -c 65536 /dev/zero >"$EXPORT/a/b/c/file" && head -c 8388608 /dev/zero >"$EXPORT/large"
        chmod 644 "$EXPORT/a/b/c/file"; for operation in stat small-file mount list read write; do
            for count in 1 2; do
                "$2/tests/lab/round-trips" trips "$1" $operation $count 127.0.0.1 "$EXPORT" || exit
                echo $operation $(cat trips) >>all-trips
            done
        done"#,
    );
    let trips = fs::read_to_string(warm.program.with_file_name("all-trips")).expect("counts");
    let count = |line: &str| -> i64 { line.split(' ').nth(1).expect("a count").parse().expect("a number") };
    let lines: Vec<_> = trips.lines().collect();
    let second: Vec<_> = lines.chunks(2).map(|runs| count(runs[1]) - count(runs[0])).collect();
    // LOOKUP; LOOKUP and READ; connect and FSINFO; LOOKUP and READDIRPLUS; the pieces side by side.
    assert_eq!(second, [1, 2, 2, 2, 1, 1], "{trips}");
}

#[test]
fn names_and_addresses_of_both_families() {
    if support::need(&["ganesha", "gcc"]) {
        let servers = "127.0.0.1 localhost ::1 [::1] ip6-only two-addresses";
        let script = r#"
            printf '127.0.0.1 localhost\n::1 ip6-only\n127.0.0.66 two-addresses\n127.0.0.1 two-addresses\n' >"$(dirname "$1")/hosts"
            mount --bind "$(dirname "$1")/hosts" /etc/hosts
            ip link set lo up
            for server in SERVERS; do "$1" $server "$EXPORT" 3000; done"#;
        let output = Mount::new().script(&script.replace("SERVERS", servers));
        assert_eq!(output.lines().filter(|line| line.starts_with("0 ")).count(), 6, "{output}");
    }
}

#[test]
fn nested_exports_are_crossed_when_asked_for() {
    if support::need(&["ganesha", "gcc"]) {
        let mount = Mount::with_program("nested");
        let output = mount.script(
            r#"
            echo inside >"$EXPORT_OUTER/inner/file"
            for cross in 0 1; do "$1" 127.0.0.1 "$EXPORT_OUTER" $cross; done"#,
        );
        let crossed = "opendir /inner: 0\n  file 100644 7\nstat: 0\ncreat: 0\nchdir: 0\nstat: 0\n";
        let kept = "opendir /inner: -116\nstat: -116\ncreat: -116\nchdir: 0\nstat: -116\n";
        assert_eq!(output, format!("{kept}{crossed}"));
    }
}

#[test]
fn a_silent_name_server_meets_the_deadline() {
    if support::need(&["ganesha", "gcc", "python3"]) {
        let set_up = r#"
            python3 -c 'import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.53", 53)); time.sleep(20)' &
            echo nameserver 127.0.0.53 >"$(dirname "$1")/resolv.conf"
            mount --bind "$(dirname "$1")/resolv.conf" /etc/resolv.conf
            echo hosts: dns >"$(dirname "$1")/nsswitch.conf"
            mount --bind "$(dirname "$1")/nsswitch.conf" /etc/nsswitch.conf
            trap "kill $!" EXIT
            until grep -q ':0035 ' /proc/net/udp; do sleep 0.05; done"#;
        Mount::new().meets_the_deadline(set_up, "no-such-server.example");
    }
}

#[test]
fn a_network_that_swallows_everything_meets_the_deadline() {
    if support::need(&["ganesha", "gcc"]) {
        // A neighbour whose address no machine has.
        let set_up = r#"
            ip link add hole0 type veth peer name hole1
            ip addr add 10.99.0.1/24 dev hole0
            ip link set hole0 up
            ip link set hole1 up
            ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:99 dev hole0"#;
        Mount::new().meets_the_deadline(set_up, "10.99.0.2");
    }
}

#[test]
fn a_server_that_says_nothing_meets_the_deadline() {
    if support::need(&["ganesha", "gcc"]) {
        let set_up = r#"
            for process in /proc/[0-9]*; do
                [[ $(<$process/comm) != rpcbind ]] || kill -STOP ${process#/proc/}
            done"#;
        Mount::new().meets_the_deadline(set_up, "127.0.0.1");
    }
}
