//! What the integration tests share: the built library, temporary directories, C programs, processes with a
//! time limit, and the private NFS server of `tests/lab/ganesha`.
//!
//! A test that needs something the machine may lack begins with
//! `if !support::need(&["ganesha", "libnfs-dev"]) { return; }`.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, process, thread};

/// The directory of Cargo.toml.
pub fn project_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library under test: `libnfs.so` in `$LIBNFS_LIB_DIR`, or in `target/release`.
pub fn library() -> PathBuf {
    let directory = match env::var_os("LIBNFS_LIB_DIR") {
        Some(directory) => project_root().join(directory),
        None => project_root().join("target/release"),
    };
    let library = directory.join("libnfs.so");
    assert!(library.exists(), "{} is missing: run `cargo build --release` first", library.display());
    library
}

/// Makes `directory/lib` with the library under test under each name a program may look for, so that it can be
/// put in `LD_LIBRARY_PATH` or given to the linker with `-L`.
pub fn library_directory(directory: &Path) -> PathBuf {
    let made = directory.join("lib");
    fs::create_dir(&made).expect("a directory for the library");
    for name in ["libnfs.so", "libnfs.so.13", "libnfs.so.14"] {
        symlink(library(), made.join(name)).expect("a link to the library");
    }
    made
}

/// Tells whether everything named is on this machine. If not, the test is to return: it is noted as skipped
/// (one line in the file `$LIBNFS_SKIP_LOG`, if that is set). With `CI=true` nothing may be missing.
///
/// Known are `ganesha`, `knfsd` (what `tests/lab/knfsd` boots), `libnfs-dev` (Debian's headers), `libnfs13` (Debian's
/// library), `libnfs14` (made by `tests/lab/libnfs14`), `python3-dev`, any path and any command.
pub fn need(things: &[&str]) -> bool {
    let missing: Vec<&str> = things.iter().copied().filter(|thing| !available(thing)).collect();
    if missing.is_empty() {
        return true;
    }
    let test = format!("{}::{}", env!("CARGO_CRATE_NAME"), thread::current().name().unwrap_or("test"));
    let line = format!("{test}: {} missing", missing.join(", "));
    assert!(env::var("CI").as_deref() != Ok("true"), "{line}");
    println!("skipped {line}");
    if let Some(log) = env::var_os("LIBNFS_SKIP_LOG") {
        let log = OpenOptions::new().create(true).append(true).open(log);
        writeln!(log.expect("the log of skipped tests"), "{line}").expect("a line for a skipped test");
    }
    false
}

fn available(thing: &str) -> bool {
    match thing {
        "ganesha" => {
            let tools = ["ganesha.nfsd", "rpcbind", "rpcinfo", "ip", "unshare", "setpriv"];
            // SAFETY: geteuid() only reads the credentials of the process.
            let root = unsafe { libc::geteuid() } == 0;
            // Rpcbind looks up what it serves.
            let tables = ["/etc/services", "/etc/protocols"].iter().all(|table| Path::new(table).exists());
            tools.iter().all(|tool| command_exists(tool)) && tables && root
        }
        "knfsd" => {
            let image = project_root().join("tests/lab/knfsd-image");
            let is_ready = Command::new(image).arg("--ready").status().is_ok_and(|status| status.success());
            is_ready && ["ip", "unshare", "setpriv"].iter().all(|tool| command_exists(tool))
        }
        "libnfs-dev" => Path::new("/usr/include/nfsc/libnfs.h").exists() && debian_library().is_some(),
        "libnfs13" => debian_library().is_some(),
        "libnfs14" => libnfs14().join("packages").exists(),
        "python3-dev" => python_header().is_some_and(|header| header.exists()),
        path if path.starts_with('/') => Path::new(path).exists(),
        command => command_exists(command),
    }
}

fn command_exists(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(name).is_file())
}

fn python_header() -> Option<PathBuf> {
    let script = "import sysconfig; print(sysconfig.get_paths()['include'], end='')";
    let output = Command::new("python3").args(["-c", script]).output().ok()?;
    Some(Path::new(&String::from_utf8(output.stdout).ok()?).join("Python.h"))
}

/// Debian's own `libnfs.so.13`.
pub fn debian_library() -> Option<PathBuf> {
    let architecture = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    [architecture.as_str(), "/usr/lib64", "/usr/lib"]
        .into_iter()
        .map(|directory| Path::new(directory).join("libnfs.so.13"))
        .find(|library| library.exists())
}

/// What `tests/lab/libnfs14` makes: libnfs 5.0 of Debian 13, with its headers and its C library.
pub fn libnfs14() -> PathBuf {
    project_root().join("target/libnfs14")
}

/// A directory that is removed with everything in it when the value is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("libnfs-test.{}.{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What a killed program still holds may take a moment to go.
        for _ in 0..10 {
            if fs::remove_dir_all(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Compiles and links one C file with every common warning as an error. `flags` follow the source, so that they
/// may name libraries. `$CC` is the compiler, and may have flags of its own.
pub fn compile_c(source: &Path, program: &Path, flags: &[&str]) {
    let compiler = env::var("CC").unwrap_or_else(|_| "gcc".into());
    let mut words = compiler.split_whitespace();
    let mut command = Command::new(words.next().expect("a compiler"));
    command.args(words);
    command.args(["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(program).arg(source).args(flags);
    let done = run(&mut command, Duration::from_secs(60));
    assert!(done.success(), "{} does not compile:\n{}", source.display(), done.stderr);
}

/// What watches over the memory of a program, as part of a shell command: `$LIBNFS_CHECKER`, or valgrind, which exits
/// with 99 for an error or a definite leak, and reports only those.
pub fn checker() -> String {
    const VALGRIND: &str = "valgrind --quiet --error-exitcode=99 --leak-check=full \
                            --errors-for-leak-kinds=definite --show-leak-kinds=definite";
    let suppressions = project_root().join("tests/support/valgrind.supp");
    env::var("LIBNFS_CHECKER")
        .unwrap_or_else(|_| format!("{VALGRIND} --suppressions={}", suppressions.display()))
}

/// What a process did.
#[derive(Debug)]
pub struct Finished {
    /// None when the process was killed because its time was over.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The end of the process in words.
    pub fn how(&self) -> String {
        match self.status {
            None => "ran out of time".into(),
            Some(status) => match status.signal() {
                Some(signal) => format!("was killed by signal {signal}"),
                None => format!("exited with {}", status.code().unwrap_or(-1)),
            },
        }
    }
}

/// Runs a command without standard input, and kills it when the limit is over. Bytes that are not UTF-8 are
/// replaced in its output.
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the state of a child") {
            break Some(status);
        }
        if Instant::now() >= end {
            child.kill().expect("a child to kill");
            child.wait().expect("the end of a child");
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    // A grandchild may hold the pipes open: it does not get to hold the test.
    let text = |pipe: mpsc::Receiver<Vec<u8>>| {
        let bytes = pipe.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Finished { status, stdout: text(stdout), stderr: text(stderr) }
}

fn collect(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // Whatever was read before an error is worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Runs commands beside a private NFS server; see `tests/lab/ganesha`.
pub struct Lab {
    directory: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self { directory: TempDir::new() }
    }

    /// A directory for the programs of the test, removed together with the lab.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Compiles `tests/programs/NAME.c` against our header; returns the program, and the directory of our library.
    pub fn program(&self, name: &str) -> (PathBuf, PathBuf) {
        let source = project_root().join(format!("tests/programs/{name}.c"));
        let (program, library) = (self.path().join(name), library_directory(self.path()));
        let include = format!("-I{}", project_root().join("include").display());
        compile_c(&source, &program, &["-O2", &include, &format!("-L{}", library.display()), "-lnfs"]);
        (program, library)
    }

    /// A command that runs `program` with a fresh server: at 127.0.0.1 and ::1, exports in `$EXPORT` and
    /// `$EXPORT_RO`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.beside("ganesha", program)
    }

    /// The same with the server of a script in `tests/lab`.
    pub fn beside(&self, server: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(project_root().join("tests/lab").join(server));
        command.arg(program).env("TMPDIR", self.path());
        command
    }
}
