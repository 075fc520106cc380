//! The one binary: parse, dispatch, exit code.
//!
//! The process's environment is read here, once, and goes on as a value.

mod cli;
mod command;
mod context;
mod credentials;
mod documents;
mod error;
mod exec;
mod files;
mod moment;
mod persona;
mod print;
mod settings;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::context::Context;
use crate::persona::Persona;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    if let Persona::Reserved(name) = Persona::of(args.next().as_deref()) {
        return print::reserved_name(name);
    }

    let cli = Cli::parse();
    let context = Context::new(context::environment(), cli.globals);
    match command::run(cli.command, &context) {
        Ok(code) => ExitCode::from(code),
        Err(error) => print::failure(&error, context.format()),
    }
}
