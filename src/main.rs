//! The program: hands the arguments to the library and leaves with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    siaga::cli::run(std::env::args_os())
}
