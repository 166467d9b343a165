//! Siaga.
fn main() {}
