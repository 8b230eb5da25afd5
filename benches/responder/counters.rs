//! What is counted, and the line protocol by which the measuring program asks for it.

use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Default)]
pub struct Counters {
    pub connections: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Pieces of written data that were not what they should be.
    pub mismatches: u64,
    calls: BTreeMap<(u32, u32), u64>,
}

impl Counters {
    pub fn call(&mut self, program: u32, procedure: u32) {
        *self.calls.entry((program, procedure)).or_default() += 1;
    }

    /// One line of `name=number`.
    pub fn line(&self) -> String {
        let mut line = format!(
            "connections={} calls={} read_bytes={} written_bytes={} mismatches={}",
            self.connections,
            self.calls.values().sum::<u64>(),
            self.read_bytes,
            self.written_bytes,
            self.mismatches
        );
        for (&(program, procedure), count) in &self.calls {
            let _ = write!(line, " {}={count}", name(program, procedure));
        }
        line.push('\n');
        line
    }
}

fn name(program: u32, procedure: u32) -> String {
    const NFS: [&str; 22] = [
        "NULL",
        "GETATTR",
        "SETATTR",
        "LOOKUP",
        "ACCESS",
        "READLINK",
        "READ",
        "WRITE",
        "CREATE",
        "MKDIR",
        "SYMLINK",
        "MKNOD",
        "REMOVE",
        "RMDIR",
        "RENAME",
        "LINK",
        "READDIR",
        "READDIRPLUS",
        "FSSTAT",
        "FSINFO",
        "PATHCONF",
        "COMMIT",
    ];
    const MOUNT: [&str; 6] = ["NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT"];
    const PORTMAP: [&str; 5] = ["NULL", "SET", "UNSET", "GETPORT", "DUMP"];
    let (prefix, names): (&str, &[&str]) = match program {
        crate::services::NFS => ("", &NFS),
        crate::services::MOUNT => ("MOUNT.", &MOUNT),
        crate::services::PORTMAP => ("PORTMAP.", &PORTMAP),
        _ => ("", &[]),
    };
    match names.get(procedure as usize) {
        Some(name) => format!("{prefix}{name}"),
        None => format!("{program}.{procedure}"),
    }
}
