//! Links the program for release so that little of it is held in memory, where the linker can.
//!
//! Two things are asked for, each only if this compiler and its linker make a program of it that starts here: what a
//! program runs through until it is idle lies side by side (`link/startup.ld`), and relocations are packed, which wants a
//! C library that unpacks them (glibc 2.36 or later). Without them the program is the same, and holds more memory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link/startup.ld");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    // A program for another system cannot be tried out.
    let is_here = variable("HOST") == variable("TARGET") && variable("CARGO_CFG_TARGET_OS") == "linux";
    if variable("PROFILE") != "release" || !is_here {
        return;
    }
    let layout = format!("-Wl,-T,{}/link/startup.ld", variable("CARGO_MANIFEST_DIR"));
    for argument in [layout.as_str(), "-Wl,-z,pack-relative-relocs"] {
        if starts(argument, &PathBuf::from(variable("OUT_DIR"))) {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Whether a program that is linked with this argument can be made and starts, with everything else as cargo has it.
fn starts(argument: &str, folder: &Path) -> bool {
    let (source, program) = (folder.join("starts.rs"), folder.join("starts"));
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.arg(&source).arg("-o").arg(&program).arg("-C").arg(format!("link-arg={argument}"));
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    is_good(&mut rustc) && is_good(&mut Command::new(&program))
}

fn is_good(command: &mut Command) -> bool {
    // What a linker that does not know the argument says about it is no news to whoever builds.
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
