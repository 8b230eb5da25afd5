//! The original Python module `libnfs`, its source package unmodified, compiled against our header and library:
//! the examples of its README, everything it offers, and what makes it crash on libnfs, on nfs-ganesha.

mod documents;
mod make;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use support::{Lab, library, library_directory, need, project_root, run};

const PACKAGE: &str = "libnfs-1.0.post4";
const SHA256: &str = "0dd1a78266151eca00d3b21414691c94d28744de3e891681aa3b54c277a02cc0";

#[test]
fn readme_examples() {
    python_test("readme.py", |module| vec![module.join("README")]);
}

#[test]
fn all_functions() {
    python_test("exercise.py", |_| Vec::new());
}

#[test]
fn modes_holes_threads() {
    python_test("modes.py", |_| Vec::new());
}

#[test]
fn misuse() {
    python_test("misuse.py", |_| Vec::new());
}

#[test]
fn install_as_documented() {
    if !need(&["make", "gcc", "strip"]) {
        return;
    }
    // Debian's pip builds the module with Debian's setuptools. Others fetch them.
    let with_pip = |python: &&str| suits(python) && has_module(python, "pip");
    let Some(python) = ["/usr/bin/python3", "python3"].into_iter().find(with_pip) else {
        need(&[
            "a Python with pip, its headers and the module `imp` (python3-pip, python3-dev, before 3.12)",
        ]);
        return;
    };
    let Some(package) = package(Path::new(python)) else {
        need(&["the source package libnfs 1.0.post4 from PyPI"]);
        return;
    };
    make::make(&["all"]);
    let cache = package.parent().and_then(Path::to_str).expect("the directory of the package");
    let environment = [("PIP_FIND_LINKS", cache), ("PIP_ROOT_USER_ACTION", "ignore")];
    let section = ["The module libnfs"];
    documents::run_sections("docs/PYTHON.md", &section, &[("python3", python)], &environment);
}

/// Runs one of the programs in tests/python on a fresh server, with the module and our library.
fn python_test(program: &str, arguments: impl Fn(&Path) -> Vec<PathBuf>) {
    if !need(&["ganesha", "gcc"]) {
        return;
    }
    let Some(python) = python() else {
        need(&["a Python with its headers and the module `imp` (python3-dev, before 3.12)"]);
        return;
    };
    let Some(module) = module(python) else {
        need(&["the source package libnfs 1.0.post4 from PyPI"]);
        return;
    };
    let lab = Lab::new();
    let mut command = lab.command(python);
    command.args(["-W", "ignore"]).arg(project_root().join("tests/python").join(program));
    command.args(arguments(module));
    command.env("PYTHONPATH", module).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("LD_LIBRARY_PATH", library_directory(lab.path())).env("LIBNFS", library());
    let done = run(&mut command, Duration::from_secs(60));
    assert!(done.success(), "{program} {}:\n{}{}", done.how(), done.stdout, done.stderr);
}

/// The first Python that can compile extensions and has what the module's generated code imports.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<&'static str>> = OnceLock::new();
    PYTHON
        .get_or_init(|| ["python3", "/usr/bin/python3"].into_iter().find(|python| suits(python)))
        .map(Path::new)
}

fn suits(python: &str) -> bool {
    has_module(python, "imp, os, sysconfig; os.stat(sysconfig.get_paths()['include'] + '/Python.h')")
}

fn has_module(python: &str, module: &str) -> bool {
    let import = format!("import {module}");
    let output = Command::new(python).args(["-W", "ignore", "-c", &import]).output();
    output.is_ok_and(|output| output.status.success())
}

/// The directory of the compiled module; None when the package cannot be had.
fn module(python: &Path) -> Option<&'static Path> {
    static MODULE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MODULE.get_or_init(|| Some(build(python, package(python)?))).as_deref()
}

/// Fetches the source package unless it is there already; what is not the known package is not used.
fn package(python: &Path) -> Option<&'static Path> {
    static SOURCE: OnceLock<Option<PathBuf>> = OnceLock::new();
    SOURCE
        .get_or_init(|| {
            let cache = project_root().join("target/python");
            fs::create_dir_all(&cache).expect("a directory for the package");
            let package = cache.join(format!("{PACKAGE}.tar.gz"));
            if !is_genuine(&package) {
                let mut pip = Command::new(python);
                pip.args(["-m", "pip", "-q", "--disable-pip-version-check", "download", "--require-hashes"]);
                pip.args(["--no-deps", "--no-binary", "libnfs", "--dest"]).arg(&cache);
                pip.arg("--requirement").arg(project_root().join("tests/python/requirements.txt"));
                let done = run(&mut pip, Duration::from_secs(120));
                println!("pip {}:\n{}{}", done.how(), done.stdout, done.stderr);
            }
            is_genuine(&package).then_some(package)
        })
        .as_deref()
}

fn is_genuine(package: &Path) -> bool {
    let output = Command::new("sha256sum").arg(package).output().expect("sha256sum");
    output.stdout.starts_with(SHA256.as_bytes())
}

/// Unpacks the package and runs its own setup.py against our header and library.
fn build(python: &Path, package: &Path) -> PathBuf {
    let cache = package.parent().expect("the directory of the package");
    let module = cache.join(PACKAGE);
    if module.exists() {
        fs::remove_dir_all(&module).expect("removal of what an earlier test built");
    }
    let done =
        run(Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(cache), Duration::from_secs(30));
    assert!(done.success(), "tar {}:\n{}", done.how(), done.stderr);

    let include = project_root().join("include");
    assert!(include.join("nfsc/libnfs.h").exists(), "otherwise the compiler would find Debian's header");
    let mut setup = Command::new(python);
    setup.args(["setup.py", "build_ext", "--inplace", "--include-dirs"]).arg(include);
    setup.arg("--library-dirs").arg(library().parent().expect("the directory of the library"));
    let done = run(setup.current_dir(&module), Duration::from_secs(120));
    assert!(done.success(), "setup.py {}:\n{}{}", done.how(), done.stdout, done.stderr);
    // Whatever the compiler makes of the generated code: our header is not what it complains about.
    let complaint =
        done.stderr.lines().find(|line| line.contains("nfsc/libnfs.h") && line.contains("warning"));
    assert_eq!(complaint, None, "{}", done.stderr);
    module
}
