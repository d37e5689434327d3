// SPDX-License-Identifier: MIT
//! Tells Cargo where libbezdist is: in the folder BEZDIST_LIB_DIR, else where pkg-config says, else where the linker
//! looks anyway. Plain rustc needs none of this: give it -L.
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BEZDIST_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    if let Ok(folder) = std::env::var("BEZDIST_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
    } else if let Ok(found) = Command::new("pkg-config").args(["--variable=libdir", "bezdist"]).output() {
        let folder = String::from_utf8_lossy(&found.stdout);
        if found.status.success() && !folder.trim().is_empty() {
            println!("cargo:rustc-link-search=native={}", folder.trim());
        }
    }
}
