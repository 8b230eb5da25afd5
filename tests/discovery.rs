//! Finding servers by broadcast, from a machine with two network interfaces.

mod support;

use std::time::Duration;

use support::Lab;

const SCRIPT: &str = r#"
    # A second machine, with a cable to each of two interfaces of the server.
    unshare -n sleep 30 &
    client=$!
    trap 'kill $client' EXIT
    until [[ $(readlink /proc/$client/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
    for number in 1 2; do
        ip link add lab$number type veth peer name client$number netns $client
        ip addr add 10.11$number.0.1/24 brd + dev lab$number
        ip link set lab$number up
        nsenter -t $client -n ip addr add 10.11$number.0.2/24 brd + dev client$number
        nsenter -t $client -n ip link set client$number up
    done
    LD_LIBRARY_PATH=$2 nsenter -t $client -n "$1"
"#;

#[test]
fn servers_on_every_interface_are_found() {
    if !support::need(&["ganesha", "gcc", "nsenter"]) {
        return;
    }
    let lab = Lab::new();
    let (program, library) = lab.program("find-servers");
    let mut command = lab.command("bash");
    command.args(["-c", SCRIPT, "bash"]).args([&program, &library]);
    let finished = support::run(&mut command, Duration::from_secs(60));
    assert!(finished.success(), "{}:\n{}", finished.how(), finished.stderr);
    let mut found: Vec<&str> = finished.stdout.lines().collect();
    found.sort_unstable();
    assert_eq!(found, ["10.111.0.1", "10.112.0.1"]);
}
