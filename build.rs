//! Lets cargo notice a new file in a folder that a macro embeds: it is only expanded when a source changes.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=.sqlx");
    // A debug build reads the pages at run time, so a change of theirs is no reason to build.
    if std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none() {
        println!("cargo:rerun-if-changed=static");
    }
}
