//! One binary for all integration tests, so that linking stays cheap.

mod clients;
mod railway_schema;
mod world;
mod world_is_real;
