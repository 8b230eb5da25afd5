//! Chooses the C ABI: `LIBNFS_ABI` is the number in the soname, 14 when unset (libnfs 5.0.x) or 13 (4.0.0).

fn main() {
    println!("cargo:rerun-if-env-changed=LIBNFS_ABI");
    let abi = std::env::var("LIBNFS_ABI").ok().filter(|value| !value.is_empty());
    let abi = abi.as_deref().unwrap_or("14");
    if !["13", "14"].contains(&abi) {
        panic!("LIBNFS_ABI is {abi:?}; this release builds ABI 13 and 14");
    }
    println!("cargo:rustc-cfg=libnfs_abi=\"{abi}\"");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnfs.so.{abi}");
    // A name may still be in the resolver's thread when the program calls dlclose().
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
