//! Servers that lie in every way that RFC 5531, 1813, 1833 and 4506 leave room for. A C program works with each of
//! them, by synchronous and by asynchronous calls: every call ends in time, with an error or with what it promises, the
//! memory in use stays small, and an honest server works from the same process afterwards.
//!
//! `LIE="part of a name" cargo test --test hostile -- --nocapture` tells a few lies only, with the sentences that the
//! library has for them.

mod support;

#[path = "hostile/lies.rs"]
mod lies;
#[path = "hostile/server.rs"]
mod server;
#[path = "hostile/xdr.rs"]
mod xdr;

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use lies::{Expect, Lie, Tell};
use support::Lab;

/// The timeout that the program sets, milliseconds.
const TIMEOUT: i64 = 500;

/// A machine with other things to do is late: what ends after this time did not end because of its deadline.
const LATE: i64 = 5 * TIMEOUT;

/// What the library may use beside what the program asked for, KiB.
const MEMORY: i64 = 64 << 10;

/// Programs at work at a time, for each way of calling: most of their time is spent waiting.
const PROGRAMS: usize = 3;

/// Where the server is that tells a lie. Rpcbind is asked for universal addresses (GETADDR) through IPv6 only.
fn address(number: usize, lie: &Lie) -> IpAddr {
    match lie.tell {
        Tell::Reply(server::GETADDR, _) => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 1, number as u16).into(),
        _ => Ipv4Addr::new(127, 1, (number >> 8) as u8, number as u8).into(),
    }
}

/// A network for this thread, and those that it starts, alone.
fn network_of_its_own() {
    // SAFETY: changes the namespace of the calling thread only.
    let status = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
    let script = "ip link set lo up && (sysctl -qw net.ipv4.tcp_max_tw_buckets=0 || true)";
    assert!(Command::new("sh").args(["-c", script]).status().expect("a shell").success());
}

/// What the program says of one lie.
struct Outcome<'a> {
    number: usize,
    lie: &'a Lie,
    way: &'static str,
    status: i64,
    milliseconds: i64,
    peak: i64,
    asked: i64,
    complaints: String,
}

impl<'a> Outcome<'a> {
    fn parse(line: &str, way: &'static str, lies: &'a [Lie]) -> Option<Self> {
        let mut words = line.splitn(6, ' ');
        let mut word = || words.next()?.trim().parse::<i64>().ok();
        let number = usize::try_from(word()?).ok()?;
        let (status, milliseconds, peak, asked) = (word()?, word()?, word()?, word()?);
        let complaints = words.next().unwrap_or_default().trim().to_owned();
        Some(Self { number, lie: lies.get(number)?, way, status, milliseconds, peak, asked, complaints })
    }

    /// What is wrong with it, if anything.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Self { status, milliseconds, peak, asked, complaints, .. } = self;
        if !complaints.is_empty() {
            faults.push(complaints.clone());
        }
        match self.lie.expect {
            Expect::Fails if *status >= 0 => faults.push(format!("it is believed ({status})")),
            Expect::Succeeds if *status < 0 => faults.push(format!("it is no lie, and fails with {status}")),
            _ => {}
        }
        if *milliseconds > LATE {
            faults.push(format!("a call takes {milliseconds} ms"));
        }
        if *peak > MEMORY + asked {
            faults.push(format!("{} MiB of memory, {} MiB were asked for", peak >> 10, asked >> 10));
        }
        faults
    }

    /// Whether a machine that has other things to do explains it.
    fn may_be_late(&self) -> bool {
        self.milliseconds > LATE || self.status == i64::from(-libc::ETIMEDOUT)
    }
}

/// The program, and what runs it.
struct Client<'a> {
    program: &'a Path,
    prefix: &'a [String],
    lies: &'static [Lie],
}

impl Client<'_> {
    /// Meets the lies of these numbers.
    fn meet(&self, way: &'static str, numbers: &[usize]) -> Vec<Outcome<'static>> {
        let Some(first) = numbers.first() else { return Vec::new() };
        let input = self.program.with_file_name(format!("{way}-{first}.lies"));
        let line = |&number: &usize| {
            let lie = &self.lies[number];
            // What is odd but no lie may take its time on a busy machine.
            let timeout = if lie.expect == Expect::Succeeds { 10 * TIMEOUT } else { TIMEOUT };
            format!("{number} {} {} {timeout}\n", address(number, lie), lie.action)
        };
        fs::write(&input, numbers.iter().map(line).collect::<String>()).expect("a file for the lies");
        let mut command = Command::new("sh");
        command.args(["-c", r#"input=$1; shift; exec "$@" <"$input""#, "sh"]).arg(&input);
        command.args(self.prefix).arg(self.program).args([way, "127.0.0.1"]);
        command.env("LD_LIBRARY_PATH", self.program.with_file_name("lib"));
        if wanted().is_some() {
            command.env("VERBOSE", "1");
        }
        let finished = support::run(&mut command, Duration::from_secs(200));
        let (how, stdout, stderr) = (finished.how(), &finished.stdout, &finished.stderr);
        if wanted().is_some() {
            print!("{stdout}{stderr}");
        }
        assert!(finished.success(), "the program {how}:\n{stdout}{stderr}");
        let outcome = |line| Outcome::parse(line, way, self.lies);
        let outcomes: Vec<_> = stdout.lines().filter_map(outcome).collect();
        assert_eq!(outcomes.len(), numbers.len(), "every lie has an outcome:\n{stdout}{stderr}");
        outcomes
    }

    /// Meets them in both ways, with several programs side by side.
    fn meet_all(&self, numbers: &[usize]) -> Vec<Outcome<'static>> {
        thread::scope(|scope| {
            let mut programs = Vec::new();
            for share in 0..PROGRAMS {
                let share: Vec<usize> = numbers.iter().copied().skip(share).step_by(PROGRAMS).collect();
                for way in ["sync", "async"] {
                    let share = share.clone();
                    programs.push(scope.spawn(move || self.meet(way, &share)));
                }
            }
            let outcomes =
                programs.into_iter().map(|program| program.join().expect("a program that ends well"));
            outcomes.flatten().collect()
        })
    }

    /// As [`Client::meet_all`]. What may be due to the machine is tried again by itself.
    fn meet_all_in_peace(&self, numbers: &[usize]) -> Vec<Outcome<'static>> {
        let mut outcomes = self.meet_all(numbers);
        for outcome in &mut outcomes {
            for _ in 0..3 {
                if !outcome.faults().is_empty() && outcome.may_be_late() {
                    println!("{} ({}): once more", outcome.lie.name, outcome.way);
                    *outcome = self.meet(outcome.way, &[outcome.number]).remove(0);
                }
            }
        }
        outcomes
    }
}

fn wanted() -> Option<String> {
    std::env::var("LIE").ok()
}

/// Starts a server for each lie that `choose` picks, and an honest one, in a network of their own.
fn servers(choose: impl Fn(usize) -> bool) -> (&'static [Lie], Vec<usize>) {
    network_of_its_own();
    let lies: &'static [Lie] = lies::all().leak();
    let wanted = |number: usize| wanted().map_or(choose(number), |part| lies[number].name.contains(&part));
    let chosen: Vec<usize> = (0..lies.len()).filter(|&number| wanted(number)).collect();
    server::start(Ipv4Addr::LOCALHOST.into(), Box::leak(Box::new(lies::none())));
    for &number in &chosen {
        let address = address(number, &lies[number]);
        if address.is_ipv6() {
            let add = format!("ip -6 address add {address}/128 dev lo nodad");
            assert!(Command::new("sh").args(["-c", &add]).status().expect("a shell").success());
        }
        server::start(address, &lies[number]);
    }
    (lies, chosen)
}

#[test]
fn no_lie_does_harm() {
    // "ganesha" stands for root and the tools that make networks.
    if !support::need(&["ganesha", "gcc"]) {
        return;
    }
    let (lies, chosen) = servers(|_| true);
    let lab = Lab::new();
    let (program, _) = lab.program("hostile");
    let outcomes = Client { program: &program, prefix: &[], lies }.meet_all_in_peace(&chosen);
    let slowest = outcomes.iter().max_by_key(|outcome| outcome.milliseconds).expect("outcomes");
    let largest = outcomes.iter().max_by_key(|outcome| outcome.peak - outcome.asked).expect("outcomes");
    println!("{} outcomes; slowest: {} ms, {}", outcomes.len(), slowest.milliseconds, slowest.lie.name);
    println!("most memory: {} KiB, {}", largest.peak - largest.asked, largest.lie.name);
    let mut report = String::new();
    for outcome in &outcomes {
        for fault in outcome.faults() {
            let Lie { name, action, .. } = outcome.lie;
            writeln!(report, "{name} ({action}, {}): {fault}", outcome.way).expect("a string");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// A part of the lies, for the sake of time: neighbours in the list are much alike. Time and memory tell nothing here.
#[test]
fn nor_is_memory_misused() {
    if !support::need(&["ganesha", "gcc", "valgrind"]) {
        return;
    }
    let (lies, chosen) = servers(|number| number % 7 == 3);
    let lab = Lab::new();
    let (program, _) = lab.program("hostile");
    let checker: Vec<String> = support::checker().split_whitespace().map(str::to_owned).collect();
    for outcome in (Client { program: &program, prefix: &checker, lies }).meet_all(&chosen) {
        assert!(outcome.complaints.is_empty(), "{}: {}", outcome.lie.name, outcome.complaints);
    }
}
