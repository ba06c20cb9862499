//! The pages of the real server, over real HTTP.
#![allow(clippy::disallowed_methods, reason = "browsers are outside the program and live in real time")]

mod acts;
mod load;
mod safety;
mod sessions;
pub mod signed;
pub mod stream;
