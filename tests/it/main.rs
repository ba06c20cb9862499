//! One binary for all integration tests, so that linking stays cheap.

mod bad_input;
mod kill;
mod layering;
mod real_incident;
mod rundown;
mod world;
mod world_is_real;
