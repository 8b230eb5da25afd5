//! `make install` and `make uninstall`: the layout that packagers expect, and that programs can be built on it.

mod make;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::{TempDir, compile_c, need, project_root, run};

struct Release {
    abi: &'static str,
    file: &'static str,
    version: &'static str,
}

const RELEASES: [Release; 2] = [
    Release { abi: "13", file: "libnfs.so.13.0.0", version: "4.0.0" },
    Release { abi: "14", file: "libnfs.so.14.1.0", version: "5.0.3" },
];

/// The runtime needs libc and what belongs to the compiler and to libc.
const COMPANIONS: [&str; 5] = ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux", "linux-vdso"];

const PROGRAM: &str = r#"
#include <stdio.h>
#include <nfsc/libnfs.h>

int main(void)
{
    struct nfs_context *nfs = nfs_init_context();
    struct nfs_url *url = nfs ? nfs_parse_url_full(nfs, "nfs://host/export/file") : NULL;

    if (url == NULL)
        return 1;
    printf("%s %s %s\n", url->server, url->path, url->file);
    nfs_destroy_url(url);
    nfs_destroy_context(nfs);
    return 0;
}
"#;

#[test]
fn abi_13() {
    installed(&RELEASES[0], &[]);
}

#[test]
fn abi_14() {
    installed(&RELEASES[1], &[]);
}

#[test]
fn debian_directories() {
    installed(&RELEASES[1], &["PREFIX=/usr", "LIBDIR=/usr/lib/x86_64-linux-gnu", "INCLUDEDIR=/opt/include"]);
}

/// Installs into an empty directory, looks at it, builds on it, uninstalls.
fn installed(release: &Release, variables: &[&str]) {
    if !need(&["make", "gcc", "strip", "readelf", "ldd", "pkg-config"]) {
        return;
    }
    let value = |name: &str| {
        variables
            .iter()
            .find_map(|variable| variable.strip_prefix(name)?.strip_prefix("=").map(str::to_owned))
    };
    let prefix = value("PREFIX").unwrap_or_else(|| "/usr/local".into());
    let libdir = value("LIBDIR").unwrap_or_else(|| format!("{prefix}/lib"));
    let includedir = value("INCLUDEDIR").unwrap_or_else(|| format!("{prefix}/include"));

    let temporary = TempDir::new();
    let root = temporary.path().join("with a space");
    let destdir = format!("DESTDIR={}", root.display());
    let abi = format!("LIBNFS_ABI={}", release.abi);
    let arguments = |target| [&[target, abi.as_str(), destdir.as_str()], variables].concat();

    make::make(&arguments("install"));
    let library = layout(&root, release, &libdir, &includedir);
    shared_library(&library, release);
    // pkg-config and the compiler would take the space for the end of a flag.
    let plain = temporary.path().join("root");
    symlink(&root, &plain).expect("a name without a space");
    programs(&plain, release, &libdir);

    make::make(&arguments("uninstall"));
    assert_eq!(files(&root), BTreeSet::new());
    assert!(!root.join(&includedir[1..]).join("nfsc").exists());
}

/// Exactly the files that belong there. Returns the library.
fn layout(root: &Path, release: &Release, libdir: &str, includedir: &str) -> PathBuf {
    let soname = format!("libnfs.so.{}", release.abi);
    let names = [release.file, &soname, "libnfs.so", "libnfs.a", "pkgconfig/libnfs.pc"];
    let mut expected: BTreeSet<String> = names.iter().map(|name| format!("{libdir}/{name}")).collect();
    for header in fs::read_dir(project_root().join("include/nfsc")).expect("the headers") {
        let name = header.expect("a header").file_name();
        expected.insert(format!("{includedir}/nfsc/{}", name.to_str().expect("a name in UTF-8")));
    }
    assert!(expected.contains(&format!("{includedir}/nfsc/libnfs.h")));
    assert_eq!(files(root), expected);

    let libraries = root.join(&libdir[1..]);
    for link in [soname.as_str(), "libnfs.so"] {
        let leads_to = libraries.join(link).canonicalize().expect("a link");
        assert_eq!(leads_to.file_name().expect("a name"), release.file, "{link}");
    }
    libraries.join(release.file)
}

/// The paths of all files and links below a directory, as seen with it as root.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("its type").is_dir() {
                directories.push(entry.path());
            } else {
                let path = entry.path();
                let inside = path.strip_prefix(root).expect("a path inside");
                found.insert(format!("/{}", inside.display()));
            }
        }
    }
    found
}

/// The soname, no symbol table but the dynamic one, a moderate size, nothing needed beside libc.
fn shared_library(library: &Path, release: &Release) {
    let dynamic = output(Command::new("readelf").args(["-W", "-d"]).arg(library));
    assert!(dynamic.contains(&format!("Library soname: [libnfs.so.{}]", release.abi)), "{dynamic}");
    let sections = output(Command::new("readelf").args(["-W", "-S"]).arg(library));
    assert!(!sections.contains(".symtab") && !sections.contains(".debug_"), "{sections}");
    let size = fs::metadata(library).expect("the library").len();
    assert!(size < 2_250_000, "{size} bytes");
    needs_only_libc(library);
}

fn needs_only_libc(program: &Path) {
    for line in output(Command::new("ldd").arg(program)).lines() {
        let known = COMPANIONS.iter().any(|companion| line.contains(companion));
        assert!(known || line.contains("libnfs.so."), "{} needs {line}", program.display());
    }
}

/// A C program, built with what pkg-config says, linked with the shared and with the static library.
fn programs(root: &Path, release: &Release, libdir: &str) {
    let flags = |arguments: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_LIBDIR", root.join(&libdir[1..]).join("pkgconfig"));
        command.env("PKG_CONFIG_SYSROOT_DIR", root).env_remove("PKG_CONFIG_PATH");
        // Otherwise directories of the system would be left out.
        command.envs([("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1"), ("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")]);
        output(command.args(arguments).arg("libnfs")).trim().to_owned()
    };
    assert_eq!(flags(&["--modversion"]), release.version);

    let source = root.join("program.c");
    fs::write(&source, PROGRAM).expect("a C program");
    let libraries = root.join(&libdir[1..]);
    let run_program = |program: &Path| {
        let mut command = Command::new(program);
        let done = run(command.env("LD_LIBRARY_PATH", &libraries), Duration::from_secs(10));
        assert_eq!(done.stdout, "host /export /file\n", "{} {}", program.display(), done.how());
    };

    let shared = root.join("shared");
    let arguments = flags(&["--cflags", "--libs"]);
    compile_c(&source, &shared, &arguments.split_whitespace().collect::<Vec<_>>());
    run_program(&shared);
    let needed = output(Command::new("readelf").args(["-W", "-d"]).arg(&shared));
    assert!(needed.contains(&format!("[libnfs.so.{}]", release.abi)), "{needed}");

    let fixed = root.join("static");
    let arguments = flags(&["--cflags", "--libs", "--static"]);
    let arguments = arguments.replace("-lnfs", "-Wl,-Bstatic -lnfs -Wl,-Bdynamic");
    compile_c(&source, &fixed, &arguments.split_whitespace().collect::<Vec<_>>());
    run_program(&fixed);
    let needed = output(Command::new("readelf").args(["-W", "-d"]).arg(&fixed));
    assert!(!needed.contains("libnfs"), "{needed}");
    needs_only_libc(&fixed);
    for made in [source, shared, fixed] {
        fs::remove_file(made).expect("removal of what the test made");
    }
}

fn output(command: &mut Command) -> String {
    let done = run(command, Duration::from_secs(30));
    assert!(done.success(), "{command:?} {}: {}", done.how(), done.stderr);
    done.stdout
}
