//! The API as its callers see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod authzen;
mod bad_input;
mod description;
mod house;
mod published;
mod records;
mod reports;
mod sessions;
mod sockets;
