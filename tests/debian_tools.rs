//! Debian's nfs-ls, nfs-cat and nfs-cp, unmodified, on our library: what they print, copy and exit with is what
//! they do on Debian's own.

mod make;
mod support;

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::{env, fs};

use support::{Finished, Lab, TempDir, debian_library, library, need, run};

/// How a program gets its libnfs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    /// Debian's own.
    Debian,
    /// Ours with the program's ABI, found under the name that the program looks for.
    Path,
    /// The same, loaded before the program looks.
    Preload,
    /// Ours with the default ABI, loaded before the program's own, which it then covers.
    PreloadDefault,
}

const OURS: [On; 3] = [On::Path, On::Preload, On::PreloadDefault];

impl On {
    fn library(self) -> PathBuf {
        static LIBRARY_13: LazyLock<PathBuf> = LazyLock::new(|| make::library_13().join("libnfs.so.13"));
        match self {
            On::Debian => debian_library().expect("Debian's library"),
            On::Path | On::Preload => LIBRARY_13.clone(),
            On::PreloadDefault => library(),
        }
    }

    fn command(self, program: &str, arguments: &[&str]) -> Command {
        let (library, mut command) = (self.library(), Command::new(program));
        match self {
            On::Debian => {}
            On::Path => _ = command.env("LD_LIBRARY_PATH", library.parent().expect("a directory")),
            On::Preload | On::PreloadDefault => _ = command.env("LD_PRELOAD", library),
        }
        command.args(arguments);
        command
    }

    fn run(self, program: &str, arguments: &[&str]) -> Finished {
        run(&mut self.command(program, arguments), Duration::from_secs(30))
    }

    /// Runs something that is to succeed. Returns what it printed.
    fn succeed(self, program: &str, arguments: &[&str]) -> String {
        let done = self.run(program, arguments);
        assert!(done.success(), "{self:?}: {program} {arguments:?} {}: {}", done.how(), done.stderr);
        done.stdout
    }
}

/// Runs the named test, which calls this, once more beside an NFS server. True there, false outside.
fn beside_server(test: &str) -> bool {
    if env::var_os("EXPORT").is_some() {
        return true;
    }
    if need(&["ganesha", "libnfs13", "nfs-ls", "nfs-cat", "nfs-cp", "make"]) {
        let lab = Lab::new();
        // Built here, outside of the time limit and of the private network.
        for on in OURS {
            assert!(on.library().exists());
        }
        let mut again = lab.command(env::current_exe().expect("this program"));
        let done = run(again.args(["--exact", test, "--nocapture"]), Duration::from_secs(120));
        assert!(done.success(), "beside the server it {}:\n{}{}", done.how(), done.stdout, done.stderr);
    }
    false
}

/// The directory that the server exports, and its URL.
fn export() -> (PathBuf, String) {
    let directory = PathBuf::from(env::var_os("EXPORT").expect("an export"));
    let url = format!("nfs://127.0.0.1{}", directory.display());
    (directory, url)
}

/// Every call to libnfs is bound to our library, whatever else is loaded.
#[test]
fn our_library_is_used() {
    if !beside_server("our_library_is_used") {
        return;
    }
    let (_, url) = export();
    for on in OURS {
        let mut command = on.command("nfs-ls", &[&url]);
        command.env("LD_BIND_NOW", "1").env("LD_DEBUG", "bindings");
        let done = run(&mut command, Duration::from_secs(30));
        assert!(done.success(), "{on:?}: nfs-ls {}", done.how());
        let to_ours = format!("to {} ", on.library().display());
        let bindings = done.stderr.lines().filter(|line| line.contains("binding file nfs-ls "));
        let calls: Vec<&str> =
            bindings.filter(|line| line.contains("`nfs_") || line.contains("`mount_")).collect();
        assert!(calls.len() > 10, "{on:?}: {}", done.stderr);
        for call in calls {
            assert!(call.contains(&to_ours), "{on:?}: {call}");
        }
    }
}

/// Trees, a summary, another user's view, the server's exports.
#[test]
fn listings() {
    if !beside_server("listings") {
        return;
    }
    let (directory, url) = export();
    make_tree(&directory);
    let tree = format!("{url}/tree");
    let many = format!("{url}/many");
    let as_user = format!("{url}/tree/a?uid=1000&gid=1000");
    let cases: [&[&str]; 8] = [
        &[&tree],
        &["-R", &tree],
        &["-s", &tree],
        &["-R", "-s", &tree],
        &[&many],
        &["-R", &as_user],
        &["-D", "nfs://127.0.0.1"],
        &["-D", "-R", "nfs://127.0.0.1"],
    ];
    for arguments in cases {
        let expected = On::Debian.succeed("nfs-ls", arguments);
        let expected = comparable(&expected);
        assert!(!expected.is_empty());
        for on in OURS {
            let listed = on.succeed("nfs-ls", arguments);
            assert_eq!(comparable(&listed), expected, "{on:?}: nfs-ls {arguments:?}");
        }
    }
}

fn make_tree(directory: &Path) {
    let tree = directory.join("tree");
    fs::create_dir_all(tree.join("a/b/c/d/e")).expect("directories");
    fs::create_dir(tree.join("empty")).expect("a directory");
    for (name, size, mode) in [
        ("a/file", 1, 0o644),
        ("a/b/program", 4096, 0o4711),
        ("a/b/c/d/e/deep", 0, 0o400),
        ("two words", 12, 0o666),
        ("naïve", 5, 0o1777),
        ("large", 5 << 30, 0o600),
    ] {
        let file = fs::File::create(tree.join(name)).expect("a file");
        file.set_len(size).expect("its size");
        file.set_permissions(fs::Permissions::from_mode(mode)).expect("its mode");
    }
    chown(tree.join("a/file"), Some(1000), Some(54321)).expect("an owner");
    symlink("a/file", tree.join("link")).expect("a link");
    symlink("/nowhere", tree.join("dangling")).expect("a link");
    let many = directory.join("many");
    fs::create_dir(&many).expect("a directory");
    for number in 0..1500 {
        fs::write(many.join(format!("{number}-{}", "n".repeat(number % 180))), b"").expect("a file");
    }
}

/// Lines in one order, without the free space, which may change at any time.
fn comparable(listing: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = listing
        .lines()
        .map(|line| match line.split_once(" of ") {
            Some((free, total)) if free.parse::<u64>().is_ok() => total,
            _ => line,
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// Nothing, single bytes, the borders of blocks and of what one call carries: in, between two URLs, out.
#[test]
fn copies() {
    if !beside_server("copies") {
        return;
    }
    let (directory, url) = export();
    let local = TempDir::new();
    let sizes = [0, 1, 4095, 4096, 4097, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 64 << 20];
    for (number, on) in OURS.into_iter().enumerate() {
        for size in sizes {
            let data = noise(size);
            let (source, target) = (local.path().join("source"), local.path().join("target"));
            let (first, second) = (format!("in-{number}-{size}"), format!("between-{number}-{size}"));
            let (first_url, second_url) = (format!("{url}/{first}"), format!("{url}/{second}"));
            let what = format!("{on:?}, {size} bytes");
            fs::write(&source, &data).expect("a file");

            let copied = on.succeed("nfs-cp", &[utf8(&source), &first_url]);
            assert_eq!(copied, format!("copied {size} bytes\n"), "{what}");
            assert!(fs::read(directory.join(&first)).expect("the copy") == data, "{what}: copied in");

            on.succeed("nfs-cp", &[&first_url, &second_url]);
            assert!(fs::read(directory.join(&second)).expect("the copy") == data, "{what}: between URLs");

            on.succeed("nfs-cp", &[&second_url, utf8(&target)]);
            assert!(fs::read(&target).expect("the copy") == data, "{what}: copied out");

            let printed = on.command("nfs-cat", &[&second_url]).output().expect("nfs-cat");
            assert!(printed.status.success() && printed.stdout == data, "{what}: nfs-cat");
            fs::remove_file(&target).expect("removal of the copy");
        }
    }
}

/// Bytes that differ from block to block.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut data = Vec::with_capacity(size + 8);
    while data.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(size);
    data
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What cannot be done ends with the status that Debian's library leads to, and with a sentence.
#[test]
fn failures() {
    if !beside_server("failures") {
        return;
    }
    let (directory, url) = export();
    let read_only = format!("nfs://127.0.0.1{}", env::var("EXPORT_RO").expect("an export"));
    fs::create_dir(directory.join("directory")).expect("a directory");
    for (name, mode) in [("secret", 0o600), ("file", 0o644)] {
        fs::write(directory.join(name), "text\n").expect("a file");
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(mode)).expect("its mode");
    }
    fs::create_dir(directory.join("locked")).expect("a directory");
    fs::set_permissions(directory.join("locked"), fs::Permissions::from_mode(0o700)).expect("its mode");
    symlink("nowhere", directory.join("dangling")).expect("a link");

    let at = |path: &str| format!("{url}/{path}");
    let user = "?uid=1000&gid=1000";
    let cases = [
        ("nfs-ls", vec![at("missing")]),
        ("nfs-ls", vec![at(&format!("locked{user}"))]),
        ("nfs-ls", vec!["-R".into(), format!("{url}{user}")]),
        ("nfs-ls", vec!["nfs://127.0.0.1/not/exported".into()]),
        ("nfs-ls", vec!["http://127.0.0.1/".into()]),
        ("nfs-ls", vec!["nfs://127.0.0.1".into()]),
        ("nfs-ls", vec!["-D".into(), "nfs://".into()]),
        ("nfs-cat", vec![at("missing")]),
        ("nfs-cat", vec![at("dangling")]),
        ("nfs-cat", vec![at("directory")]),
        ("nfs-cat", vec![at(&format!("secret{user}"))]),
        ("nfs-cat", vec!["nfs://127.0.0.1/not/exported/file".into()]),
        ("nfs-cp", vec![at("missing"), "/dev/null".into()]),
        ("nfs-cp", vec![at(&format!("secret{user}")), "/dev/null".into()]),
        ("nfs-cp", vec![at("file"), "/not/there".into()]),
        ("nfs-cp", vec![at("file"), at("missing/copy")]),
        ("nfs-cp", vec!["/etc/passwd".into(), at(&format!("copy{user}"))]),
        ("nfs-cp", vec!["/etc/passwd".into(), format!("{read_only}/copy")]),
        ("nfs-cp", vec!["/not/there".into(), at("copy")]),
    ];
    for (program, arguments) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let expected = On::Debian.run(program, &arguments).how();
        // Discovery waits for answers: once is enough.
        let ways = if arguments[0] == "-D" { &OURS[..1] } else { &OURS[..] };
        for on in ways {
            let done = on.run(program, &arguments);
            let said = done.stdout.trim().len() + done.stderr.trim().len();
            let what = format!("{on:?}: {program} {arguments:?}: {}{}", done.stdout, done.stderr);
            assert_eq!(done.how(), expected, "{what}");
            assert!(!done.success() && said > 10, "{what}");
        }
    }
    let refused = format!("{url}?nfsport=1&mountport=1");
    for on in OURS {
        assert!(!on.run("nfs-ls", &[&refused]).success(), "{on:?}");
    }
}
