//! The pages of the real server, over real HTTP.

mod acts;
mod safety;
mod sessions;
pub mod signed;
pub mod stream;
