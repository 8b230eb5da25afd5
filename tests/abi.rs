//! What C sees of the library: headers, layouts, prototypes, symbols, and how every function takes nonsense.

mod support;

#[path = "abi/headers.rs"]
mod headers;
#[path = "abi/programs.rs"]
mod programs;
#[path = "abi/symbols.rs"]
mod symbols;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, iter};

use headers::HEADERS;
use programs::{With, build_and_run, calls, prototypes};
use support::{TempDir, debian_library, libnfs14, library, library_directory, need, project_root, run};
use symbols::{Function, State, dynamic_symbols, exports, functions, matrix, symbols};

/// Fails when `path` does not contain `text`; writes it there with `UPDATE_HEADERS=1`.
fn kept(path: &Path, text: &str) {
    if env::var_os("UPDATE_HEADERS").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file to write");
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "{} is not that of the source: run `make headers`", path.display());
}

#[test]
fn headers_are_those_of_the_source() {
    for header in HEADERS {
        kept(&header.path(), &header.generate());
    }
}

#[test]
fn the_table_of_functions_is_that_of_the_source() {
    kept(&project_root().join("docs/SYMBOLS.md"), &matrix());
}

/// `-I` for our headers.
fn ours() -> String {
    format!("-I{}", project_root().join("include").display())
}

#[test]
fn headers_compile_in_every_language() {
    let directory = TempDir::new();
    for header in HEADERS {
        let text = format!(
            "#include <nfsc/{0}>\n#include <nfsc/{0}>\nint main(void) {{ return 0; }}\n",
            header.name
        );
        for (compiler, standard, suffix) in
            [("gcc", "-std=c99", "c"), ("gcc", "-std=c11", "c"), ("g++", "-std=c++17", "cc")]
        {
            if !need(&[compiler]) {
                return;
            }
            let source = directory.path().join(format!("include.{suffix}"));
            fs::write(&source, &text).expect("a source");
            for abi in ["-DLIBNFS_ABI=13", "-DLIBNFS_ABI=14", "-DOTHER"] {
                let mut command = Command::new(compiler);
                command.args([
                    standard,
                    "-Wall",
                    "-Wextra",
                    "-pedantic",
                    "-Werror",
                    "-fsyntax-only",
                    abi,
                    &ours(),
                ]);
                let done = run(command.arg(&source), Duration::from_secs(60));
                assert!(done.success(), "{compiler} {standard} {abi} {}:\n{}", header.name, done.stderr);
            }
        }
    }
}

/// What `layout.c` prints with the headers that `flags` lead to.
fn layout(flags: &[&str]) -> String {
    let directory = TempDir::new();
    let program = directory.path().join("layout");
    support::compile_c(&project_root().join("tests/abi/layout.c"), &program, flags);
    let done = run(&mut Command::new(program), Duration::from_secs(10));
    assert!(done.success(), "layout {}", done.how());
    done.stdout
}

/// On 64-bit machines; elsewhere the sizes differ.
#[cfg(target_pointer_width = "64")]
#[test]
fn layouts_and_values_are_those_of_5_0_3() {
    if need(&["gcc"]) {
        assert_eq!(layout(&[&ours()]), include_str!("abi/layout-5.0.3.txt"));
    }
}

#[test]
fn layouts_and_values_are_those_of_debian() {
    if need(&["gcc", "libnfs-dev"]) {
        assert_eq!(layout(&[&ours(), "-DLIBNFS_ABI=13"]), layout(&[]));
    }
}

fn compile_prototypes(abi: u32, flags: &[&str], which: impl Fn(&Function) -> bool) {
    let directory = TempDir::new();
    let (source, program) = (directory.path().join("prototypes.c"), directory.path().join("prototypes"));
    let functions = functions();
    let of_header = || functions.iter().filter(|function| function.is_declared() && which(function));
    let text = prototypes(
        of_header().filter(|function| function.since <= abi),
        of_header().filter(|function| function.since > abi),
    );
    fs::write(&source, text).expect("a source");
    support::compile_c(&source, &program, flags);
}

#[test]
fn prototypes_are_those_of_the_list() {
    if need(&["gcc"]) {
        // Without optimization nothing has to be linked.
        compile_prototypes(14, &["-O0", &ours()], |_| true);
        compile_prototypes(13, &["-O0", &ours(), "-DLIBNFS_ABI=13"], |_| true);
    }
}

#[test]
fn prototypes_of_the_list_are_those_of_debian() {
    if need(&["gcc", "libnfs-dev"]) {
        compile_prototypes(13, &["-O0"], Function::is_public);
    }
}

/// Compares what the dynamic linker sees with the list, both ways.
fn check_library(library: &PathBuf, abi: u32) {
    let functions = functions();
    let expected =
        functions.iter().filter(|function| function.since <= abi).map(|function| function.name.to_string());
    let (expected, found) = (expected.collect::<BTreeSet<_>>(), dynamic_symbols(library));
    let lacking: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(
        lacking.is_empty() && surplus.is_empty(),
        "ABI {abi}: lacks {lacking:?}, has {surplus:?} too many"
    );
    let dynamic = run(Command::new("readelf").arg("-d").arg(library), Duration::from_secs(20)).stdout;
    let soname = format!("[libnfs.so.{abi}]");
    assert!(
        dynamic.lines().any(|line| line.contains("(SONAME)") && line.contains(&soname)),
        "no {soname}:\n{dynamic}"
    );
}

#[test]
fn the_library_exports_the_functions_of_its_abi() {
    if need(&["nm", "readelf"]) {
        check_library(&library(), 14);
    }
}

#[test]
fn the_library_of_abi_13_exports_those_of_4_0() {
    if !need(&["nm", "readelf"]) {
        return;
    }
    let target = project_root().join("target/abi13");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--lib", "--target-dir"]).arg(&target).env("LIBNFS_ABI", "13");
    let built = run(cargo.current_dir(project_root()), Duration::from_secs(900));
    assert!(built.success(), "cargo {}:\n{}", built.how(), built.stderr);
    check_library(&target.join("release/libnfs.so"), 13);
}

/// Runs the calls with the release library, and returns a name, a result and a sentence for each.
fn call(functions: &[Function], with: With, wrapper: &[&str]) -> Vec<(String, String, String)> {
    let directory = TempDir::new();
    let lib = format!("-L{}", library_directory(directory.path()).display());
    let done =
        build_and_run(directory.path(), &calls(functions.iter(), with), &[&ours(), &lib, "-lnfs"], wrapper);
    assert!(done.success(), "calls with {with:?}: program {}\n{}{}", done.how(), done.stdout, done.stderr);
    let lines = done.stdout.lines().map(|line| {
        let mut parts = line.splitn(3, ": ").map(str::to_string);
        let mut part = || parts.next().unwrap_or_else(|| panic!("a wrong line: {line}"));
        (part(), part(), part())
    });
    lines.collect()
}

#[test]
fn the_list_of_all_functions_is_that_of_libnfs() {
    let symbols = symbols();
    let names: BTreeSet<&str> = symbols.iter().map(|symbol| symbol.name).collect();
    assert_eq!((symbols.len(), names.len()), (916, 916));
    for function in functions() {
        if let Some(symbol) = symbols.iter().find(|symbol| symbol.name == function.name) {
            assert_eq!((symbol.since, symbol.header), (function.since, function.header), "{}", symbol.name);
        }
    }
    if need(&["nm", "libnfs13", "libnfs14"]) {
        for library in [debian_library().expect("Debian's library"), libnfs14().join("lib/libnfs.so.14")] {
            let found = dynamic_symbols(&library);
            let old = symbols.iter().filter(|symbol| symbol.since == 13);
            let lacking: Vec<&str> =
                old.map(|symbol| symbol.name).filter(|&name| !found.contains(name)).collect();
            assert!(lacking.is_empty(), "{} lacks {lacking:?}", library.display());
        }
    }
}

#[test]
fn missing_functions_say_so() {
    if !need(&["gcc"]) {
        return;
    }
    let exports = exports();
    let missing =
        |function: &Function| exports.get(function.name).is_some_and(|(_, state)| *state == State::Missing);
    let missing: Vec<_> = functions().into_iter().filter(missing).collect();
    let calls = call(&missing, With::Unmounted, &[]);
    assert_eq!(calls.len(), missing.len());
    for (function, (name, result, sentence)) in iter::zip(&missing, calls) {
        let expected = match function.result() {
            "void" => "void",
            pointer if pointer.ends_with('*') => "NULL",
            _ => "-38",
        };
        assert_eq!((function.name, expected), (name.as_str(), result.as_str()));
        assert!(
            !function.has_context() || sentence == format!("{name}() is not supported"),
            "{name}: {sentence}"
        );
    }
}

/// Functions that return a number, but no error.
fn returns_no_error(name: &str) -> bool {
    let (_, action) = name.split_once('_').expect("a prefix");
    ["which_events", "queue_length", "set_hash_size", "umask", "set_version"].contains(&action)
        || (action.starts_with("get_") && action != "get_fd")
}

/// Functions that work before the mount.
fn is_harmless(name: &str) -> bool {
    ["nfs_service", "rpc_service", "nfs_chdir", "nfs_mt_service_thread_start"].contains(&name)
}

/// Calls everything with NULL and 0, and with contexts that cannot be used: there is an error, and no crash.
fn survives_nonsense(with: With, wrapper: &[&str]) {
    let wanted = |function: &Function| {
        // They make something, or wait for the network.
        let excepted =
            ["nfs_init_context", "rpc_init_context", "nfs_destroy_context", "nfs_find_local_servers"];
        let about_numbers = ["libnfs_auth", "nfsstat"].iter().any(|prefix| function.name.starts_with(prefix));
        !excepted.contains(&function.name) && !about_numbers
    };
    let functions: Vec<_> = functions().into_iter().filter(wanted).collect();
    let calls = call(&functions, with, wrapper);
    assert_eq!(calls.len(), functions.len());
    for (function, (name, result, _)) in iter::zip(&functions, calls) {
        let alive = matches!(with, With::Unmounted);
        match function.result() {
            "int" if !returns_no_error(function.name) => {
                let harmless = alive && is_harmless(function.name);
                assert!(harmless || result.starts_with('-'), "{name} with {with:?}: {result}");
            }
            "void" => assert_eq!(result, "void"),
            "char *" => assert_eq!(result, "pointer", "{name}"),
            "struct rpc_context *" if alive => assert_eq!(result, "pointer", "{name}"),
            pointer if pointer.ends_with('*') => assert_eq!(result, "NULL", "{name}"),
            _ => {}
        }
    }
}

#[test]
fn nothing_is_done_with_a_null_context() {
    if need(&["gcc"]) {
        survives_nonsense(With::Null, &[]);
    }
}

#[test]
fn nothing_is_done_with_a_destroyed_context() {
    if need(&["gcc"]) {
        survives_nonsense(With::Destroyed, &[]);
    }
}

#[test]
fn nothing_is_done_before_the_mount() {
    if need(&["gcc"]) {
        survives_nonsense(With::Unmounted, &[]);
    }
}

#[test]
fn nonsense_leaks_nothing() {
    if need(&["gcc", "valgrind"]) {
        let valgrind = ["valgrind", "-q", "--leak-check=full", "--error-exitcode=9"];
        survives_nonsense(With::Unmounted, &valgrind);
        survives_nonsense(With::Destroyed, &valgrind);
    }
}
