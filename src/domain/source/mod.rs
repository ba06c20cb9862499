//! Text that people write by hand: where things stand in it, and what is wrong with it.
//!
//! Lives here: [`fault`] (a fault with its place, collecting and printing them), [`yaml`] (YAML whose every value knows where
//! it stands), [`read`] (taking typed values out of it, all faults at once).
//! Never lives here: what the text means, and reading files.

pub mod fault;
pub mod read;
pub mod yaml;

pub use fault::{Fault, Faults};
pub use yaml::{Node, Value};
