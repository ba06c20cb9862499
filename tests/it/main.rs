//! One binary for all integration tests, so that linking stays cheap.

mod layering;
mod rehearsals;
mod world;
mod world_is_real;
