//! The acceptance tests, in one binary: each module is one promise of the README.

mod action;
mod canary;
mod dev;
mod exec;
mod main_job;
mod nodes;
mod operators;
mod overload;
mod pipelines;
mod provider;
mod refusals;
mod replay;
mod runners;
