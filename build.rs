//! Lets cargo notice a new migration: `sqlx::migrate!` embeds the folder but is only expanded when a source changes.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=.sqlx");
}
