//! One binary for all integration tests, so that linking stays cheap.
