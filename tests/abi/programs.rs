//! C programs made from the list of functions.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{self, Finished};
use crate::symbols::Function;

const DECLARATIONS: &str = "\
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <utime.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw-nfs4.h>
";

/// Compares the prototypes of the headers with those of the list. Does not compile when one differs, or when a
/// header has a function too many.
pub fn prototypes<'a>(
    has: impl Iterator<Item = &'a Function>,
    has_not: impl Iterator<Item = &'a Function>,
) -> String {
    let mut program = DECLARATIONS.to_string();
    for Function { name, prototype, .. } in has {
        let listed = prototype.replacen(&format!("{name}("), &format!("listed_{name}("), 1);
        writeln!(program, "typedef {listed};").expect("text");
        writeln!(
            program,
            "_Static_assert(__builtin_types_compatible_p(__typeof__({name}), listed_{name}), \"{name}\");"
        )
        .expect("text");
    }
    for Function { name, .. } in has_not {
        // Does not compile when the name is declared.
        writeln!(program, "typedef int {name};").expect("text");
    }
    program + "int main(void) { return 0; }\n"
}

/// A context to call functions with.
#[derive(Debug, Clone, Copy)]
pub enum With {
    Null,
    Destroyed,
    Unmounted,
}

/// Calls each function with a context, and with NULL and 0 for everything else. Prints for each
/// `NAME: RESULT: SENTENCE`, where the result is a number, or the word NULL, pointer or void.
pub fn calls<'a>(functions: impl Iterator<Item = &'a Function>, with: With) -> String {
    let mut program = DECLARATIONS.to_string();
    let mut body = String::new();
    for function in functions {
        if !function.is_declared() {
            writeln!(program, "{};", function.prototype).expect("text");
        }
        let arguments: Vec<&str> = function.arguments().map(argument).collect();
        let call = format!("{}({})", function.name, arguments.join(", "));
        let result = match function.result() {
            "void" => format!("{call}; strcpy(result, \"void\")"),
            pointer if pointer.ends_with('*') => format!("strcpy(result, {call} ? \"pointer\" : \"NULL\")"),
            _ => format!("snprintf(result, sizeof(result), \"%lld\", (long long){call})"),
        };
        let line = format!("printf(\"{}: %s: %s\\n\", result, nfs_get_error(nfs))", function.name);
        writeln!(body, "    {result};\n    {line};").expect("text");
    }
    let context = match with {
        With::Null => "NULL",
        With::Destroyed | With::Unmounted => "nfs_init_context()",
    };
    let destroy = "    nfs_destroy_context(nfs);\n";
    let (before, after) = match with {
        With::Null => ("", ""),
        With::Destroyed => (destroy, ""),
        With::Unmounted => ("", destroy),
    };
    let rpc = "    struct rpc_context *rpc = nfs_get_rpc_context(nfs);\n\n    (void)rpc;\n";
    format!(
        "{program}\nint main(void)\n{{\n    char result[32];\n    struct nfs_context *nfs = {context};\n\
         {rpc}{before}{body}{after}    return 0;\n}}\n"
    )
}

/// Something harmless for an argument.
fn argument(argument: &str) -> &str {
    let is_context = Function::is_context(argument);
    let is_pointer =
        argument.contains('*') || argument.starts_with("nfs_cb") || argument.starts_with("rpc_cb");
    match (is_context, is_pointer) {
        (true, _) => argument.trim_start_matches(|c| c != '*').trim_start_matches('*'),
        (_, true) => "NULL",
        _ => "0",
    }
}

/// Compiles a program text with the library in `directory/lib`, and runs it, under `wrapper` if there is one.
pub fn build_and_run(directory: &Path, text: &str, flags: &[&str], wrapper: &[&str]) -> Finished {
    let (source, program) = (directory.join("program.c"), directory.join("program"));
    fs::write(&source, text).expect("a source");
    support::compile_c(&source, &program, flags);
    let mut command =
        Command::new(wrapper.first().copied().map_or(program.as_os_str(), |first| first.as_ref()));
    if let Some((_, rest)) = wrapper.split_first() {
        command.args(rest).arg(&program);
    }
    support::run(command.env("LD_LIBRARY_PATH", directory.join("lib")), Duration::from_secs(60))
}
