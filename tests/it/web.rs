//! The pages of the real server, over real HTTP.

mod sessions;
pub mod signed;
