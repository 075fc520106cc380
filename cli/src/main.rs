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
mod unwritable;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::context::Context;
use crate::persona::Persona;

#[global_allocator]
static ALLOCATOR: segura_allocator::Allocator = segura_allocator::ALLOCATOR;

fn main() -> ExitCode {
    segura_allocator::give_back_at_once();
    let args: Vec<_> = std::env::args_os().collect();
    if let Persona::Reserved(name) = Persona::of(args.first().map(AsRef::as_ref)) {
        return print::reserved_name(name);
    }

    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage::refuse(error, &args),
    };
    let context = Context::new(context::environment(), cli.globals);
    match command::run(cli.command, &context) {
        Ok(code) => ExitCode::from(code),
        Err(error) => print::failure(&error, context.used(&error).as_deref(), context.format()),
    }
}
