//! Rundown runs on-call runbooks step by step, asks humans where humans must decide, and writes the postmortem
//! from what it wrote down while it happened. The map is in `docs/architecture.md`.

pub mod base;
pub mod bot;
pub mod chat;
pub mod client;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod logs;
pub mod rehearsal;
pub mod rehearse;
pub mod samples;
pub mod serve;
pub mod step;
pub mod view;
pub mod web;
