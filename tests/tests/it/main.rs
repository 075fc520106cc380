//! The acceptance tests, in one binary: each module is one promise of the README.

mod action;
mod canary;
mod component;
mod dev;
mod exec;
mod json;
mod keyring;
mod main_job;
mod nodes;
mod operators;
mod overload;
mod pipelines;
mod policies;
mod provider;
mod readme;
mod refusals;
mod replay;
mod runners;
mod secrets;
mod sessions;
mod traces;
