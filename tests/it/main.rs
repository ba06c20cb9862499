//! One binary for all integration tests, so that linking stays cheap.

mod backup;
mod bad_input;
mod browser;
mod clients;
mod contract;
mod digest;
mod discord;
mod doctor;
mod hooks;
mod kill;
mod layering;
mod monitors;
mod month;
mod oncall;
mod people;
mod railway_schema;
mod real_incident;
mod rehearsals;
mod rot;
mod rundown;
mod steps;
mod terminal;
mod web;
mod whole_record;
mod world;
mod world_is_real;
