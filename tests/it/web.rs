//! The pages of the real server, over real HTTP.

mod load;
mod sessions;
pub mod signed;
pub mod stream;
