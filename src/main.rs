//! The program: hands the arguments to the library and leaves with its exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Where customers lie in memory: blocks of one size side by side, which is quicker to go through
/// than what the C library gives.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    siaga::cli::run(std::env::args_os())
}
