//! An NFSv3 server that lives in memory, for demonstrations and tests.
//!
//! It exports `/demo` on a free port of the loopback interface, which needs no privileges and no portmapper:
//! MOUNT and NFS answer on the same port, which the URL carries.
//!
//! - `demo-server COMMAND [ARG...]` runs a command with the URL in `$NFS_URL` and exits with its status.
//! - `demo-server` prints the URL and serves until its standard input ends.

use std::error::Error;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, exit};
use std::thread;

use nfs3_server::memfs::{MemFs, MemFsConfig};
use nfs3_server::tcp::{NFSTcp, NFSTcpListener};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut files = MemFsConfig::default();
    files.add_file("/welcome.txt", "This file lives in the memory of the demonstration server.\n");
    let files = MemFs::new(files).map_err(|status| format!("cannot make the file system: {status:?}"))?;

    let mut server = NFSTcpListener::bind("127.0.0.1:0", files).await?;
    server.with_export_name("demo");
    let port = server.get_listen_port();
    let url = format!("nfs://127.0.0.1/demo?nfsport={port}&mountport={port}");

    let mut words = std::env::args_os().skip(1);
    if let Some(program) = words.next() {
        let mut command = Command::new(&program);
        command.args(words).env("NFS_URL", url);
        thread::spawn(move || match command.status() {
            Ok(status) => exit(exit_code(status)),
            Err(error) => {
                eprintln!("demo-server: {}: {error}", program.display());
                exit(127);
            }
        });
    } else {
        println!("{url}");
        io::stdout().flush()?;
        thread::spawn(|| {
            let ended = io::copy(&mut io::stdin(), &mut io::sink());
            exit(i32::from(ended.is_err()));
        });
    }
    server.handle_forever().await?;
    Ok(())
}

/// The shell's convention: the status itself, or 128 and the signal that ended the command.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
