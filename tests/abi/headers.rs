//! Writes the headers from the source, with cbindgen.

use std::path::PathBuf;

use crate::support::project_root;

/// A header of `include/nfsc/`.
pub struct Header {
    pub name: &'static str,
    guard: &'static str,
    /// Files of `src/abi/`, in the order of their functions in the header.
    sources: &'static [&'static str],
    /// Types that no function mentions.
    types: &'static [&'static str],
    style: cbindgen::Style,
    /// Stands before everything else.
    title: &'static str,
    /// Stands between the includes and the declarations.
    prologue: &'static str,
}

pub const HEADERS: [Header; 5] = [
    Header {
        name: "libnfs.h",
        guard: "_LIBNFS_H_",
        sources: &[
            "types",
            "context",
            "event",
            "identity",
            "settings",
            "caches",
            "url",
            "mount",
            "attributes",
            "file",
            "data",
            "position",
            "locks",
            "namespace",
            "directory",
            "file_system",
            "links",
            "permissions",
            "times",
            "access",
            "exports",
            "servers",
        ],
        types: &["nfs4_flock", "nfs4_lock_op", "nfs4_fcntl_op"],
        style: cbindgen::Style::Tag,
        title: include_str!("libnfs-title.txt"),
        prologue: include_str!("libnfs-prologue.txt"),
    },
    Header {
        name: "libnfs-raw-mount.h",
        guard: "_LIBNFS_RAW_MOUNT_H_",
        sources: &["raw/mount"],
        types: &["groupnode", "exportnode", "groups", "exports"],
        style: cbindgen::Style::Both,
        title: include_str!("libnfs-raw-mount-title.txt"),
        prologue: "#include <stdint.h>",
    },
    Header {
        name: "libnfs-raw.h",
        guard: "_LIBNFS_RAW_H_",
        sources: &["raw/types", "raw/statuses", "raw/context", "raw/event", "raw/settings"],
        types: &[],
        style: cbindgen::Style::Tag,
        title: include_str!("libnfs-raw-title.txt"),
        prologue: "#include <stdint.h>\n#include <nfsc/libnfs.h>",
    },
    Header {
        name: "libnfs-raw-nfs.h",
        guard: "_LIBNFS_RAW_NFS_H_",
        sources: &["acl"],
        types: &["nfsacl_type"],
        style: cbindgen::Style::Both,
        title: include_str!("libnfs-raw-nfs-title.txt"),
        prologue: "#include <stdint.h>\n#include <nfsc/libnfs.h>",
    },
    Header {
        name: "libnfs-raw-nfs4.h",
        guard: "_LIBNFS_RAW_NFS4_H_",
        sources: &["raw/nfs4", "missing"],
        types: &["utf8string", "nfsace4", "fattr4_acl"],
        style: cbindgen::Style::Both,
        title: include_str!("libnfs-raw-nfs4-title.txt"),
        prologue: "#include <stdint.h>\n#include <nfsc/libnfs.h>",
    },
];

impl Header {
    /// Where the header is kept.
    pub fn path(&self) -> PathBuf {
        project_root().join("include/nfsc").join(self.name)
    }

    /// The header as the source wants it.
    pub fn generate(&self) -> String {
        let mut config =
            cbindgen::Config::from_file(project_root().join("cbindgen.toml")).expect("cbindgen.toml");
        config.style = self.style;
        config.include_guard = Some(self.guard.into());
        config.header = Some(self.title.trim_end().into());
        config.after_includes = Some(self.prologue.trim_end().into());
        config.export.include = self.types.iter().map(|name| name.to_string()).collect();
        let mut builder = cbindgen::Builder::new().with_config(config);
        for source in self.sources {
            builder = builder.with_src(project_root().join(format!("src/abi/{source}.rs")));
        }
        let mut text = Vec::new();
        builder.generate().expect("a header").write(&mut text);
        tidy(&String::from_utf8(text).expect("a header in UTF-8"))
    }
}

/// Leaves out what the comments say to Rust (in C every pointer has to be right, and the header says so once), and
/// lays out declarations.
fn tidy(header: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = header.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        match line.trim() {
            "* # Safety" => {
                lines.by_ref().find(|line| line.trim() == "*/");
                // The empty line before it.
                kept.pop();
                kept.push(line.replace("* # Safety", "*/"));
            }
            "EXTERN" => {
                let mut words = vec![line];
                for line in lines.by_ref() {
                    words.extend(line.split_whitespace());
                    if line.ends_with(';') {
                        break;
                    }
                }
                kept.extend(fill(&words.join(" ")));
            }
            _ => kept.push(line.to_string()),
        }
    }
    kept.join("\n") + "\n"
}

/// Breaks a declaration after commas into lines of at most 100 characters.
fn fill(declaration: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in declaration.split_inclusive(", ") {
        let last = lines.last_mut().expect("a line");
        if last.len() + part.trim_end().len() > 100 {
            *last = last.trim_end().to_string();
            lines.push(format!("    {part}"));
        } else {
            last.push_str(part);
        }
    }
    lines
}
